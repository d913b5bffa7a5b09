// Package ledger keeps the tracker's books: what each member has uploaded and
// downloaded, how long they seeded and what they finished. It makes sure that every
// announce that was answered counts exactly once, whatever is killed and whenever.
//
// # How it keeps its promise
//
// Each entry is appended to a journal on the local disk, with what the swarm needs
// to repeat the announce, and added to a buffer in memory, where entries are summed
// up by member and torrent. An answer is sent only after Commit has kept its
// promise, that is, when the journal is written (with SyncAlways also synced). Every
// FlushEvery, or less often under a heavy load, the sums are written to the database.
// The same transaction writes the mark: the position in the journal up to which these
// sums reach. Members are spread over 32 shards with a mark each, so that even the sums
// of a long outage are written in transactions of a bounded size. At the start the
// journal is read again: what lies after the marks goes into the buffers, what lies
// after the last checkpoint goes into the swarms.
//
// So there is only one case to handle, whether the answer to a commit was lost, the
// process was killed, or the database has lost what it committed: the mark says what
// is in the database, and the journal holds the rest. The database never gets ahead
// of the disk, because the journal is synced up to the mark before each transaction.
//
// # Outages
//
// Without the database, sums go on being merged. They take 25 to 60 bytes for each
// pair of member and torrent that announces, however long the outage lasts, so that
// the number of clients bounds the memory. The journal grows by some 100 bytes for
// each announce: with a million clients (550 announces a second) by 200 MB an hour.
// The disk's size is therefore the limit.
//
// A little before the disk is full, or when it fails, new entries are refused and
// the refusal is logged. Nothing is lost, because the swarm then leaves the client's
// counters as they are. Only the entries that were being written at the moment of
// the failure are in the swarm already. Their clients are told that it failed. The
// journal keeps these entries in memory and writes them before any others once it
// can; then they count. Until then nothing that may contain them reaches the
// database or a checkpoint. If the process ends first, they never happened, and the
// clients' next announces carry the same credit.
//
// If the journal itself is gone, or ends before the mark, the swarms start empty:
// older counters would credit again what is in the database already. Damage in the
// middle of the journal is an error at the start; the error and deploy/README.md say
// what to do.
//
// # Concurrency
//
// A Book is safe for concurrent use. Run belongs to one goroutine. Record waits for
// the disk only, and only while a megabyte of records is pending.
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

// The completions. Their numbers are written into journals.
const (
	NoCompletion   Completion = iota
	MaybeCompleted            // the client is new and complete: it counts if the books say that the member was not finished
	Completed                 // it counts unless the member has finished this torrent before
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
	Record         []byte // for swarm.Replay; the ledger does not keep the slice

	Move bool // nothing is credited: a client moves between trackers (see Book.Move)
}

// Count is the size of a swarm.
type Count struct {
	Torrent           core.TorrentID
	Seeders, Leechers int
}

// Options are how a Book works.
type Options struct {
	Name            string // of its marks in the database; each of several trackers has its own
	Dir             string // of its journal and checkpoints; no other process may use it
	Sync            journal.SyncMode
	SyncEvery       time.Duration // for journal.SyncInterval
	FlushEvery      time.Duration // positive
	CheckpointEvery time.Duration // positive
	Swarms          *swarm.Swarms // empty; Open fills them
	Counts          func() []Count
	Events          *eventlog.Log
	Clock           core.Clock
	Log             *slog.Logger
}

const shards = 32

// Book writes entries into the journal, merges them in memory and writes their
// sums to the database.
type Book struct {
	db       *db.DB
	o        Options
	journal  *journal.Journal
	refused  atomic.Int64
	logLimit rate.Sometimes
	space    func(dir string) (space, error)
	full     atomic.Pointer[error] // why entries are refused: the disk is nearly full

	// recording is held for reading while an entry is appended and merged. Who
	// holds it for writing knows that the buffers contain the records up to
	// journal.Appended and no others.
	recording   sync.RWMutex
	shards      [shards]shard
	chunks      chunkPool
	rows        atomic.Int64  // in memory, in buffers and pending batches
	fullBuffers atomic.Int64  // how many buffers are full
	flushEarly  chan struct{} // holds a value when it is time to flush early
	compacting  struct {
		sync.Mutex // taken after a shard's
		rowTable
	}

	mu              sync.Mutex // one flush at a time; guards the next four
	pending         []*batch   // to be written, oldest first
	sorter          sorter     // of the newest batch
	mergeRatio      float64    // rows of that batch for each row of its buffers
	marks           [shards]uint64
	failures        atomic.Int64
	flushedUntil    atomic.Int64 // Unix milliseconds: everything recorded before that is in the database
	flushedPosition atomic.Uint64
	provenAt        atomic.Int64 // when the database was last seen to have everything before that, in Unix nanoseconds
	settled         settledMark
	firstFlush      chan struct{}    // closed after the first flush
	snatches        [shards]snatches // by torrent

	checkpoints checkpointState
	episodes    [2]episode
	closing     sync.Once
	closed      error
}

type shard struct {
	mu sync.Mutex
	buffer
}

func shardOf(m core.MemberID) int { return int(uint64(m) % shards) }

