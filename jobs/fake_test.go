package jobs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// fakeTime is a clock, and the waits that depend on it. Time passes only by set and
// pass.
type fakeTime struct {
	mu     sync.Mutex
	now    time.Time
	change chan struct{} // closed and replaced whenever now changes
}

func newFakeTime(now time.Time) *fakeTime { return &fakeTime{now: now, change: make(chan struct{})} }

func (f *fakeTime) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fakeTime) set(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
	close(f.change)
	f.change = make(chan struct{})
}

func (f *fakeTime) pass(d time.Duration) { f.set(f.clock().Add(d)) }

func (f *fakeTime) wait(ctx context.Context, end time.Time, wake <-chan struct{}) {
	longest := end.Sub(f.clock())
	for {
		f.mu.Lock()
		now, change := f.now, f.change
		f.mu.Unlock()
		if left := end.Sub(now); left <= 0 || left > longest { // it is time, or the clock was set back
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
			return
		case <-change:
		}
	}
}

// sessions acts as a member store with a number of log-ins to expire.
type sessions struct {
	mu   sync.Mutex
	left int64
}

func (s *sessions) ExpireSessions(_ context.Context, limit int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.left, int64(limit))
	s.left -= n
	return n, nil
}

// noLetters acts as a desk at which nobody asks for anything.
type noLetters struct{}

func (noLetters) Handlers() []eventlog.Handler { return nil }

// links acts as a store with a number of one-time links to wipe.
type links struct{ sessions }

func (l *links) Prune(ctx context.Context, limit int) (int64, error) {
	return l.ExpireSessions(ctx, limit)
}

// texts acts as a store with a number of texts to render.
type texts struct {
	mu   sync.Mutex
	left int64
	most int // how many were asked for at once
}

func (s *texts) RenderAgain(_ context.Context, limit int) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(s.left, int64(limit))
	s.left -= n
	s.most = max(s.most, limit)
	return n, nil
}

// catalogue acts as one with a number of groups whose words are old, and of torrents
// without folders.
type catalogue struct {
	words, folders sessions
	swarms         core.GroupID // the last group
	noted          []core.GroupID
}

// NoteSwarms acts as if one number of each batch had changed.
func (c *catalogue) NoteSwarms(_ context.Context, after core.GroupID, limit int) (core.GroupID, int64, error) {
	c.noted = append(c.noted, after)
	if next := after + core.GroupID(limit); next < c.swarms {
		return next, 1, nil
	}
	return 0, 1, nil
}

func (c *catalogue) RefreshWords(ctx context.Context, limit int) (int64, error) {
	return c.words.ExpireSessions(ctx, limit)
}

func (c *catalogue) RefreshFolders(ctx context.Context, limit int) (int64, error) {
	return c.folders.ExpireSessions(ctx, limit)
}

// accounts acts as a store with a number of accounts of an older release.
type accounts struct{ sessions }

func (a *accounts) RefreshAccounts(ctx context.Context, limit int) (int64, error) {
	return a.ExpireSessions(ctx, limit)
}

// notes acts as a store with a number of removed notes.
type notes struct{ sessions }

func (n *notes) PruneNotes(ctx context.Context, limit int) (int64, error) {
	return n.ExpireSessions(ctx, limit)
}

// bans acts as a store with a number of bans of an older release.
type bans struct{ sessions }

func (b *bans) Seal(ctx context.Context, limit int) (int64, error) {
	return b.ExpireSessions(ctx, limit)
}

// post acts as a queue with a number of letters to send.
type post struct {
	sessions
	mu      sync.Mutex
	trouble string
}

func (p *post) Send(ctx context.Context) (int64, error) { return p.ExpireSessions(ctx, 1000) }

func (p *post) Prune(ctx context.Context, limit int) (int64, error) {
	return p.ExpireSessions(ctx, limit)
}

func (p *post) Bounces(context.Context) error { return nil }

func (p *post) Trouble() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

// house is a database with everything that the room needs.
type house struct {
	*fakeTime
	db        *db.DB
	events    *eventlog.Log
	schedule  *schedule.Store
	freeleech *economy.Store
	sessions  *sessions
	links     *links
	texts     *texts
	catalog   *catalogue
	accounts  *accounts
	security  *security.Log
	told      *notifications
	post      *post
	log       *logLines
}

var noon = time.Date(2026, 11, 22, 12, 0, 30, 0, time.UTC) // no season is near

