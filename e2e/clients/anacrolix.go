package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/storage"
)

// Anacrolix is an anacrolix/torrent client in this process.
type Anacrolix struct {
	client *torrent.Client
	data   storage.ClientImplCloser
}

// StartAnacrolix starts a client at the given address that keeps data in
// downloads.
func StartAnacrolix(at netip.Addr, downloads string) (*Anacrolix, error) {
	c := torrent.NewDefaultClientConfig()
	data := storage.NewFile(downloads)
	c.DefaultStorage = data
	c.NoDHT, c.DisablePEX, c.DisableUTP, c.DisableIPv6, c.NoDefaultPortForwarding = true, true, true, true, true
	c.DisableWebtorrent, c.DisableWebseeds = true, true
	c.Seed = true
	c.ListenHost = func(string) string { return at.String() }
	c.ListenPort = 0
	c.Slogger = slog.New(slog.DiscardHandler)
	c.TrackerDialContext = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: at.AsSlice()}}).DialContext
	client, err := torrent.NewClient(c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start anacrolix/torrent: %w", err), data.Close())
	}
	return &Anacrolix{client: client, data: data}, nil
}

// Fetch downloads a torrent completely.
func (a *Anacrolix) Fetch(ctx context.Context, file []byte) error {
	mi, err := metainfo.Load(bytes.NewReader(file))
	if err != nil {
		return err
	}
	t, err := a.client.AddTorrent(mi)
	if err != nil {
		return err
	}
	select {
	case <-t.GotInfo():
	case <-ctx.Done():
		return ctx.Err()
	}
	t.DownloadAll()
	select {
	case <-t.Complete().On():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("anacrolix/torrent has %d bytes left: %w", t.BytesMissing(), ctx.Err())
	}
}

// Close leaves all swarms.
func (a *Anacrolix) Close() error {
	return errors.Join(errors.Join(a.client.Close()...), a.data.Close())
}
