// Package ledger keeps the tracker's books: what each member has uploaded and
// downloaded, how long they seeded and what they finished; and it sees to it that
// every announce that was answered counts exactly once, whatever is killed and
// whenever.
//
// # How it keeps its promise
//
// Each entry is appended to a journal on the local disk, with what the swarm needs
// to do the announce again, and merged into rows in memory: sums by member and
// torrent. Answers are sent only after Commit, when the journal is written (and
// synced, with SyncAlways). Every FlushEvery the rows are taken, together with the
// position in the journal that they reach to, and written to the database in one
// transaction with that position, the mark. Members are spread over 32 shards
// with a mark each, so that a night's worth of rows needs no transaction of its
// size. On start the journal is read again: into the rows what lies after the
// marks, into the swarms what lies after the last checkpoint.
//
// So a commit whose answer got lost, a killed process and a database that has
// forgotten what it committed are all the same case: the mark says what is in the
// database, the journal holds the rest. The database never gets ahead of the disk:
// before a transaction the journal is synced up to its mark.
//
// # When something is away
//
// The database: rows go on being merged. They take 25 to 60 bytes for each pair of
// member and torrent that has announced, whatever the outage lasts, so that memory
// has its bound in the number of clients. The journal grows by some 90 bytes an
// announce, which is the limit: at 550 announces a second (a million clients) 170
// MB an hour.
//
// The disk: a little before it is full, or when it fails, new entries are refused,
// aloud, and nothing is lost, as the swarm then leaves the client's counters where
// they are. Those few that were being written
// at the moment it failed are in the swarm already. Their clients are told that it
// failed; the journal keeps them in memory, writes them first as soon as it can
// (they are counted then), and until then nothing that may hold them reaches the
// database or a checkpoint. If the process ends before, they never happened, and
// the clients' next announces carry the same credit.
//
// The journal itself: when it is gone, or ends before the mark, the swarms start
// empty, because counters from before the mark would credit once more what is in
// the database. Damage in its middle is an error at the start; what to do is
// written there and in deploy/README.md.
//
// # Concurrency
//
// A Book is safe for concurrent use. Run belongs to one goroutine; Record waits for
// nothing but the disk, and that only when a megabyte is pending.
package ledger

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// Ledger takes credit.
type Ledger interface {
	// Record takes e. It counts, and counts once, as soon as Commit has kept the
	// promise; until then the client must not be answered. An error has code
	// Unavailable and means that nothing was taken: the caller must leave the
	// client's counters as they are, so that its next announce carries the same
	// credit.
	Record(e Entry) (promise.Promise, error)
	// Commit keeps a promise, and with it every earlier one: it returns when the
	// journal is written that far. An error means that it is not written yet.
	Commit(p promise.Promise) error
	// Gone takes what has happened to the swarm already and can't be refused: a
	// client was unlisted without an announce. Nobody waits for it.
	Gone(e Entry)
}

var _ Ledger = (*Book)(nil)

// Completion says whether an entry finished a download.
type Completion uint8

// The completions. Journals hold their numbers.
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
	Record         []byte // for swarm.Replay; not kept

	Move bool // nothing is credited: a client moves between trackers, see Book.Move
}

// Count is the size of a swarm.
type Count struct {
	Torrent           core.TorrentID
	Seeders, Leechers int
}

// Options are how a Book works.
type Options struct {
	Name            string // of its marks in the database; several trackers have several
	Dir             string // of its journal and checkpoints; no other process may use it
	Sync            journal.SyncMode
	SyncEvery       time.Duration // for journal.SyncInterval
	FlushEvery      time.Duration // positive
	CheckpointEvery time.Duration // positive
	Swarms          *swarm.Swarms // empty ones, that Open fills
	Counts          func() []Count
	Events          *eventlog.Log
	Clock           core.Clock
	Log             *slog.Logger
}

const shards = 32

// Book writes entries into the journal, merges them in memory and writes their
// sums to the database.
type Book struct {
	db      *db.DB
	o       Options
	journal *journal.Journal
	refused atomic.Int64
	late    rate.Sometimes
	space   func(dir string) (space, error)
	full    atomic.Pointer[error] // why entries are refused before the disk refuses them

	// cut is held for reading from the append to the end of the merge: whoever
	// has it for writing knows that the rows hold the records up to
	// journal.Appended, and no others.
	cut    sync.RWMutex
	shards [shards]shard
	spare  leaves
	rows   atomic.Int64  // in memory: on piles, and taken
	fulls  atomic.Int64  // piles that are full
	many   chan struct{} // holds one when it is time to flush early
	press  struct {
		sync.Mutex // taken after that of a shard
		sheet
	}

	mu       sync.Mutex // one flush at a time; guards the next four
	taken    []*batch   // to be written, oldest first
	desk     desk       // of the batch that was taken last
	merged   float64    // how many rows a slip of it made
	marks    [shards]uint64
	failures atomic.Int64
	clean    atomic.Int64 // Unix milliseconds: everything recorded before is in the database
	flushed  atomic.Uint64
	lasting  lasting
	first    chan struct{} // closed after the first flush
	snatches sync.Map      // core.TorrentID to int64

	saved    savedState
	episodes [2]episode
	closing  sync.Once
	closed   error
}

type shard struct {
	mu sync.Mutex
	pile
}

func shardOf(m core.MemberID) int { return int(uint64(m) % shards) }

