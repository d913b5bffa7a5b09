// Package tracker is the room that answers BitTorrent clients: announce and
// scrape over HTTP (BEP 3, 7, 23, 24, 27, 48), for members by passkey.
//
// An announce is read by wire, checked against roster, taken into its swarm,
// credited in the ledger and answered, without asking the database. The database
// hears the sums every few seconds; what others change reaches the roster by the
// event log.
//
// Concurrency: requests run on the front's event loops, of which there are a few;
// roster, swarm and ledger have locks of their own, taken in this order: swarm,
// then ledger or roster. Everything is made anew by each Run; only metrics outlive it.
package tracker

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// Deps are what the room stands on. Metrics may be nil.
type Deps struct {
	DB       *db.DB
	Events   *eventlog.Log
	Members  roster.Members
	Torrents roster.Torrents
	Clients  roster.Clients
	Economy  roster.Economy
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Room is the tracker.
type Room struct {
	c       Config
	d       Deps
	metrics *metrics

	mu    sync.Mutex
	addrs []net.Addr
}

var _ supervise.Room = (*Room)(nil)

// New makes the room. c must be valid.
func New(c Config, d Deps) *Room {
	return &Room{c: c, d: d, metrics: newMetrics(d.Metrics)}
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "tracker" }

// Addrs returns the addresses that the room listens on, in the order of
// Config.Listen; none before it is ready.
func (r *Room) Addrs() []net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.addrs)
}

// Run implements supervise.Room.
func (r *Room) Run(ctx context.Context, ready func()) error {
	w, err := r.open(ctx)
	if err != nil {
		return err
	}
	if err := r.listen(ctx, w); err != nil {
		return err
	}
	// The books close last: they hold what all others record until their end.
	books, closeBooks := context.WithCancel(context.WithoutCancel(ctx))
	g, gctx := supervise.NewGroup(ctx)
	g.Go(func(context.Context) error { return w.book.Run(books) })
	g.Go(func(context.Context) error {
		defer closeBooks()
		inner, _ := supervise.NewGroup(gctx)
		inner.Go(w.front.Serve)
		inner.Go(func(ctx context.Context) error { return w.service.roster.Follow(ctx, w.position) })
		inner.Go(w.housekeep)
		inner.Go(w.tidy)
		return inner.Wait()
	})
	ready()
	return g.Wait()
}

// work is everything of one Run.
type work struct {
	service  *service
	front    *front.Server
	book     *ledger.Book
	position int64 // of the event log, up to which the roster was loaded
	begun    time.Time
	timeout  time.Duration
	log      *slog.Logger
	lost     rate.Sometimes
}

const forgetAfter = 6 * time.Hour // counters of clients that are gone