func newHouse(t *testing.T, d *db.DB, now time.Time) *house {
	h := &house{fakeTime: newFakeTime(now), db: d, sessions: &sessions{}, links: &links{}, texts: &texts{}, catalog: &catalogue{}, accounts: &accounts{}, told: &notifications{}, post: &post{}, log: &logLines{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", h.log)
		}
	})
	h.events = eventlog.New(d, h.clock)
	h.schedule = schedule.NewStore(d, h.events, h.clock)
	h.freeleech = economy.NewStore(d, h.events, h.clock, economy.DefaultConfig())
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	h.security = security.New(d, keys, h.clock, nil)
	return h
}

// room makes a room with its own metrics; each represents a process.
func (h *house) room(holder string) (*Room, *prometheus.Registry) {
	reg := prometheus.NewRegistry()
	r := New(Config{Holder: holder, SecurityLogDays: 365}, Deps{DB: h.db, Events: h.events, Schedule: h.schedule, Freeleech: h.freeleech,
		Sessions: h.sessions, Links: h.links, Invites: h.links, Support: h.links, Security: h.security, Notes: &notes{}, Catalog: h.catalog, Accounts: h.accounts, Recovery: noLetters{}, Bans: &bans{}, Notifications: h.told, Texts: h.texts, Pages: &texts{}, Mail: h.post, Clock: h.clock, Log: slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Metrics: reg})
	r.wait = h.wait
	return r, reg
}

// start runs a room until stop is called, which waits for its end and returns how
// long that took.
func (h *house) start(t *testing.T, r *Room) (stop func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- r.Run(ctx, func() { close(ready) }) }()
	var once sync.Once
	var took time.Duration
	stop = func() time.Duration {
		once.Do(func() {
			began := time.Now()
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("room %s ended with %v", r.holder, err)
			}
			took = time.Since(began)
		})
		return took
	}
	t.Cleanup(func() { stop() })
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("room did not start: %v", err)
	case <-time.After(20 * time.Second):
		t.Fatal("room is not ready after 20 s")
	}
	return stop
}

// until waits, in real time, for a condition that the room brings about.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("after 20 s still not: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// untilInTime is until for a condition that needs time to pass: it lets a second pass
// before each look, since a goroutine may begin to wait only after the test has set
// the clock.
func (h *house) untilInTime(t *testing.T, what string, ok func() bool) {
	t.Helper()
	until(t, what, func() bool {
		if ok() {
			return true
		}
		h.pass(time.Second)
		return false
	})
}

// runs returns the history of a job, oldest first, without runs that have not ended.
func (h *house) runs(t *testing.T, job string) (out []schedule.Run) {
	t.Helper()
	all, err := h.schedule.History(t.Context(), job, 0, 200)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Outcome != schedule.Running {
			out = append(out, all[i])
		}
	}
	return out
}

// untilRuns waits until the job has n runs behind it, and returns them.
func (h *house) untilRuns(t *testing.T, job string, n int) []schedule.Run {
	t.Helper()
	var runs []schedule.Run
	until(t, job+" has run", func() bool { runs = h.runs(t, job); return len(runs) >= n })
	if len(runs) != n {
		t.Fatalf("%s ran %d times, want %d: %+v", job, len(runs), n, runs)
	}
	return runs
}

// caughtUp waits until every job has run once, as on the first start.
func (h *house) caughtUp(t *testing.T) {
	t.Helper()
	for _, j := range schedule.Jobs() {
		h.untilRuns(t, j.Name, 1)
	}
}

// bodies returns the events of a type, oldest first.
func bodies[T eventlog.Body](t *testing.T, h *house) (out []T) {
	t.Helper()
	events, err := h.events.Read(t.Context(), 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		var kind T
		if e.Kind != kind.EventKind() {
			continue
		}
		body, err := eventlog.Decode[T](e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, body)
	}
	return out
}

// gate is a task that signals when it begins and waits until it may go on.
type gate struct {
	began chan struct{}
	pass  chan error
	count atomic.Int32 // runs that began
	now   atomic.Int32 // runs at this moment
	most  atomic.Int32 // and the most there ever were
}

func newGate() *gate { return &gate{began: make(chan struct{}, 100), pass: make(chan error)} }

func (g *gate) run(ctx context.Context) (int64, error) {
	g.count.Add(1)
	if n := g.now.Add(1); n > g.most.Load() {
		g.most.Store(n)
	}
	defer g.now.Add(-1)
	g.began <- struct{}{}
	select {
	case err := <-g.pass:
		return 1, err
	case <-ctx.Done():
		return 0, errors.New("cut short: " + ctx.Err().Error())
	}
}

func (g *gate) untilBegan(t *testing.T) {
	t.Helper()
	select {
	case <-g.began:
	case <-time.After(20 * time.Second):
		t.Fatal("the job has not begun after 20 s")
	}
}

// logLines keeps what was logged.
type logLines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
