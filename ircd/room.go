package ircd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Deps is what the room needs from the house.
type Deps struct {
	Members  Members
	Events   EventLog
	Channels ChannelStore
	History  HistoryStore // nil keeps none, and clients aren't promised any
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
	SiteName string // the network's name where the configuration gives none
	Version  string // such as "caduceus-0.1"
	DataDir  string // where a certificate is kept that the configuration doesn't name
}

// Room is the IRC network as a room of the house. Make one with New; it may run
// again after a run has ended.
type Room struct {
	cfg     Config
	deps    Deps
	metrics *metrics

	mu    sync.Mutex
	tls   string
	plain string
}

var _ supervise.Room = (*Room)(nil)

// New makes the room. c must be valid.
func New(c Config, d Deps) *Room {
	c.Network = cmp.Or(c.Network, d.SiteName, "Caduceus")
	if c.CertFile == "" {
		c.CertFile = filepath.Join(d.DataDir, "irc", "certificate.pem")
		c.KeyFile = filepath.Join(d.DataDir, "secrets", "irc-certificate.key")
	}
	return &Room{cfg: c, deps: d, metrics: newMetrics(d.Metrics)}
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "ircd" }

// Addrs returns the addresses that the room listens on, "" where it doesn't. They
// are known once it was ready.
func (r *Room) Addrs() (tls, plain string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tls, r.plain
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
	// Nobody is logged in yet, so nothing before now matters; everything after does.
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
	listeners, err := r.listen(ctx)
	if err != nil {
		return err
	}
	defer r.metrics.connections.Set(0)
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	group, groupCtx := supervise.NewGroup(runCtx)
	// Connections outlive the rest for a moment, to hear of the end.
	conns := newConnections(context.WithoutCancel(ctx))
	for _, l := range listeners {
		group.Go(func(ctx context.Context) error { return n.accept(ctx, l, conns) })
	}
	group.Go(func(ctx context.Context) error { return n.follow(ctx, r.deps.Events, from) })
	group.Go(n.keepSweeping)
	if n.rec != nil {
		writer.Go(n.rec.run)
		group.Go(n.rec.prune)
	}
	ready()
	select {
	case <-groupCtx.Done():
	case <-conns.failed:
	case <-writerFailed.Done():
	}
	stop()
	for _, l := range listeners {
		_ = l.Close() // accept reports what matters
	}
	err = group.Wait()
	n.closeAll("The server is restarting, please come back")
	err = errors.Join(err, conns.drain(drainTime))
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
	cloak := make([]byte, 32)
	if _, err := rand.Read(cloak); err != nil {
		return nil, fmt.Errorf("draw a key: %w", err)
	}
	n := &network{
		cfg: r.cfg, name: r.cfg.Network, version: cmp.Or(d.Version, "caduceus"), log: d.Log, clock: d.Clock,
		members: d.Members, store: d.Channels, metrics: r.metrics, guard: newGuard(d.Clock), cloak: cloak,
		started: d.Clock(), table: commandTable(), tokens: r.cfg.isupport(r.cfg.Network),
		sessions: map[*session]struct{}{}, nicks: map[string]*user{}, accounts: map[core.MemberID]*account{},
		channels: map[string]*channel{}, perAddr: map[netip.Addr]int{}, monitors: map[string]map[*session]struct{}{},
	}
	if d.History != nil {
		if n.lastID, err = d.History.Last(ctx); err != nil {
			return nil, err
		}
		n.rec = newRecorder(d.History, d.Log, r.metrics.unkept)
		n.tokens = append(n.tokens, "CHATHISTORY="+strconv.Itoa(maxHistory), "MSGREFTYPES=msgid,timestamp")
	}
	for _, row := range rows {
		ch := newChannel(row, true, n.started)
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
	return n, n.followLines(ctx)
}

// listener is an open port.
type listener struct {
	net.Listener
	tls *tls.Config // nil for plain text
}

// listen opens the ports, all or none.
func (r *Room) listen(ctx context.Context) ([]*listener, error) {
	var out []*listener
	open := func(addr string, config *tls.Config) (string, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			for _, other := range out {
				err = errors.Join(err, other.Close())
			}
			return "", fmt.Errorf("listen for IRC on %s: %w", addr, err)
		}
		out = append(out, &listener{l, config})
		return l.Addr().String(), nil
	}
	var secure, plain string
	if r.cfg.ListenTLS != "" {
		cert, made, err := loadCertificate(r.cfg.CertFile, r.cfg.KeyFile, r.cfg.ServerName, r.deps.Clock())
		if err != nil {
			return nil, err
		}
		if made {
			r.deps.Log.Info("made a self-signed certificate for IRC", "file", r.cfg.CertFile, "sha256", fingerprint(cert))
		}
		if secure, err = open(r.cfg.ListenTLS, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}); err != nil {
			return nil, err
		}
	}
	if r.cfg.ListenPlain != "" {
		var err error
		if plain, err = open(r.cfg.ListenPlain, nil); err != nil {
			return nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tls, r.plain = secure, plain
	return out, nil
}

// accept takes connections until the listener is closed. Failures that pass, such
// as too many open files, are waited out.
func (n *network) accept(ctx context.Context, l *listener, conns *connections) error {
	exempt, err := n.cfg.exempt()
	if err != nil {
		return err
	}
	const firstPause, longestPause = 10 * time.Millisecond, time.Second
	pause := firstPause
	for {
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = raw.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the IRC port was closed: %w", err)
		case err != nil:
			n.log.Error("an IRC connection can't be accepted", "err", err, "again_in", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		n.open(raw, l.tls, exempt, conns)
	}
}

// open starts a connection's two goroutines, or turns it away.
func (n *network) open(raw net.Conn, config *tls.Config, exempt []netip.Prefix, conns *connections) {
	ctx, cancel := context.WithCancel(context.Background()) // ended by network.drop
	s := newSession(raw, n.cfg.SendQueue, cancel)
	if tcp, ok := raw.RemoteAddr().(*net.TCPAddr); ok {
		s.addr = tcp.AddrPort().Addr().Unmap()
	}
	for _, p := range exempt {
		s.exempt = s.exempt || p.Contains(s.addr)
	}
	s.pace.Store(newPace(n.cfg.GuestLinesPerMinute, n.cfg.GuestLinesBurst))
	if config != nil {
		s.secure, s.conn = true, tls.Server(raw, config)
	}
	if err := n.add(s); err != nil {
		n.metrics.refused.Inc()
		cancel()
		if config == nil && raw.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = raw.Write([]byte("ERROR :" + core.SafeText(err) + "\r\n")) // fits the empty socket buffer
		}
		_ = raw.Close()
		return
	}
	conns.start(s, func() { n.read(ctx, s) }, s.write)
}

// connections are the goroutines of the open connections of a run.
type connections struct {
	group  *supervise.Group
	failed <-chan struct{} // closed when one of them panicked

	mu   sync.Mutex
	open map[*session]struct{}
}

func newConnections(ctx context.Context) *connections {
	group, ctx := supervise.NewGroup(ctx)
	return &connections{group: group, failed: ctx.Done(), open: map[*session]struct{}{}}
}

func (cs *connections) start(s *session, read, write func()) {
	cs.mu.Lock()
	cs.open[s] = struct{}{}
	cs.mu.Unlock()
	cs.group.Go(func(context.Context) error {
		read()
		return nil
	})
	cs.group.Go(func(context.Context) error {
		defer func() {
			cs.mu.Lock()
			defer cs.mu.Unlock()
			delete(cs.open, s)
		}()
		write()
		return nil
	})
}

// drain waits for the connections to end, and cuts off those that take longer.
func (cs *connections) drain(limit time.Duration) error {
	cut := time.AfterFunc(limit, func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		for s := range cs.open {
			_ = s.raw.Close()
		}
	})
	defer cut.Stop()
	return cs.group.Wait()
}
