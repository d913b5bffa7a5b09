package journal

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
)

// group is a buffer of records that are written with one call.
type group struct {
	buf     []byte // room for the header, then the records
	first   uint64
	records int
	waiting int       // callers that wait for done
	done    sync.Cond // its records are settled, or one of the waiting callers should lead
	sealed  bool      // it is kept, and nothing may be added to it
}

const keptBuffer = 64 << 10 // bytes, the first size of a buffer

func (g *group) reset() {
	if g.buf == nil {
		g.buf = make([]byte, groupHeader, keptBuffer)
	}
	g.buf, g.records = g.buf[:groupHeader], 0
}

// Append writes rec, together with what others append at the same time, and returns its
// position once it is written (with SyncAlways also synced). rec may be empty and is not
// kept. After an error it is not in the journal.
func (j *Journal) Append(rec []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	pos, err := j.add(rec, false)
	if err != nil {
		return 0, err
	}
	if err := j.wait(pos); err != nil {
		return 0, err
	}
	return pos, nil
}

// AppendNoWait takes rec without writing it yet, and returns its position. The record is
// acknowledged only by WaitFor, Commit or Flush. Positions are in the order of the
// calls, so callers who hold a lock of their own determine the order of records. It
// waits only while a megabyte is pending. rec may be empty and is not kept.
func (j *Journal) AppendNoWait(rec []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(rec, false)
}

// AppendAnyway is AppendNoWait for what has happened already and can't be refused: while
// the journal can't be written, the record waits in memory with those before it. It
// needs Options.Keep, and callers must limit how many records can wait so. It fails only
// if the journal is closed or rec is too large.
func (j *Journal) AppendAnyway(rec []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(rec, j.o.Keep)
}

// Flush makes sure that the record at upto is written, and synced with SyncAlways;
// 0 is no record. Unlike WaitFor it does not give others a moment to join: use it
// for the last of many records. With Options.Keep all records before it are then
// written too, and an error says that some of them are late.
func (j *Journal) Flush(upto uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if upto >= j.next {
		return fmt.Errorf("journal: position %d was not given out", upto)
	}
	if upto > j.settled && !j.leading {
		j.lead(false)
	}
	return j.wait(upto)
}

// WaitFor makes sure that the record at pos, which AppendNoWait has returned, is written
// (with SyncAlways also synced). An error means that it is not in the journal. Call it
// soon: the journal does not remember which positions failed many outages ago, and
// returns ErrGone for positions before them.
func (j *Journal) WaitFor(pos uint64) error { return j.Commit(pos, pos) }

// Commit is WaitFor for all positions from first to last. After an error some of them
// may nevertheless be written; WaitFor says so for each.
func (j *Journal) Commit(first, last uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if first == 0 || first > last || last >= j.next {
		return fmt.Errorf("journal: positions %d to %d were not given out", first, last)
	}
	if err := j.wait(last); err != nil {
		return err
	}
	return j.failed.within(first, last)
}

// add adds rec to the open group, or to the kept groups if it must be taken.
func (j *Journal) add(rec []byte, must bool) (uint64, error) {
	if len(rec) > MaxRecord {
		return 0, ErrTooLarge
	}
	for {
		if j.closed {
			return 0, ErrClosed
		}
		if err := j.trouble(); err != nil && (!must || j.broken != nil) {
			if must {
				return j.addLate(rec), nil
			}
			if !j.probe() {
				j.refused++
				if now := j.trouble(); now != nil {
					err = now
				}
				return 0, err
			}
			continue
		}
		if len(j.open.buf)+lengthSize+len(rec) <= maxGroup {
			break
		}
		if j.leading {
			j.idle.Wait()
		} else {
			j.lead(true)
		}
	}
	return j.put(j.open, rec), nil
}

// put adds rec to g, which must have room, and returns its position.
func (j *Journal) put(g *group, rec []byte) uint64 {
	if g.records == 0 {
		g.first = j.next
	}
	g.buf = le.AppendUint16(g.buf, uint16(len(rec)))
	g.buf = append(g.buf, rec...)
	g.records++
	j.next++
	return j.next - 1
}