// Record implements Ledger.
func (b *Book) Record(e Entry) (promise.Promise, error) {
	if err := b.room(); err != nil {
		b.refused.Add(1)
		return 0, refusal(err)
	}
	var room [recordRoom]byte
	rec := encode(room[:0], &e)
	b.cut.RLock()
	defer b.cut.RUnlock()
	position, err := b.journal.AppendNoWait(rec)
	if err != nil {
		b.refused.Add(1)
		return 0, refusal(err)
	}
	b.merge(&e)
	return promise.Promise(position), nil
}

// Gone implements Ledger. While the journal can't be written, the entry waits in
// memory, which is bounded by the number of clients that can be gone.
func (b *Book) Gone(e Entry) {
	var room [recordRoom]byte
	rec := encode(room[:0], &e)
	b.cut.RLock()
	defer b.cut.RUnlock()
	if _, err := b.journal.AppendAnyway(rec); err != nil {
		b.o.Log.Error("who left the swarms can't be recorded; profiles show them until the next start", "err", err)
		return
	}
	b.merge(&e)
}

// Commit implements Ledger.
func (b *Book) Commit(p promise.Promise) error {
	err := b.journal.Flush(uint64(p))
	if err == nil {
		return nil
	}
	b.refused.Add(1)
	b.late.Do(func() {
		b.o.Log.Error("credit can't be recorded; what was taken waits in memory, and clients are told to ask again", "err", err)
	})
	return refusal(err)
}

func refusal(err error) error {
	return core.Wrap(err, core.Unavailable, "the tracker can't record your transfer at the moment; nothing is lost, your client will tell it again")
}

// merge puts e on the pile of its shard.
func (b *Book) merge(e *Entry) {
	if e.Move {
		return
	}
	r := rowOf(e)
	sh := &b.shards[shardOf(e.Member)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.add(&r, &b.spare)
	b.rows.Add(1)
	if sh.slips >= sh.limit {
		b.pressPile(&sh.pile)
	}
}

// pressPile makes room on a pile. It may say that it is time to flush.
func (b *Book) pressPile(p *pile) {
	b.press.Lock()
	defer b.press.Unlock()
	slips, full := p.slips, p.full
	p.press(&b.press.sheet, &b.spare)
	b.rows.Add(int64(p.slips - slips))
	if full || !p.full {
		return
	}
	b.fulls.Add(1)
	select {
	case b.many <- struct{}{}:
	default: // it is known already
	}
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
	Rows       int           // in memory; those of the same member and torrent are merged now and then
	Age        time.Duration // everything older is in the database
	Lag        uint64        // records of the journal that are not in the database
	Failures   int64         // failed tries to write to the database, since the start
	Refused    int64         // entries and commits that failed, since the start
	Journal    journal.Stats
	Checkpoint time.Duration // since the last one, or the start
	Took       time.Duration // the last checkpoint
}

// Stats returns figures of now.
func (b *Book) Stats() Stats {
	now, j := b.o.Clock(), b.journal.Stats()
	if j.Trouble == nil {
		j.Trouble = b.room()
	}
	s := Stats{
		Rows: int(b.rows.Load()), Age: now.Sub(time.UnixMilli(b.clean.Load())), Failures: b.failures.Load(), Refused: b.refused.Load(),
		Journal: j, Checkpoint: now.Sub(time.UnixMilli(b.saved.at.Load())), Took: time.Duration(b.saved.took.Load()),
	}
	if flushed := b.flushed.Load(); j.Position > flushed {
		s.Lag = j.Position - flushed
	}
	return s
}

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	tryLimit     = 30 * time.Second        // for one try to write
	drainLimit   = 1200 * time.Millisecond // for what is left at the end
)

// Run writes to disk and database until ctx ends: then it writes what is left, if
// the database takes it at once, and closes the book. What it does not take is in
// the journal and written after the next start. It returns an error only when
// the journal can't be written at the end.
func (b *Book) Run(ctx context.Context) error {
	g, _ := supervise.NewGroup(ctx)
	g.Go(b.journal.Run)
	g.Go(b.keepFlushing)
	g.Go(b.keepSaving)
	g.Go(b.watch)
	err := g.Wait()
	b.drain(context.WithoutCancel(ctx))
	return errors.Join(err, b.Close())
}

// keepFlushing flushes every Options.FlushEvery. Failures are logged and tried
// again with back-off for as long as it takes.
func (b *Book) keepFlushing(ctx context.Context) error {
	backoff := firstBackoff
	var early <-chan struct{} // nil after a failure: then only time counts
	for wait := min(b.o.FlushEvery, time.Second); core.Wait(ctx, wait, early); {
		err := b.Flush(ctx)
		early = nil
		switch {
		case ctx.Err() != nil: // the drain tries once more
		case err != nil:
			b.o.Log.Error("transfer sums wait in the journal: they can't be written to the database", "err", err,
				"rows", b.rows.Load(), "again_in", backoff)
			wait, backoff = backoff, min(2*backoff, maxBackoff)
		default:
			wait, backoff, early = b.o.FlushEvery, firstBackoff, b.many
		}
	}
	return nil
}

func (b *Book) drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	if err := b.Flush(ctx); err != nil {
		b.o.Log.Warn("the last transfer sums are in the journal only; they are written to the database after the next start",
			"rows", b.rows.Load(), "err", err)
	}
}

// Close writes the journal to the end and gives its folder back. Nothing may be
// recorded any more.
func (b *Book) Close() error {
	b.closing.Do(func() { b.closed = b.journal.Close() })
	return b.closed
}