// Record implements Ledger.
func (b *Book) Record(e Entry) (promise.Promise, error) {
	if err := b.whyRefusing(); err != nil {
		b.refused.Add(1)
		return 0, refusal(err)
	}
	var room [recordRoom]byte
	rec := encode(room[:0], &e)
	b.recording.RLock()
	defer b.recording.RUnlock()
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
	b.recording.RLock()
	defer b.recording.RUnlock()
	if _, err := b.journal.AppendAnyway(rec); err != nil {
		b.o.Log.Error("it can't be recorded that a client left its swarm; the member's profile shows it until the next start", "err", err)
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
	b.logLimit.Do(func() {
		b.o.Log.Error("credit can't be recorded; records wait in memory, and clients are told to ask again", "err", err)
	})
	return refusal(err)
}

func refusal(err error) error {
	return core.Wrap(err, core.Unavailable, "the tracker can't record your transfer at the moment; nothing is lost, your client will tell it again")
}

// merge adds e to the buffer of its shard.
func (b *Book) merge(e *Entry) {
	if e.Move {
		return
	}
	r := newRow(e)
	sh := &b.shards[shardOf(e.Member)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.add(&r, &b.chunks)
	b.rows.Add(1)
	if sh.rows >= sh.compactAt {
		b.compactBuffer(&sh.buffer)
	}
}

// compactBuffer makes room in a buffer, and asks for an early flush when it becomes
// full.
func (b *Book) compactBuffer(buf *buffer) {
	b.compacting.Lock()
	defer b.compacting.Unlock()
	rows, full := buf.rows, buf.full
	buf.compact(&b.compacting.rowTable, &b.chunks)
	b.rows.Add(int64(buf.rows - rows))
	if full || !buf.full {
		return
	}
	b.fullBuffers.Add(1)
	select {
	case b.flushEarly <- struct{}{}:
	default: // it was asked for already
	}
}

// Snatches returns how many members have downloaded a torrent in full, as far as
// the database knows.
func (b *Book) Snatches(id core.TorrentID) int64 {
	s := &b.snatches[uint64(id)%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.of[id]
}

// snatches counts the members who have downloaded a torrent, for some of the torrents.
// Each announce looks one up.
type snatches struct {
	mu sync.RWMutex
	of map[core.TorrentID]int64 // nil before the first
}

func (b *Book) addSnatches(id core.TorrentID, n int64) {
	s := &b.snatches[uint64(id)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[core.TorrentID]int64{}
	}
	s.of[id] += n
}

// Stats tell how the book is doing.
type Stats struct {
	Rows       int           // in memory; rows of the same member and torrent are merged now and then
	Age        time.Duration // everything older is in the database
	Lag        uint64        // records of the journal that are not in the database
	Failures   int64         // failed tries to write to the database, since the start
	Refused    int64         // entries and commits that failed, since the start
	Journal    journal.Stats
	Checkpoint time.Duration // since the last checkpoint, or the start
	Took       time.Duration // how long the last checkpoint took
}

// Stats returns the figures of this moment.
func (b *Book) Stats() Stats {
	now, j := b.o.Clock(), b.journal.Stats()
	if j.Trouble == nil {
		j.Trouble = b.whyRefusing()
	}
	s := Stats{
		Rows: int(b.rows.Load()), Age: now.Sub(time.UnixMilli(b.flushedUntil.Load())), Failures: b.failures.Load(), Refused: b.refused.Load(),
		Journal: j, Checkpoint: now.Sub(time.UnixMilli(b.checkpoints.at.Load())), Took: time.Duration(b.checkpoints.took.Load()),
	}
	if flushed := b.flushedPosition.Load(); j.Position > flushed {
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

// Run writes to disk and database until ctx ends. Then it writes what is left, if
// the database takes it at once, and closes the book. What the database does not
// take is in the journal, and is written after the next start. Run returns an error
// only if the journal can't be written at the end.
func (b *Book) Run(ctx context.Context) error {
	g, _ := supervise.NewGroup(ctx)
	g.Go(b.journal.Run)
	g.Go(b.keepFlushing)
	g.Go(b.keepCheckpointing)
	g.Go(b.watch)
	err := g.Wait()
	b.drain(context.WithoutCancel(ctx))
	return errors.Join(err, b.Close())
}

// afterFlush is how long to wait after a flush that took a time. Under a load so heavy
// that writing takes more than a tenth of the time, sums are merged for longer, up to
// three times as long: the more announces a row is the sum of, the less each one costs the
// database.
func afterFlush(every, took time.Duration) time.Duration {
	return min(max(every, 9*took), 3*every)
}

// keepFlushing flushes every Options.FlushEvery, or as afterFlush says. It logs failures
// and tries again, with back-off, until it succeeds.
func (b *Book) keepFlushing(ctx context.Context) error {
	backoff := firstBackoff
	var early <-chan struct{} // nil after a failure: then only the time decides
	for wait := min(b.o.FlushEvery, time.Second); core.Wait(ctx, wait, early); {
		begun := time.Now()
		err := b.Flush(ctx)
		early = nil
		switch {
		case ctx.Err() != nil: // the drain tries once more
		case err != nil:
			b.o.Log.Error("transfer sums wait in the journal: they can't be written to the database", "err", err,
				"rows", b.rows.Load(), "again_in", backoff)
			wait, backoff = backoff, min(2*backoff, maxBackoff)
		default:
			wait, backoff, early = afterFlush(b.o.FlushEvery, time.Since(begun)), firstBackoff, b.flushEarly
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

// Close writes the journal to the end and unlocks its folder. Nothing may be recorded
// after it.
func (b *Book) Close() error {
	b.closing.Do(func() { b.closed = b.journal.Close() })
	return b.closed
}