// wait returns once pos is settled. A caller who finds no leader leads.
func (j *Journal) wait(pos uint64) error {
	for pos > j.settled {
		if !j.leading {
			j.lead(true)
			continue
		}
		g := j.open
		if g.records == 0 || pos < g.first {
			g = j.other(g)
		}
		g.waiting++
		g.done.Wait()
		g.waiting--
	}
	if j.o.Keep && pos > j.written && len(j.kept) > 0 {
		return j.trouble()
	}
	return j.failed.within(pos, pos)
}

func (j *Journal) other(g *group) *group {
	if g == &j.groups[0] {
		return &j.groups[1]
	}
	return &j.groups[0]
}

// flush writes what was appended until now, whether or not anybody waits for it.
func (j *Journal) flush() {
	for upto := j.next - 1; j.settled < upto; {
		if j.leading {
			j.idle.Wait()
		} else {
			j.lead(true)
		}
	}
}

// lead writes the open group. With gather it waits a moment before, so that others can
// join the group. It is called with mu held and without a leader, and releases mu while
// it writes.
func (j *Journal) lead(gather bool) {
	g := j.open
	if g.records == 0 {
		return
	}
	j.leading = true
	if gather {
		j.mu.Unlock()
		runtime.Gosched() // others who are about to append get into this group: thirty records for each write instead of one
		j.mu.Lock()
	}
	j.open = j.other(g)
	durable := j.durable
	j.mu.Unlock()
	err := j.write(g.buf, g.first, g.records, durable)
	j.mu.Lock()
	if err != nil {
		j.fail(err, g)
	} else {
		j.records += uint64(g.records)
		j.advance(len(g.buf), g.first+uint64(g.records)-1)
	}
	g.reset()
	j.endLead(g)
}

// advance notes that a group was written at the end.
func (j *Journal) advance(size int, last uint64) {
	s := j.current
	s.end += int64(size)
	s.last = max(s.last, last)
	j.written = max(j.written, last)
	j.settled = max(j.settled, last)
	j.wrote++
	if j.o.Sync == SyncAlways {
		j.durable = j.written
	}
}

// endLead wakes the callers who waited for g, and then one of those who wait for the
// open group, which becomes the leader. It comes last, so that the others have a chance
// to join its group.
func (j *Journal) endLead(g *group) {
	j.leading = false
	if g != nil {
		g.done.Broadcast()
	}
	if j.open.waiting > 0 {
		j.open.done.Signal()
	}
	j.idle.Broadcast()
}

// fail fails all records that are not written, beginning with those of g: none of them
// may be written now, because each may depend on those before it. They are kept or
// dropped. g is nil if an empty group has failed.
func (j *Journal) fail(err error, g *group) {
	j.broken = fmt.Errorf("journal: it can't be written: %w", err)
	j.faults++
	j.retryAt = j.o.Clock().Add(j.o.RetryEvery)
	if j.settled+1 < j.next {
		j.refused += j.next - 1 - j.settled
		if j.o.Keep {
			j.keep(g)
			j.keep(j.open)
		} else {
			j.failed.add(j.settled+1, j.next-1, j.broken)
		}
		j.settled = j.next - 1
	}
	j.open.reset()
	j.open.done.Broadcast()
}

// probe tries whether the journal can be written again, if it is time to. It is called
// with mu held, and releases mu while it writes.
func (j *Journal) probe() bool {
	now := j.o.Clock()
	if j.leading || now.Before(j.retryAt) {
		return false
	}
	j.retryAt = now.Add(j.o.RetryEvery)
	if j.unsynced != nil {
		j.leading = true
		j.mu.Unlock()
		j.syncing.Lock()
		err := j.syncSegments(false)
		j.syncing.Unlock()
		j.mu.Lock()
		j.endLead(nil)
		if err != nil || j.closed {
			return false
		}
	}
	if j.broken == nil {
		return true
	}
	if len(j.kept) > 0 {
		return j.writeKept() == nil
	}
	return j.writeEmpty() == nil
}

