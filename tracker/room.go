// Package tracker is the room that answers BitTorrent clients: announce and
// scrape over HTTP (BEP 3, 7, 21, 23, 24, 27, 31, 48, 52) and, where it is switched on,
// announce over UDP (BEP 15, 41), for members by announce key or by a key for one torrent
// (member.TorrentKey).
//
// An announce is parsed by wire, checked against roster, applied to its swarm, recorded
// in the ledger's journal and answered, without asking the database. Sums are written to
// the database every few seconds. What others change there reaches the roster through
// the event log, and every hour the roster is compared with the database. A restart is
// invisible to clients, because swarms and books are restored from the journal.
//
// If several tracker processes share the torrents, each counts a member's addresses and
// downloads for itself.
//
// Concurrency: requests run on the few event loops of the front. Roster, swarm and ledger
// have locks of their own, taken in this order: swarm, then ledger or roster. Each Run
// makes everything new; only metrics are kept.
package tracker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/trace"
)

// Deps are what the room needs. Metrics may be nil.
type Deps struct {
	DB       *db.DB
	Events   *eventlog.Log
	Members  roster.Members
	Torrents roster.Torrents
	Clients  roster.Clients
	Economy  roster.Economy
	Rates    *rates.Book
	Bans     *ban.Book // may be nil: nobody is banned
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Room is the tracker.
type Room struct {
	c       Config
	d       Deps
	metrics *metrics
	journal *journalMetrics

	mu     sync.Mutex
	addrs  []net.Addr
	fronts otherFronts
	book   *ledger.Book // of the last run; nil before it
}

var (
	_ supervise.Room       = (*Room)(nil)
	_ supervise.Complainer = (*Room)(nil)
)

// New makes the room. c must be valid.
func New(c Config, d Deps) *Room {
	return &Room{c: c, d: d, metrics: newMetrics(d.Metrics), journal: newJournalMetrics(d.Metrics)}
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "tracker" }

// Addrs returns the addresses that the room listens on, in the order of Config.Listen. It
// returns none before the room is ready.
func (r *Room) Addrs() []net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.addrs)
}

// Run implements supervise.Room.
func (r *Room) Run(ctx context.Context, ready func()) (err error) {
	w, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.book.Close()) }() // in case book.Run is not reached
	if err := r.listen(ctx, w); err != nil {
		return err
	}
	// The books close last, so that everything is recorded until the end.
	books, closeBooks := context.WithCancel(context.WithoutCancel(ctx))
	g, gctx := supervise.NewGroup(ctx)
	g.Go(func(context.Context) error { return w.book.Run(books) })
	g.Go(w.reporter.run) // it and the trace write what is left while the books do
	g.Go(w.trace.Run)
	g.Go(func(context.Context) error {
		defer closeBooks()
		inner, _ := supervise.NewGroup(gctx)
		inner.Go(w.front.Serve)
		w.fronts.serve(inner)
		inner.Go(func(ctx context.Context) error { return w.service.roster.Follow(ctx, w.position) })
		inner.Go(w.housekeep)
		inner.Go(w.cleanUp)
		inner.Go(w.keepReconciling)
		if o := w.service.others; o != nil {
			inner.Go(o.run)
		}
		return inner.Wait()
	})
	ready()
	return g.Wait()
}

// instance is everything of one Run.
type instance struct {
	service  *service
	front    *front.Server
	fronts   otherFronts
	book     *ledger.Book
	journal  *journalMetrics
	reporter *reporter
	every    time.Duration // between reconciliations
	position int64         // of the event log, up to which the roster was loaded
	trace    *trace.Trace
	begun    time.Time
	timeout  time.Duration
	log      *slog.Logger
}

const forgetAfter = 6 * time.Hour // for counters of clients that are gone

