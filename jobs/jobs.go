// Package jobs is room 5: work that is done at set times. The table of jobs is in
// package schedule; here each name is bound to its work, in one file for each job.
//
// Any number of processes may run this room. For each run a job takes its lease
// "job:NAME", so that one process does it; the process with the lease "jobs" reads
// the event log for runs that were asked for. Every job works in bounded batches and
// is idempotent: a run that was cut short is simply done again.
//
// Concurrency: Run starts one goroutine for each job, which runs it and nothing
// else, so a job never overlaps with itself, and one for the event log.
package jobs

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Config is the [jobs] section.
type Config struct {
	// Holder names this process in leases and in the history. It must be unique
	// among all processes; empty makes one of host name, process id and chance.
	Holder string `toml:"holder"`
	// SecurityLogDays is for how many days the security log keeps its entries: who
	// logged in to which account, from where, and what became of its keys.
	SecurityLogDays int `toml:"security_log_days"`
}

// DefaultConfig names the process by itself, and keeps the security log for a year.
func DefaultConfig() Config { return Config{SecurityLogDays: 365} }

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	if len(c.Holder) > maxHolder || strings.ContainsFunc(c.Holder, unicode.IsControl) {
		return core.FieldErrorf("holder", "write a name of at most %d characters in one line, or nothing", maxHolder)
	}
	if c.SecurityLogDays < 1 || c.SecurityLogDays > maxSecurityLogDays {
		return core.FieldErrorf("security_log_days", "must be from 1 to %d", maxSecurityLogDays)
	}
	return nil
}

const (
	maxHolder          = 128
	maxSecurityLogDays = 3653
)

// Sessions is the part of the member store that this room needs.
type Sessions interface {
	// ExpireSessions deletes up to limit log-ins that have run out and returns
	// how many.
	ExpireSessions(ctx context.Context, limit int) (int64, error)
}

// Catalog is the part of the catalogue that brings it up to date.
type Catalog interface {
	// RefreshWords makes the words of up to limit groups anew, and returns of how many.
	RefreshWords(ctx context.Context, limit int) (int64, error)
	// RefreshFolders makes the folders of up to limit torrents, and returns of how many.
	RefreshFolders(ctx context.Context, limit int) (int64, error)
	// NoteSwarms notes the numbers of up to limit groups behind one. It returns the last
	// of them, 0 behind the end, and how many numbers have changed.
	NoteSwarms(ctx context.Context, after core.GroupID, limit int) (next core.GroupID, changed int64, err error)
}

// Accounts is the part of the member store that brings accounts up to date.
type Accounts interface {
	// RefreshAccounts brings up to limit accounts and nicks up to date, and returns how many.
	RefreshAccounts(ctx context.Context, limit int) (int64, error)
}

// Bans is the part of the store of bans that brings them up to date.
type Bans interface {
	// Seal seals the values of up to limit bans that are not, and returns how many.
	Seal(ctx context.Context, limit int) (int64, error)
}

// Mail sends the letters of the queue.
type Mail interface {
	// Send sends what is due as long as ctx leaves time, and returns how many letters left the queue.
	Send(ctx context.Context) (int64, error)
	// Bounces takes reports of letters that did not arrive, until ctx ends; at once where there are none
	// to be taken.
	Bounces(ctx context.Context) error
	// Trouble says that letters don't go out, "" while they do. It never waits.
	Trouble() string
	// Prune deletes up to limit rows of each kind that are no longer needed, and returns how many.
	Prune(ctx context.Context, limit int) (int64, error)
}

// Recovery is what lets members back in, as far as letters are written for it.
type Recovery interface {
	// Handlers write the letters that events ask for.
	Handlers() []eventlog.Handler
}

// Deps are what the room stands on; all but Backup are required.
type Deps struct {
	DB        *db.DB
	Events    *eventlog.Log
	Schedule  *schedule.Store
	Freeleech *economy.Store
	Sessions  Sessions
	Links     Links
	Invites   Invites
	Support   Support
	Texts     Texts
	Pages     Texts
	Catalog   Catalog
	Accounts  Accounts
	Recovery  Recovery
	Bans      Bans
	Security  Security
	Notes     Notes
	Backup    func(ctx context.Context) (rows int64, err error) // nil where none is to be made
	Mail      Mail
	// Notifications are told by this room alone.
	Notifications Notifications
	Clock         core.Clock
	Log           *slog.Logger
	Metrics       prometheus.Registerer
}

// Room runs the jobs. It implements supervise.Room.
type Room struct {
	deps    Deps
	holder  string
	tasks   map[string]task
	metrics *metrics
	wait    waiter

	mu      sync.Mutex
	waiting map[string]string // jobs that can't be looked after, and why
}

var (
	_ supervise.Room       = (*Room)(nil)
	_ supervise.Complainer = (*Room)(nil)
)

// New makes the room.
func New(c Config, d Deps) *Room {
	return &Room{deps: d, holder: holder(c), tasks: tasks(c, d), metrics: newMetrics(d.Metrics), wait: waitBy(d.Clock), waiting: map[string]string{}}
}

func holder(c Config) string {
	if c.Holder != "" {
		return c.Holder
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	chance := rand.Text()[:6] // containers may share both name and process id
	return fmt.Sprintf("%.100s-%d-%s", host, os.Getpid(), chance)
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "jobs" }

// waits notes why a job can't be looked after; nil says that it can.
func (r *Room) waits(job string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.waiting, job)
	if err != nil {
		r.waiting[job] = core.SafeText(err)
	}
}

// Complaint implements supervise.Complainer: it tells of jobs that wait, not of those that
// failed, which the history has; and of mail that does not go out.
func (r *Room) Complaint() string {
	var out []string
	if text := r.jobsWait(); text != "" {
		out = append(out, text)
	}
	if text := r.deps.Mail.Trouble(); text != "" {
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

func (r *Room) jobsWait() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) == 0 {
		return ""
	}
	names := slices.Sorted(maps.Keys(r.waiting))
	return fmt.Sprintf("%d jobs wait, such as %s: %s", len(names), names[0], r.waiting[names[0]])
}

// Run implements supervise.Room: it catches up on what was missed while the program
// was off, then runs each job at its times, until ctx ends.
func (r *Room) Run(ctx context.Context, ready func()) error {
	var workers []*worker
	byName := map[string]*worker{}
	for _, job := range schedule.Jobs() {
		w, err := r.newWorker(ctx, job)
		if err != nil {
			return err
		}
		workers, byName[job.Name] = append(workers, w), w
	}
	g, _ := supervise.NewGroup(ctx)
	for _, w := range workers {
		g.Go(w.run)
	}
	g.Go(func(ctx context.Context) error { return r.lead(ctx, byName) })
	g.Go(func(ctx context.Context) error { return r.tell(ctx, byName) })
	g.Go(r.bounces)
	ready()
	return g.Wait()
}

// waiter returns at the given time, when wake is signalled, or when ctx ends.
type waiter func(ctx context.Context, end time.Time, wake <-chan struct{})

// waitBy waits according to the given clock as it is now: if the clock is set
// meanwhile, the wait lasts no longer.
func waitBy(clock core.Clock) waiter {
	return func(ctx context.Context, end time.Time, wake <-chan struct{}) {
		core.Wait(ctx, end.Sub(clock()), wake)
	}
}
