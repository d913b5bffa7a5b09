package ircd

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Deps is what the room needs from the house.
type Deps struct {
	Members  Members
	Guard    Guard
	Events   EventLog
	Channels ChannelStore
	History  HistoryStore // nil keeps none, and clients aren't promised any
	Audit    Audit        // nil: operators can't do anything
	// Reload reads the section [irc] again; nil where that is impossible.
	Reload   func() (Config, error)
	Rates    *rates.Book
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	SiteName string // the network's name where the configuration gives none
	Version  string // such as "caduceus-0.1"
	CloakKey []byte // turns guests' addresses into hosts; without one, each run draws its own
	DataDir  string // where the certificate is kept if the configuration names no file
}

// Room is the IRC network as a room of the house. Make one with New; it may run
// again after a run has ended.
type Room struct {
	cfg     Config
	deps    Deps
	metrics *metrics

	mu    sync.Mutex
	taken Config   // cfg with what a running network has taken from a newer one
	now   *network // of the run, nil without one
	tls   string
	plain string
	web   string
}

var (
	_ supervise.Room       = (*Room)(nil)
	_ supervise.Complainer = (*Room)(nil)
)

// New makes the room. c must be valid.
func New(c Config, d Deps) *Room {
	c.Network = cmp.Or(c.Network, d.SiteName, "Caduceus")
	if c.CertFile == "" {
		c.CertFile = filepath.Join(d.DataDir, "irc", "certificate.pem")
		c.KeyFile = filepath.Join(d.DataDir, "secrets", "irc-certificate.key")
	}
	return &Room{cfg: c, taken: c, deps: d, metrics: newMetrics(d.Metrics)}
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "ircd" }

// Complaint implements supervise.Complainer.
func (r *Room) Complaint() string {
	r.mu.Lock()
	n := r.now
	r.mu.Unlock()
	if n == nil || n.rec == nil {
		return ""
	}
	return n.rec.complaint()
}

// Addrs returns the addresses that the room listens on, "" where it doesn't. They
// are known once it was ready.
func (r *Room) Addrs() (tls, plain string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tls, r.plain
}

// WebAddr is the address for WebSocket clients, as Addrs.
func (r *Room) WebAddr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.web
}

// drainTime is how long connections may take to get their last lines.
const drainTime = 2 * time.Second

// Run implements supervise.Room: it serves until ctx ends, then tells everyone
// and closes all connections and listeners. All state but the channels' is that
// of one run.
func (r *Room) Run(ctx context.Context, ready func()) error {
	n, err := r.network(ctx)
	if err != nil {
		return err
	}
	// Nobody is logged in yet, so only later events matter.
	from, err := r.deps.Events.Last(ctx)
	if err != nil {
		return fmt.Errorf("look up the newest event: %w", err)
	}
	if err := r.deps.Events.Advance(ctx, Consumer, from); err != nil {
		return err
	}
	// The history is written until everybody is gone.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	writer, writerFailed := supervise.NewGroup(writing)
	listeners, certs, err := r.listen(ctx)
	if err != nil {
		return err
	}
	defer r.metrics.connections.Set(0)
	n.certs = certs
	r.running(n)
	defer r.running(nil)
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := supervise.NewGroup(runCtx)
	// Connections outlive the rest for a moment, so that clients are told of the end.
	server := r.server(context.WithoutCancel(ctx), n)
	for _, l := range listeners {
		group.Go(func(ctx context.Context) error { return server.Serve(ctx, l) })
	}
	if certs != nil {
		group.Go(certs.Follow)
		group.Go(func(ctx context.Context) error { return r.tellCertificate(ctx, certs) })
	}
	group.Go(func(ctx context.Context) error { return n.follow(ctx, r.deps.Events, from) })
	group.Go(func(ctx context.Context) error { return n.followForgetting(ctx, r.deps.Events) })
	group.Go(n.keepSweeping)
	if n.rec != nil {
		writer.Go(n.rec.run)
		group.Go(n.rec.prune)
	}
	ready()
	select {
	case <-groupCtx.Done():
	case <-server.Failed():
	case <-writerFailed.Done():
	}
	stop()
	for _, l := range listeners {
		_ = l.Close() // Serve reports what matters
	}
	err = group.Wait()
	n.closeAll("The server is restarting, please come back")
	err = errors.Join(err, server.Drain(drainTime))
	stopWriting()
	return errors.Join(err, writer.Wait())
}

// network sets up the state of a run.
func (r *Room) network(ctx context.Context) (*network, error) {
	d := r.deps
	if err := d.Channels.Seed(ctx); err != nil {
		return nil, err
	}
	rows, err := d.Channels.Channels(ctx)
	if err != nil {
		return nil, err
	}
	trust, err := r.cfg.trust()
	if err != nil {
		return nil, err
	}
	cloak := d.CloakKey
	if len(cloak) == 0 {
		cloak = make([]byte, 32)
		if _, err := rand.Read(cloak); err != nil {
			return nil, fmt.Errorf("draw a key: %w", err)
		}
	}
	cfg := r.newest()
	n := &network{
		cfg: cfg, adopted: r.adopt, name: r.cfg.Network, version: cmp.Or(d.Version, "caduceus"), log: d.Log, clock: d.Clock,
		members: d.Members, store: d.Channels, audit: d.Audit, reload: d.Reload, metrics: r.metrics, guard: d.Guard, rates: d.Rates, cloak: cloak,
		started: d.Clock(), table: commandTable(), tokens: r.cfg.isupport(r.cfg.Network),
		sessions: map[*session]struct{}{}, nicks: map[string]*user{}, accounts: map[core.MemberID]*account{},
		channels: map[string]*channel{}, opers: map[*user]struct{}{}, census: newCensus(&cfg, d.Rates), monitors: map[string]map[*session]struct{}{},
		trusted: trust, lookups: d.Rates.Limit("keys said on IRC", lookupRate), showing: d.Rates.Limit("members whose keys are said", shownRate),
	}
	if d.History != nil {
		if n.lastID, err = d.History.Last(ctx); err != nil {
			return nil, err
		}
		n.firstID = n.lastID
		n.rec = newRecorder(d.History, d.Log, r.metrics.unkept)
		n.tokens = append(n.tokens, "CHATHISTORY="+strconv.Itoa(maxHistory), "MSGREFTYPES=msgid,timestamp")
	}
	for _, row := range rows {
		ch := newChannel(row, true, n.started, n.lastID)
		n.channels[fold(row.Name)] = ch
		n.ordered = append(n.ordered, ch)
	}
	masks, err := d.Channels.Masks(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, m := range masks {
		if ch := n.channels[fold(m.Channel)]; ch != nil && strings.IndexByte(maskLists, m.Kind) >= 0 {
			list := ch.list(m.Kind)
			*list = append(*list, maskEntry{mask: m.Mask, by: m.By, at: m.At})
		}
	}
	_, err = n.followLines(ctx)
	return n, err
}
