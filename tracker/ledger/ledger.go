// Package ledger keeps the tracker's books: what each member has uploaded and
// downloaded, how long they seeded and what they finished. Announces are
// recorded in memory, merged by member and torrent, and the sums are written to
// the database every few seconds, together with the mark up to which they are
// applied, in one transaction: each credit counts once, also when the answer to
// a commit gets lost and it is tried again.
//
// While the database is away everything stays in memory, up to a limit; then new
// credit is refused, aloud. What is in memory is lost when the process is
// killed: that is what a journal will end. It fits behind the interface Ledger.
//
// Concurrency: a Book is safe for concurrent use. Run belongs to one goroutine;
// Record never waits for the database.
package ledger

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Ledger takes credit.
type Ledger interface {
	// Record takes e. Nil is a promise that e will count once. An error has
	// code Unavailable and means that nothing was taken: the caller must leave
	// the client's counters as they are, so that its next announce carries the
	// same credit.
	Record(e Entry) error
}

var _ Ledger = (*Book)(nil)

// Completion says whether an entry finished a download.
type Completion uint8

// The completions.
const (
	NoCompletion   Completion = iota
	MaybeCompleted            // the client is new and complete: it counts when the books knew the member as unfinished
	Completed                 // it counts unless the member finished this torrent before
)

// Entry is what one announce adds to the books.
type Entry struct {
	Member         core.MemberID
	Torrent        core.TorrentID
	Up, Down       core.Bytes // what counts; not negative
	RawUp, RawDown core.Bytes // what was transferred, before freeleech; not negative
	SeedTime       time.Duration
	Left           core.Bytes
	Active         bool // the member takes part in the swarm now
	Completion     Completion
	At             time.Time
}

// Count is the size of a swarm.
type Count struct {
	Torrent           core.TorrentID
	Seeders, Leechers int
}

// Options are how a Book works.
type Options struct {
	Name       string         // of its mark in the database; several trackers have several
	FlushEvery time.Duration  // positive
	MaxRows    int            // pairs of member and torrent in memory, before credit is refused
	Counts     func() []Count // swarms whose size has changed since the last call; may be nil
	Clock      core.Clock
	Log        *slog.Logger
}

const shards = 32

// Book merges entries in memory and writes their sums to the database.
type Book struct {
	db       *db.DB
	o        Options
	shards   [shards]shard
	rows     atomic.Int64 // in memory: pending and taken
	refused  atomic.Int64
	failures atomic.Int64
	clean    atomic.Int64 // Unix milliseconds: everything recorded before is in the database
	snatches sync.Map     // core.TorrentID to int64

	mu    sync.Mutex // one flush at a time; guards taken
	taken []*batch   // to be written, oldest first
}

type shard struct {
	mu   sync.Mutex
	rows map[key]*row
}

type key struct {
	member  core.MemberID
	torrent core.TorrentID
}

// row is the sum of all entries of a key since the last flush.
type row struct {
	key
	up, down, rawUp, rawDown int64
	seconds                  int64
	left                     int64
	active                   bool
	completion               Completion
	first, last, completed   int64 // Unix seconds
	records                  int64
}

// NewBook returns an empty book. Call Load before anything else.
func NewBook(d *db.DB, o Options) *Book {
	b := &Book{db: d, o: o}
	for i := range b.shards {
		b.shards[i].rows = map[key]*row{}
	}
	b.clean.Store(o.Clock().UnixMilli())
	return b
}

// Record implements Ledger.
func (b *Book) Record(e Entry) error {
	k := key{e.Member, e.Torrent}
	sh := &b.shards[uint64(e.Member)%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.rows[k]
	if r == nil {
		if b.rows.Load() >= int64(b.o.MaxRows) {
			b.refused.Add(1)
			return core.Errorf(core.Unavailable, "the tracker can't record transfer at the moment; nothing is lost, your client will tell it again")
		}
		r = &row{key: k, first: e.At.Unix()}
		sh.rows[k] = r
		b.rows.Add(1)
	}
	r.merge(e)
	return nil
}

func (r *row) merge(e Entry) {
	r.up, r.down = add(r.up, int64(e.Up)), add(r.down, int64(e.Down))
	r.rawUp, r.rawDown = add(r.rawUp, int64(e.RawUp)), add(r.rawDown, int64(e.RawDown))
	r.seconds = add(r.seconds, int64(e.SeedTime/time.Second))
	r.left, r.active = int64(e.Left), e.Active
	r.last = max(r.last, e.At.Unix())
	r.first = min(r.first, e.At.Unix())
	if e.Completion > r.completion {
		r.completion, r.completed = e.Completion, e.At.Unix()
	}
	r.records++
}

// add adds two amounts that are not negative and stays at the largest.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Snatches returns how many members have downloaded a torrent in full, as far as
// it was written.
func (b *Book) Snatches(id core.TorrentID) int64 {
	n, ok := b.snatches.Load(id)
	if !ok {
		return 0
	}
	return n.(int64)
}

// Stats tell how the book is doing.
type Stats struct {
	Rows     int           // in memory
	Age      time.Duration // everything older is in the database
	Failures int64         // failed tries to write, since the start
	Refused  int64         // entries that were not taken, since the start
}

// Stats returns the present state.
func (b *Book) Stats() Stats {
	return Stats{
		Rows:     int(b.rows.Load()),
		Age:      b.o.Clock().Sub(time.UnixMilli(b.clean.Load())),
		Failures: b.failures.Load(),
		Refused:  b.refused.Load(),
	}
}

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	tryLimit     = 30 * time.Second // for one try to write
	drainLimit   = 3 * time.Second  // for everything that is left at the end
)

// Run flushes every Options.FlushEvery until ctx ends, and then writes what is
// left. Failures are logged and tried again with back-off for as long as it
// takes. It returns an error only when something could not be written at the end.
func (b *Book) Run(ctx context.Context) error {
	backoff := firstBackoff
	for wait := b.o.FlushEvery; sleep(ctx, wait); {
		err := b.Flush(ctx)
		switch {
		case ctx.Err() != nil: // the drain below tries once more
		case err != nil:
			b.o.Log.Error("transfer sums wait in memory: the database does not take them", "err", err,
				"rows", b.rows.Load(), "again_in", backoff)
			wait, backoff = backoff, min(2*backoff, maxBackoff)
		default:
			wait, backoff = b.o.FlushEvery, firstBackoff
		}
	}
	return b.drain(context.WithoutCancel(ctx))
}

func (b *Book) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	for {
		err := b.Flush(ctx)
		if err == nil {
			return nil
		}
		if !sleep(ctx, firstBackoff) {
			b.o.Log.Error("transfer sums are lost: the database did not take them before the end", "rows", b.rows.Load(), "err", err)
			return core.Wrap(err, core.Unavailable, "transfer sums could not be written before the end")
		}
	}
}

// sleep waits for d and reports true, or false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
