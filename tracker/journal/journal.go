// Package journal is a write-ahead log: records are written to files before they are
// acknowledged, and can be read back after a crash.
//
// # Promises
//
// Each record gets a position; positions start at 1 and grow. A record is acknowledged
// when Append, WaitFor, Commit or Flush returns nil for it. From then on it survives
// the end of the process, even by kill -9. Whether it survives a power failure depends
// on the SyncMode: with SyncAlways it does; with SyncInterval it does after the next
// sync; with SyncNever it does once the kernel has written it. Records that were
// appended but never acknowledged may survive or not.
//
// A record that failed is not in the journal: whatever the disk holds of it is cut off
// at once, or else before anything else is written. This process does not use its
// position again, so positions have gaps. If a write fails, everything that was
// appended and not yet written fails with it, so that no record gets ahead of another
// that it may depend on. After a failure records are refused at once, and every
// RetryEvery one caller tries whether the journal can be written again.
//
// With Options.Keep a record that failed is late, not lost. It stays in memory with its
// position, and is written before any other record as soon as that is possible. It is
// lost only if the process ends first, or if Close can't write it either. So if the
// record at position N is in the journal, the records at all earlier positions are.
//
// # Files
//
// A directory holds segments, each named by the position of its first record, and a
// lock file. A segment is a header and groups. A group is what was written by one call:
// a header with checksum (CRC-32C), position of the first record, number of records,
// and the mark up to which the journal was known to be synced; then the records, each
// after its length in two bytes. All numbers are little endian.
//
// Open checks the end of the journal. Damage after the highest mark can only be a write
// that was interrupted by a crash or lost in a power failure, so the journal is cut
// there. Damage before the mark, or in any segment that is replayed, is a CorruptError
// with file and offset, and nothing is changed.
//
// # Concurrency
//
// A Journal is safe for concurrent use. Records are collected in one of two buffers
// under a mutex. The first caller who waits writes this buffer for all with one call
// (with SyncAlways it also syncs it), while the others fill the second buffer. The
// package starts no goroutines: the caller runs Run in one of its own. Replay may run
// beside everything else, but its callback must not call RemoveUpTo.
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

// ParseSync parses a sync mode as it is written in settings: "always", "never" or the
// time between syncs, from 1ms to 1h, such as "1s".
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
	// After makes positions continue after this one, even if the journal ends before
	// it. Pass the highest position that is stored elsewhere, such as in a checkpoint
	// or a database: a power failure may have destroyed the end of the journal, and
	// positions must not be used twice.
	After uint64
	// Keep keeps records that could not be written in memory, and writes them before
	// any others as soon as that is possible. Callers who wait for them get an error
	// all the same.
	Keep  bool
	Clock func() time.Time // nil is time.Now; it is read only while the journal can't be written

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

// The errors that callers distinguish. Damage is a *CorruptError.
var (
	ErrClosed   = errors.New("journal: it is closed")
	ErrLocked   = errors.New("journal: another process uses this directory")
	ErrGone     = errors.New("journal: records are gone that were asked for")
	ErrTooLarge = fmt.Errorf("journal: a record has more than %d bytes", MaxRecord)
)

// CorruptError is damage to something that was written completely.
type CorruptError struct {
	File   string
	Offset int64 // in bytes; where the first damaged group begins
	Reason string
}

// Error says where the damage is and what can be done about it.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal: %s is damaged at byte %d: %s; put a good copy of it back, or give up what it holds from there on by moving it and all later segments away",
		e.File, e.Offset, e.Reason)
}

// Recovery is what Open has cut from the end of the journal.
type Recovery struct {
	File   string // the segment that was cut; "" if the end was not damaged
	Offset int64  // in bytes, where it was cut
	Bytes  int64  // how many were cut, in this segment and later ones
	Groups int    // how many intact groups were cut with them, because they came after the damage: only a power failure leaves such
}

// Stats are figures of a Journal.
type Stats struct {
	Position uint64 // of the last record that was written
	Durable  uint64 // of the last record that is known to be synced
	Oldest   uint64 // of the first record that can be there; more than Position if there is none
	Segments int
	Bytes    int64  // in all segments
	Records  uint64 // written since Open
	Groups   uint64 // calls in which they were written
	Syncs    uint64
	Failures uint64 // writes and syncs that failed
	Refused  uint64 // records that failed or were refused
	Kept     uint64 // records that wait in memory until the journal can be written again; see Options.Keep
	Late     uint64 // records that were written after such a wait
	Trouble  error  // why records are refused now; nil if they are not
}

// Journal is an open journal.
type Journal struct {
	dir      string
	o        Options
	lock     *os.File
	recovery Recovery

	mu       sync.Mutex
	groups   [2]group
	kept     []*group  // groups that could not be written yet, oldest first; see Options.Keep
	open     *group    // takes records; the other one is empty, or the leader is writing it
	leading  bool      // there is a leader: the one caller who may write to the end of the journal
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

	// These belong to the leader.
	current  *segment // the last of segments, or nil
	roll     bool     // begin a new segment with the next write
	leftover string   // a segment that could neither be begun nor removed
	mark     uint64   // the highest mark that was written

	syncing  sync.Mutex   // one sync at a time; taken before mu
	removing sync.RWMutex // held for reading while segments are read, so that they stay; taken before all others
}

// segment is one file. Fields that can change are guarded by mu unless they say
// otherwise. Only the leader changes the current segment, and may read it without mu.
type segment struct {
	path   string
	first  uint64 // position of the first record it can hold
	before uint64 // position of the last record before it
	last   uint64 // position of the last record in it; before, when it has none
	end    int64  // bytes
	listed bool   // its name is synced
	file   file   // nil once it is synced and no longer written to

	dirty   bool  // there may be bytes after end; belongs to the leader
	synced  int64 // bytes that are on the disk; guarded by syncing
	suspect bool  // the kernel may have dropped bytes that it could not write; guarded by syncing
}

// Open opens the journal in dir, creates dir if necessary, and cuts off what a crash has
// left at the journal's end. The directory is locked until Close.
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

// Close writes what was appended, syncs it and unlocks the directory. Records that are
// appended afterwards fail with ErrClosed. An error means that acknowledged records may
// not survive a power failure.
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
		// An empty group carries the mark, so that damage anywhere can be told from
		// an interrupted write. If the group itself is lost, nothing else is.
		err = j.writeEmpty()
	}
	j.mu.Unlock()
	return errors.Join(err, j.closeFiles(), unlock(j.lock))
}

// Appended returns the highest position that was given out, written or not. Callers who
// hold a lock of their own around this and AppendNoWait know that nothing after it is
// appended yet.
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

// Recovery returns what Open has cut.
func (j *Journal) Recovery() Recovery { return j.recovery }

// Position returns the position of the last record that was written, or
// Options.After when that is higher.
func (j *Journal) Position() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.written
}

// Oldest returns the position of the first record that can be there. It is more than
// Position if there is none.
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
