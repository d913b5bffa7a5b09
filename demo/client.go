package demo

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"

	alog "github.com/anacrolix/log"
	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"golang.org/x/time/rate"
)

// peer is one member's BitTorrent client.
type peer struct {
	name string
	dir  string
	c    *torrent.Client
}

// newPeer starts a client on loopback that stores in dir and uploads at most
// bytesPerSecond.
func newPeer(name, dir string, bytesPerSecond int) (*peer, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	cfg := torrent.NewDefaultClientConfig()
	cfg.DataDir = dir
	cfg.ListenHost = func(string) string { return "127.0.0.1" }
	cfg.ListenPort = 0
	cfg.DisableIPv6 = true
	cfg.DisableUTP = true
	cfg.NoDHT = true
	cfg.DisablePEX = true
	cfg.DisableWebtorrent = true
	cfg.NoDefaultPortForwarding = true
	cfg.Seed = true
	cfg.UploadRateLimiter = rate.NewLimiter(rate.Limit(bytesPerSecond), 1<<18)
	cfg.Logger = alog.Logger{}.FilterLevel(alog.Disabled)
	cfg.Slogger = slog.New(slog.DiscardHandler)
	c, err := torrent.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", name, err)
	}
	return &peer{name: name, dir: dir, c: c}, nil
}

// add begins to seed or fetch a torrent.
func (p *peer) add(raw []byte) (*torrent.Torrent, error) {
	mi, err := metainfo.Load(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("read the .torrent: %w", err)
	}
	t, err := p.c.AddTorrent(mi)
	if err != nil {
		return nil, fmt.Errorf("%s adds a torrent: %w", p.name, err)
	}
	t.DownloadAll()
	return t, nil
}

// fetch adds a torrent and waits until it is complete or ctx ends.
func (p *peer) fetch(ctx context.Context, raw []byte) error {
	t, err := p.add(raw)
	if err != nil {
		return err
	}
	select {
	case <-t.Complete().On():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *peer) close() { p.c.Close() }