// open makes the parts of a Run and loads them.
func (r *Room) open(ctx context.Context) (*instance, error) {
	proxies, err := parseProxies(r.c.TrustedProxies)
	if err != nil {
		return nil, err
	}
	served, err := parseSlots(r.c.Slots)
	if err != nil {
		return nil, err
	}
	w := &instance{begun: r.d.Clock(), journal: r.journal, timeout: r.c.peerTimeout(), every: r.c.ReconcileEvery.Duration,
		reporter: newReporter(r.d.DB, r.d.Events, r.d.Log, r.metrics.unreported), log: r.d.Log}
	swarms := r.newSwarms()
	if w.book, err = r.openBook(ctx, swarms, func() []ledger.Count { return w.counts(swarms) }); err != nil {
		return nil, fmt.Errorf("open the ledger: %w", err)
	}
	w.service = &service{
		c: r.c, addresses: addresses{proxies: proxies, allowPrivate: r.c.AllowPrivateAddresses},
		sources: newSources(r.c.MaxAddresses, w.timeout), pace: r.c.pace(),
		suspects: newSuspects(w.reporter, r.metrics.suspects, r.d.Clock),
		slots:    served, swarms: swarms, ledger: w.book, snatches: w.book.Snatches, clock: r.d.Clock, log: r.d.Log,
		metrics: r.metrics, bans: r.d.Bans, logLimit: rate.Sometimes{Interval: time.Minute},
	}
	if served != allSlots {
		w.service.others = &otherTrackers{store: transfer.NewStore(r.d.DB), log: r.d.Log}
	}
	w.trace = r.newTrace(w.service, w.book)
	w.service.trace = w.trace
	w.service.roster = roster.New(r.gazelleSources(roster.Options{
		Consumer: r.c.consumer(),
		Events:   r.d.Events, Members: r.d.Members, Torrents: r.d.Torrents, Clients: r.d.Clients, Economy: r.d.Economy, Clock: r.d.Clock, Log: r.d.Log,
		MembersGone: func(ids []core.MemberID) { swarms.HideMembers(ids, r.d.Clock(), w.service.gone) },
		TorrentGone: func(id core.TorrentID) { swarms.Drop(id, r.d.Clock(), w.service.gone) },
	}))
	if w.position, err = w.service.roster.Load(ctx); err != nil {
		return nil, errors.Join(err, w.book.Close())
	}
	mine := func(id core.TorrentID) bool {
		t, ok := w.service.roster.TorrentByID(id)
		return ok && served.has(t.Slot)
	}
	swarms.Keep(r.d.Clock(), mine, w.service.roster.Admits, w.service.gone)
	swarms.Reap(r.d.Clock(), w.service.gone)
	return w, nil
}

func (r *Room) newSwarms() *swarm.Swarms {
	return swarm.New(swarm.Config{
		Interval: r.c.Interval.Duration, Timeout: r.c.peerTimeout(), Forget: forgetAfter, SeedCap: r.c.pace().seedCap(), MinInterval: r.c.minInterval(),
		NumWant: r.c.NumWantMax, PerMember: r.c.MaxClients, MaxRate: r.c.MaxLineMbit * 1_000_000 / 8,
	})
}

// openBook opens the books and fills the swarms.
func (r *Room) openBook(ctx context.Context, swarms *swarm.Swarms, counts func() []ledger.Count) (*ledger.Book, error) {
	if r.c.JournalDir == "" {
		return nil, core.FieldErrorf("journal_dir", "name a folder for the journal")
	}
	mode, every, err := journal.ParseSync(r.c.JournalSync)
	if err != nil {
		return nil, err
	}
	return ledger.Open(ctx, r.d.DB, ledger.Options{
		Name: r.c.consumer(), Dir: r.c.JournalDir, Sync: mode, SyncEvery: every,
		FlushEvery: r.c.FlushEvery.Duration, CheckpointEvery: r.c.CheckpointEvery.Duration,
		Swarms: swarms, Counts: counts, Events: r.d.Events, Clock: r.d.Clock, Log: r.d.Log,
	})
}

func (w *instance) counts(s *swarm.Swarms) []ledger.Count {
	changed := s.TakeChanged(nil)
	w.trace.Counted(changed)
	return counts(changed)
}

func counts(changed []swarm.Count) []ledger.Count {
	out := make([]ledger.Count, len(changed))
	for i, c := range changed {
		out[i] = ledger.Count{Torrent: c.Torrent, Seeders: c.Seeders, Leechers: c.Leechers}
	}
	return out
}

