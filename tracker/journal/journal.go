// Package journal is a write-ahead log: records are put into files before
// anybody is told that they count, and can be read back after a crash.
//
// # Promises
//
// Each record gets a position; positions start at 1 and grow. A record is
// acknowledged when Append, WaitFor or Commit returns nil for it. From then on
// it survives the end of the process, kill -9 included. What it survives beyond
// that is the SyncMode: with SyncAlways also a power failure; with SyncInterval
// one that comes later than the next sync; with SyncNever one that comes after
// the kernel has written it. Records that were appended but never acknowledged
// may survive or not.
//
// A record that failed is not in the journal: what the disk may hold of it is cut
// away at once, or else before anything is written again. Its position is not
// used again by this process, so positions have gaps. When one write fails, everything appended until
// then and not yet written fails with it: a record never gets ahead of one that
// it may build on. After a failure records are refused at once, and every
// RetryEvery one caller finds out whether the journal can be written again.
//
// With Options.Keep a record that failed is late, not lost: it stays in memory with
// its position, and is written before any other record once that is possible. Only
// the end of the process, or a Close that can't write either, loses it. What has
// position N in the journal then follows on all positions before N.
//
// # Files
//
// A directory holds segments, each named by the position of its first record,
// and a lock file. A segment is a header and groups; a group is what was written
// in one call: a header with checksum (CRC-32C), position of the first record,
// number of records, and the mark up to which the journal was known to be synced,
// then the records, each after its length in two bytes. All numbers are little
// endian.
//
// On Open the end is looked at. Damage behind the highest mark can only be a
// write that a crash has interrupted or a power failure has lost: the journal is
// cut there. Damage before the mark, or in any segment that is replayed, is a
// CorruptError with file and offset, and changes nothing.
//
// # Concurrency
//
// A Journal is safe for concurrent use. Records are collected in one of two
// buffers under a mutex; whoever waits first writes the buffer with one call
// for all (and syncs it, with SyncAlways), while the others fill the second one.
// The package starts no goroutine: Run belongs to one of the caller's. Replay may
// run beside everything but its own callback calling RemoveUpTo.
package journal

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// SyncMode says when written records are also synced to the disk.
type SyncMode string

// The sync modes.
const (
	SyncAlways   SyncMode = "always"   // before they are acknowledged
	SyncInterval SyncMode = "interval" // every SyncEvery, by Run
	SyncNever    SyncMode = "never"    // when a segment is full, by Run, and on Close; the rest is left to the kernel
)

// ParseSync reads a sync mode as it is written in settings: "always", "never" or
// a time between syncs from 1ms to 1h such as "1s".
func ParseSync(text string) (SyncMode, time.Duration, error) {
	switch SyncMode(text) {
	case SyncAlways, SyncNever:
		return SyncMode(text), 0, nil
	}
	every, err := time.ParseDuration(text)
	if err != nil || every < time.Millisecond || every > time.Hour {
		return "", 0, fmt.Errorf("%q is no way to sync; write always, never, or a time from 1ms to 1h such as 1s", text)
	}
	return SyncInterval, every, nil
}

// Options are how a Journal works. The zero value is usable.
type Options struct {
	SegmentSize int64         // bytes after which a new segment is begun, at least 4 KiB; 0 is 64 MiB
	Sync        SyncMode      // "" is SyncInterval
	SyncEvery   time.Duration // between syncs by Run; 0 is one second
	RetryEvery  time.Duration // between tries to write again after a failure; 0 is 100 ms
	// After makes positions continue after this one, also when the journal ends
	// before it. Pass the highest position that was ever kept elsewhere, such as
	// in a checkpoint or a database: a power failure may have taken the end of
	// the journal, and its positions must not be given out twice.
	After uint64
	// Keep keeps records that could not be written in memory, and writes them
	// before any others once that is possible. Those who wait for them get an error
	// all the same.
	Keep  bool
	Clock func() time.Time // nil is time.Now; only read while the journal can't be written

	disk disk // nil is the real one
}