// open makes the parts and loads them.
func (r *Room) open(ctx context.Context) (*work, error) {
	proxies, err := parseProxies(r.c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	served, err := parseSlots(r.c.Slots)
	if err != nil {
		return nil, err
	}
	w := &work{begun: r.d.Clock(), timeout: r.c.peerTimeout(), log: r.d.Log, lost: rate.Sometimes{Interval: time.Minute}}
	swarms := swarm.New(swarm.Config{
		Timeout: w.timeout, Forget: forgetAfter, SeedCap: 2 * r.c.Interval.Duration,
		NumWant: r.c.NumWantMax, PerMember: r.c.MaxClients, MaxRate: r.c.MaxLineMbit * 1_000_000 / 8,
	})
	w.book = ledger.NewBook(r.d.DB, ledger.Options{
		Name: r.c.consumer(), FlushEvery: r.c.FlushEvery.Duration, MaxRows: r.c.MaxUnwritten,
		Counts: func() []ledger.Count { return counts(swarms) }, Clock: r.d.Clock, Log: r.d.Log,
	})
	w.service = &service{
		c: r.c, addresses: addresses{proxies: proxies, allowPrivate: r.c.AllowPrivateAddresses},
		slots: served, swarms: swarms, ledger: w.book, snatches: w.book.Snatches, clock: r.d.Clock, log: r.d.Log,
		metrics: r.metrics, sometimes: rate.Sometimes{Interval: time.Minute},
	}
	w.service.roster = roster.New(roster.Options{
		Consumer: r.c.consumer(),
		Events:   r.d.Events, Members: r.d.Members, Torrents: r.d.Torrents, Clients: r.d.Clients, Economy: r.d.Economy, Log: r.d.Log,
		MemberGone:  func(id core.MemberID) { swarms.Hide(id, r.d.Clock(), w.gone) },
		TorrentGone: func(id core.TorrentID) { swarms.Drop(id, r.d.Clock(), w.gone) },
	})
	if err := w.book.Load(ctx); err != nil {
		return nil, err
	}
	w.position, err = w.service.roster.Load(ctx)
	return w, err
}

func counts(s *swarm.Swarms) []ledger.Count {
	changed := s.TakeChanged(nil)
	out := make([]ledger.Count, len(changed))
	for i, c := range changed {
		out[i] = ledger.Count{Torrent: c.Torrent, Seeders: c.Seeders, Leechers: c.Leechers}
	}
	return out
}

// listen opens all addresses, or none.
func (r *Room) listen(ctx context.Context, w *work) (err error) {
	o := front.Options{Handler: w.service, MaxConnections: r.c.MaxConnections, IdleTimeout: r.c.IdleTimeout.Duration, Log: r.d.Log}
	if r.c.ProxyProtocol {
		o.SendsProxy = w.service.addresses.trusted
	}
	if w.front, err = front.Open(ctx, r.c.Listen, o); err != nil {
		return fmt.Errorf("[tracker] listen: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addrs = w.front.Addrs()
	return nil
}

// gone records that a client left its swarm without saying so.
func (w *work) gone(c swarm.Change) {
	if err := w.book.Record(entry(c, core.LeechNormal)); err != nil {
		w.lost.Do(func() {
			w.log.Error("who left the swarms can't be recorded; profiles show them until a restart", "err", err)
		})
	}
}

// housekeep reaps silent clients and keeps the metrics true.
func (w *work) housekeep(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.service.swarms.Reap(w.service.clock(), w.gone)
			w.measure()
		}
	}
}

func (w *work) measure() {
	m := w.service.metrics
	totals, stats := w.service.swarms.Totals(), w.book.Stats()
	members, hashes := w.service.roster.Sizes()
	http := w.front.Stats()
	m.connections.Set(float64(http.Open))
	m.malformed.Set(float64(http.Refused))
	m.tooSlow.Set(float64(http.TimedOut))
	m.seeders.Set(float64(totals.Seeders))
	m.leechers.Set(float64(totals.Leechers))
	m.torrents.Set(float64(totals.Torrents))
	m.members.Set(float64(members))
	m.hashes.Set(float64(hashes))
	m.rows.Set(float64(stats.Rows))
	m.age.Set(stats.Age.Seconds())
	m.failures.Set(float64(stats.Failures))
	m.refused.Set(float64(stats.Refused))
}

// tidy ends what earlier runs have left: at once those who must have timed out
// since, and after another timeout those who did not come back.
func (w *work) tidy(ctx context.Context) error {
	const grace = time.Second // the books know whole seconds only
	for _, pass := range []struct {
		wait          time.Duration
		silent, since time.Time
	}{
		{0, w.begun.Add(-w.timeout), w.begun},
		{w.timeout + grace, w.begun.Add(grace), w.begun.Add(grace)},
	} {
		wait := pass.wait
		for retry := time.Second; ; retry = min(2*retry, 5*time.Minute) {
			if !pause(ctx, wait) {
				return nil
			}
			err := w.book.Tidy(ctx, pass.silent, pass.since)
			if err == nil || ctx.Err() != nil {
				break
			}
			w.log.Error("what an earlier run has left can't be tidied up", "err", err, "again_in", retry)
			wait = retry
		}
	}
	return nil
}

// pause waits for d and reports true, or false when ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