// listen opens all addresses, or returns an error and opens none.
func (r *Room) listen(ctx context.Context, w *instance) (err error) {
	o := front.Options{Handler: w.service, MaxConnections: r.c.MaxConnections, IdleTimeout: r.c.IdleTimeout.Duration, Log: r.d.Log,
		SocketMode: r.c.socketMode(), Observe: r.metrics.latency.Observe}
	if r.c.ProxyProtocol {
		o.SendsProxy = w.service.addresses.trusted
	}
	if err := r.openFronts(ctx, w); err != nil {
		return err
	}
	if w.front, err = front.Open(ctx, r.c.Listen, o); err != nil {
		return errors.Join(fmt.Errorf("[tracker] listen: %w", err), w.fronts.close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.addrs, r.fronts, r.book = w.front.Addrs(), w.fronts, w.book
	return nil
}

// Complaint implements supervise.Complainer.
func (r *Room) Complaint() string {
	r.mu.Lock()
	book := r.book
	r.mu.Unlock()
	if book == nil {
		return ""
	}
	return book.Complaint()
}

// housekeep reaps silent clients and updates the metrics.
func (w *instance) housekeep(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			w.service.swarms.Reap(w.service.clock(), w.service.gone)
			w.service.suspects.tick()
			w.updateMetrics()
		}
	}
}

func (w *instance) updateMetrics() {
	m := w.service.metrics
	totals, stats := w.service.swarms.Totals(), w.book.Stats()
	members, hashes := w.service.roster.Sizes()
	http := w.front.Stats()
	m.connections.Set(float64(http.Open))
	m.malformed.Set(float64(http.Refused))
	m.tooSlow.Set(float64(http.TimedOut))
	m.seeders.Set(float64(totals.Seeders))
	m.leechers.Set(float64(totals.Leechers))
	v4, v6 := w.service.swarms.Addresses()
	m.listed4.Set(float64(v4))
	m.listed6.Set(float64(v6))
	m.torrents.Set(float64(totals.Torrents))
	m.members.Set(float64(members))
	m.hashes.Set(float64(hashes))
	m.rows.Set(float64(stats.Rows))
	m.age.Set(stats.Age.Seconds())
	m.failures.Set(float64(stats.Failures))
	m.refused.Set(float64(stats.Refused))
	w.journal.set(stats)
	m.unrecorded.Set(float64(w.trace.Dropped()))
}

// keepReconciling compares the roster with the database at intervals.
func (w *instance) keepReconciling(ctx context.Context) error {
	for core.Sleep(ctx, w.every) {
		d, err := w.service.roster.Reconcile(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.Error("the roster could not be compared with the database", "err", err, "again_in", w.every)
		}
		if d == (roster.Drift{}) {
			continue
		}
		w.log.Error("the roster differed from the database and was corrected", "members", d.Members, "torrents", d.Torrents, "rules", d.Rules)
		drift := w.service.metrics.drift
		drift["member"].Add(float64(d.Members))
		drift["torrent"].Add(float64(d.Torrents))
		if d.Rules {
			drift["rules"].Inc()
		}
		w.reporter.tell(eventlog.RosterDrift(d))
	}
	return nil
}

// cleanUp deactivates, in the database, the clients of earlier runs that the journal did
// not restore. Once everything from before the start is in the database, it deactivates
// those that must have timed out; after another timeout those that did not come back.
func (w *instance) cleanUp(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.book.FirstFlush():
	}
	const grace = time.Second // the books count whole seconds
	for _, pass := range []struct {
		wait          time.Duration
		silent, since time.Time
	}{
		{0, w.begun.Add(-w.timeout), w.begun},
		{w.timeout + grace, w.begun.Add(grace), w.begun.Add(grace)},
	} {
		wait := pass.wait
		for retry := time.Second; ; retry = min(2*retry, 5*time.Minute) {
			if !core.Sleep(ctx, wait) {
				return nil
			}
			err := w.book.Tidy(ctx, pass.silent, pass.since, w.service.owns)
			if err == nil || ctx.Err() != nil {
				break
			}
			w.log.Error("what an earlier run has left behind can't be cleaned up", "err", err, "again_in", retry)
			wait = retry
		}
	}
	return nil
}