const (
	defaultSegment = 64 << 20
	minSegment     = 4 << 10
	defaultSync    = time.Second
	defaultRetry   = 100 * time.Millisecond
)

func (o *Options) complete() error {
	if o.SegmentSize == 0 {
		o.SegmentSize = defaultSegment
	}
	if o.SegmentSize < minSegment {
		return fmt.Errorf("journal: a segment of %d bytes is too small; take at least %d", o.SegmentSize, minSegment)
	}
	switch o.Sync {
	case "":
		o.Sync = SyncInterval
	case SyncAlways, SyncInterval, SyncNever:
	default:
		return fmt.Errorf("journal: unknown sync mode %q; take always, interval or never", o.Sync)
	}
	if o.SyncEvery < 0 || o.RetryEvery < 0 {
		return errors.New("journal: times in Options can't be negative")
	}
	if o.SyncEvery == 0 {
		o.SyncEvery = defaultSync
	}
	if o.RetryEvery == 0 {
		o.RetryEvery = defaultRetry
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.disk == nil {
		o.disk = realDisk{preallocate: o.Sync == SyncAlways}
	}
	return nil
}

// The errors that callers tell apart. Damage is a *CorruptError.
var (
	ErrClosed   = errors.New("journal: it is closed")
	ErrLocked   = errors.New("journal: another process uses this directory")
	ErrGone     = errors.New("journal: records are gone that were asked for")
	ErrTooLarge = fmt.Errorf("journal: a record has more than %d bytes", MaxRecord)
)

// CorruptError is damage in a place that was whole once.
type CorruptError struct {
	File   string
	Offset int64 // in bytes; where the first damaged group begins
	Reason string
}

// Error says where the damage is and what can be done.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal: %s is damaged at byte %d: %s; put a good copy of it back, or give up what it holds from there on by moving it and all later segments away",
		e.File, e.Offset, e.Reason)
}

// Recovery tells what Open has cut from the end of the journal.
type Recovery struct {
	File   string // the segment that was cut; empty when the end was whole
	Offset int64  // in bytes, where
	Bytes  int64  // how many, in this segment and in later ones
	Groups int    // among them groups that were whole but lay behind the damage: only a power failure does that
}

// Stats are figures of a Journal.
type Stats struct {
	Position uint64 // of the last record that was written
	Durable  uint64 // of the last record that is known to be synced
	Oldest   uint64 // position of the first record that can be there; more than Position when there is none
	Segments int
	Bytes    int64  // in all segments
	Records  uint64 // written since Open
	Groups   uint64 // calls in which they were written
	Syncs    uint64
	Failures uint64 // writes and syncs that failed
	Refused  uint64 // records that failed or were not taken
	Kept     uint64 // records that wait in memory until the journal can be written again; see Options.Keep
	Late     uint64 // records that had to wait so and are written
	Trouble  error  // why records are refused now; nil when they are not
}

// Journal is an open journal.
type Journal struct {
	dir      string
	o        Options
	lock     *os.File
	recovery Recovery

	mu       sync.Mutex
	groups   [2]group
	kept     []*group  // could not be written and will be, oldest first; see Options.Keep
	open     *group    // takes records; the other one is empty, or being written by whoever leads
	leading  bool      // somebody may touch the end of the journal
	idle     sync.Cond // leading has become false
	closed   bool
	next     uint64 // position of the next record
	settled  uint64 // positions up to here were written or have failed
	written  uint64
	durable  uint64
	failed   failures
	broken   error // the last write failed
	unsynced error // the last sync failed
	retryAt  time.Time
	segments []*segment // oldest first
	records  uint64
	wrote    uint64
	syncs    uint64
	faults   uint64
	refused  uint64
	late     uint64

	// Belong to whoever leads.
	current  *segment // the last of segments, or nil
	roll     bool     // begin a new segment with the next write
	leftover string   // a segment that could be neither begun nor removed
	mark     uint64   // the highest that was written

	syncing  sync.Mutex   // one sync at a time; taken before mu
	removing sync.RWMutex // segments stay while they are read; taken before all others
}

