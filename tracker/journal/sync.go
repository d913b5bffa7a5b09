package journal

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Run syncs as SyncInterval and SyncNever demand, until ctx ends or the journal is
// closed. A sync that fails is counted, and records are refused until one succeeds. The
// caller runs it in one goroutine. With SyncAlways it has nothing to do.
func (j *Journal) Run(ctx context.Context) error {
	if j.o.Sync == SyncAlways {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(j.o.SyncEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		j.mu.Lock()
		closed := j.closed
		err := j.writeLate(false)
		j.flush()
		j.mu.Unlock()
		if closed {
			return nil
		}
		if err != nil {
			continue // it is kept as the trouble
		}
		if err := j.sync(j.o.Sync == SyncNever); err != nil {
			continue // it is kept as the trouble
		}
	}
}

// Sync writes what was appended, and returns when everything that was acknowledged until
// now is on the disk, in every sync mode. With Options.Keep, nil means that everything
// that was appended until now is on the disk.
func (j *Journal) Sync() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	j.flush()
	err := j.writeLate(false)
	j.mu.Unlock()
	if err != nil {
		return err
	}
	return j.sync(false)
}

func (j *Journal) sync(onlyFull bool) error {
	if j.o.Sync == SyncAlways {
		return nil // nothing is acknowledged before
	}
	j.syncing.Lock()
	defer j.syncing.Unlock()
	return j.syncSegments(onlyFull)
}

// todo is a segment that has to be synced, and up to where.
type todo struct {
	s   *segment
	end int64
}

// syncSegments syncs all segments, or all but the current one. It is called with syncing
// held, and others go on appending meanwhile.
func (j *Journal) syncSegments(onlyFull bool) error {
	j.mu.Lock()
	var list []todo
	target := j.written
	for _, s := range j.segments {
		if onlyFull && s == j.current {
			target = s.before
		} else if s.file != nil && (s.end > s.synced || s != j.current || !s.listed) {
			list = append(list, todo{s, s.end})
		}
	}
	j.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	err := j.syncFiles(list)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.unsynced = fmt.Errorf("journal: it can't be synced: %w", err)
		j.faults++
		j.retryAt = j.o.Clock().Add(j.o.RetryEvery)
		return j.unsynced
	}
	j.unsynced = nil
	j.syncs++
	j.durable = max(j.durable, target)
	for _, t := range list {
		t.s.listed = true
		if t.s != j.current && t.end == t.s.end {
			err = errors.Join(err, t.s.file.Close())
			t.s.file = nil
		}
	}
	return err
}

func (j *Journal) syncFiles(list []todo) error {
	names := false
	for _, t := range list {
		if t.s.suspect {
			if err := t.s.rewrite(t.end); err != nil {
				return err
			}
		}
		if err := t.s.file.Sync(); err != nil {
			t.s.suspect = true
			return err
		}
		t.s.suspect, t.s.synced = false, t.end
		names = names || !t.s.listed
	}
	if names {
		return j.o.disk.SyncDir(j.dir)
	}
	return nil
}

// rewrite writes again what a failed sync may have lost: the kernel marks pages that it
// could not write as clean, so the next sync would succeed without writing them. The
// bytes are read back from the kernel's cache and checked.
func (s *segment) rewrite(end int64) error {
	r := &reader{r: s.file, off: s.synced, limit: end}
	if r.off == 0 {
		if err := s.skipHead(r); err != nil {
			return err
		}
		r.off = 0
		b, err := r.bytes(segmentHeader)
		if err != nil {
			return err
		}
		if _, err := s.file.WriteAt(b, 0); err != nil {
			return err
		}
		r.off = segmentHeader
	}
	for r.off < end {
		at := r.off
		g, err := r.frame(s.first)
		if err != nil {
			return fmt.Errorf("records in %s at byte %d are lost: %w", s.path, at, err)
		}
		r.off = at
		b, err := r.bytes(g.size)
		if err != nil {
			return err
		}
		if _, err := s.file.WriteAt(b, at); err != nil {
			return err
		}
		r.off = at + int64(g.size)
	}
	return nil
}