// writeEmpty writes a group without records. It is called with mu held and without a
// leader, and releases mu while it writes.
func (j *Journal) writeEmpty() error {
	j.leading = true
	first, durable := j.next, j.durable
	j.mu.Unlock()
	var buf [groupHeader]byte
	err := j.write(buf[:], first, 0, durable)
	j.mu.Lock()
	if err != nil {
		j.fail(err, nil)
		err = j.broken
	} else {
		j.broken = nil
		j.advance(len(buf), j.current.last)
	}
	j.endLead(nil)
	return err
}

// write appends a group to the current segment or to a new one. Only the leader calls it.
// After an error nothing of the group will be read.
func (j *Journal) write(buf []byte, first uint64, records int, mark uint64) error {
	if s := j.current; s != nil && s.dirty {
		if err := j.clean(s); err != nil {
			return err
		}
	}
	s := j.current
	full := s != nil && s.last >= s.first && s.end+int64(len(buf)) > j.o.SegmentSize
	if s == nil || full || j.roll {
		var err error
		if s, err = j.begin(first, mark); err != nil {
			return err
		}
	}
	seal(buf, first, records, mark)
	s.dirty = true
	if _, err := s.file.WriteAt(buf, s.end); err != nil {
		return errors.Join(err, j.clean(s))
	}
	if j.o.Sync == SyncAlways {
		if err := s.file.Sync(); err != nil {
			return errors.Join(err, j.clean(s))
		}
	}
	s.dirty = false
	j.mark = mark
	return nil
}

// clean cuts off what is after the end of s.
func (j *Journal) clean(s *segment) error {
	if err := s.file.Truncate(s.end); err != nil {
		return fmt.Errorf("cut what was written in part: %w", err)
	}
	s.dirty = false
	return nil
}

// begin makes a new segment the current one.
func (j *Journal) begin(first, mark uint64) (*segment, error) {
	if j.leftover != "" {
		if err := j.o.disk.Remove(j.leftover); err != nil {
			return nil, err
		}
		j.leftover = ""
	}
	s := &segment{path: segmentPath(j.dir, first), first: first, before: j.lastBefore(), end: segmentHeader}
	s.last = s.before
	f, err := j.o.disk.Create(s.path, j.o.SegmentSize)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteAt(head{first: first, before: s.before, mark: mark}.encode(), 0)
	if err == nil && j.o.Sync == SyncAlways {
		err = j.o.disk.SyncDir(j.dir)
		s.listed = true
	}
	if err != nil {
		err = errors.Join(err, f.Close())
		if rmErr := j.o.disk.Remove(s.path); rmErr != nil {
			j.leftover = s.path
			err = errors.Join(err, rmErr)
		}
		return nil, err
	}
	s.file = f
	old := j.current
	j.mu.Lock()
	j.segments = append(j.segments, s)
	j.current, j.roll = s, false
	if old != nil && j.o.Sync == SyncAlways {
		err = old.file.Close() // all groups in it are synced
		old.file = nil
	}
	j.mu.Unlock()
	return s, err
}

// lastBefore returns the position of the last record there is.
func (j *Journal) lastBefore() uint64 {
	if j.current != nil {
		return j.current.last
	}
	return j.written // this is Options.After: there are no segments
}

// keptFailures is how many ranges of failed positions are remembered. A whole outage is
// one range.
const keptFailures = 64

// failures remembers which positions have failed.
type failures struct {
	list      []failure // oldest first
	forgotten uint64    // some positions up to here have failed
}

type failure struct {
	first, last uint64
	err         error
}

func (f *failures) add(first, last uint64, err error) {
	if n := len(f.list); n > 0 && f.list[n-1].last+1 == first {
		f.list[n-1].last = last
		return
	}
	if len(f.list) == keptFailures {
		f.forgotten = f.list[0].last
		f.list = append(f.list[:0], f.list[1:]...)
	}
	f.list = append(f.list, failure{first, last, err})
}

// within returns an error if a position from first to last has failed.
func (f *failures) within(first, last uint64) error {
	if len(f.list) == 0 {
		return nil
	}
	if first <= f.forgotten {
		return fmt.Errorf("%w: whether position %d was written is not known any more", ErrGone, first)
	}
	for i := len(f.list) - 1; i >= 0; i-- {
		if l := f.list[i]; first <= l.last && last >= l.first {
			return l.err
		}
	}
	return nil
}