// segment is one file. What can change belongs to mu unless it says otherwise;
// whoever leads changes the current one, and may read it without mu.
type segment struct {
	path   string
	first  uint64 // position of the first record it can hold
	before uint64 // position of the last record before it
	last   uint64 // position of the last record in it; before, when it has none
	end    int64  // bytes
	listed bool   // its name is synced
	file   file   // nil once all of it is synced and it is not written any more

	dirty   bool  // there may be bytes behind end; belongs to whoever leads
	synced  int64 // bytes that are on the disk; belongs to syncing
	suspect bool  // the kernel may have dropped what it could not write; belongs to syncing
}

// Open opens the journal in dir, which is made where there is none, and cuts what
// a crash has left at its end. The directory is locked until Close.
func Open(dir string, o Options) (*Journal, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{dir: dir, o: o, lock: lock}
	j.idle.L = &j.mu
	for i := range j.groups {
		j.groups[i].reset()
		j.groups[i].done.L = &j.mu
	}
	j.open = &j.groups[0]
	if err := j.recover(); err != nil {
		return nil, errors.Join(err, j.closeFiles(), unlock(lock))
	}
	return j, nil
}

// Close writes what was appended, syncs it and gives the directory back. Records
// that are appended afterwards fail with ErrClosed. An error means that records
// which were acknowledged may not survive a power failure.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	lost := j.writeLate(true)
	j.closed = true
	j.flush()
	j.mu.Unlock()

	err := errors.Join(lost, j.sync(false))
	j.removing.Lock() // wait for readers
	defer j.removing.Unlock()
	j.mu.Lock()
	for j.leading {
		j.idle.Wait()
	}
	if err == nil && j.broken == nil && j.current != nil && j.mark < j.durable {
		// An empty group carries the mark: from now on damage anywhere is told
		// from a torn write. Nothing is lost when it does not get to the disk.
		err = j.writeEmpty()
	}
	j.mu.Unlock()
	return errors.Join(err, j.closeFiles(), unlock(j.lock))
}

// Appended returns the highest position that was given out, whether or not it was
// written. With a lock of their own around this and AppendNoWait callers know that
// nothing after it is appended yet.
func (j *Journal) Appended() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.next - 1
}

func (j *Journal) closeFiles() error {
	j.syncing.Lock()
	defer j.syncing.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	for _, s := range j.segments {
		if s.file != nil {
			err = errors.Join(err, s.file.Close())
			s.file = nil
		}
	}
	return err
}

// Recovery tells what Open has cut.
func (j *Journal) Recovery() Recovery { return j.recovery }

// Position returns the position of the last record that was written, or
// Options.After when that is higher.
func (j *Journal) Position() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written
}

// Oldest returns the position of the first record that can be there. It is more
// than Position when there is none.
func (j *Journal) Oldest() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.oldest()
}

func (j *Journal) oldest() uint64 {
	if len(j.segments) == 0 {
		return j.written + 1
	}
	return j.segments[0].before + 1
}

// Size returns the bytes in all segments.
func (j *Journal) Size() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.size()
}

func (j *Journal) size() (n int64) {
	for _, s := range j.segments {
		n += s.end
	}
	return n
}

// Stats returns the figures of this moment.
func (j *Journal) Stats() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	var kept uint64
	for _, g := range j.kept {
		kept += uint64(g.records)
	}
	return Stats{
		Position: j.written, Durable: j.durable, Oldest: j.oldest(), Segments: len(j.segments), Bytes: j.size(),
		Records: j.records, Groups: j.wrote, Syncs: j.syncs, Failures: j.faults, Refused: j.refused, Kept: kept, Late: j.late,
		Trouble: j.trouble(),
	}
}

// trouble returns why records are refused now.
func (j *Journal) trouble() error {
	if j.broken != nil {
		return j.broken
	}
	return j.unsynced
}
