package eventlog

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Kept is a value that is read from the database once and kept in memory, until an
// event says that it has changed. It is as new as a reading would be, also when another
// process made the change: each Get asks for the number of the last event, which costs
// one small query.
//
// Concurrency: safe for concurrent use. One caller reads, and others wait for it.
type Kept[T any] struct {
	log   *Log
	kinds map[string]bool
	most  time.Duration
	read  func(ctx context.Context) (T, error)

	turn  chan struct{} // holds one token; whoever has it may touch what follows
	value T
	known bool
	upTo  int64     // the last event that the value takes in
	at    time.Time // when it was read
}

// Keep returns a value that is read again after an event of the kind of one of the
// changes, and in any case when it is older than most.
func Keep[T any](l *Log, most time.Duration, read func(ctx context.Context) (T, error), changes ...Body) *Kept[T] {
	k := &Kept[T]{log: l, kinds: map[string]bool{}, most: most, read: read, turn: make(chan struct{}, 1)}
	for _, c := range changes {
		k.kinds[c.EventKind()] = true
	}
	k.turn <- struct{}{}
	return k
}

// Get returns the value. All callers share it.
func (k *Kept[T]) Get(ctx context.Context) (value T, err error) {
	last, err := k.log.pinned(ctx) // before the value is read, so that no change is missed
	if err != nil {
		return value, fmt.Errorf("look for new events: %w", err)
	}
	select {
	case <-k.turn:
	case <-ctx.Done():
		return value, ctx.Err()
	}
	defer func() { k.turn <- struct{}{} }()
	now := k.log.clock()
	if age := now.Sub(k.at); k.known && age >= 0 && age < k.most {
		same, err := k.same(ctx, last)
		if err != nil || same {
			return k.value, err
		}
	}
	if value, err = k.read(ctx); err != nil {
		return value, err
	}
	k.value, k.known, k.upTo, k.at = value, true, last, now
	return value, nil
}

// same reports whether none of the events up to last changed the value.
func (k *Kept[T]) same(ctx context.Context, last int64) (bool, error) {
	const most = 500
	if last <= k.upTo {
		return true, nil // another caller was here with a later event
	}
	if last-k.upTo > most {
		return false, nil
	}
	kinds, err := db.All(ctx, k.log.db, db.Value[string], "SELECT kind FROM event WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", k.upTo, last, most)
	if err != nil {
		return false, fmt.Errorf("read events: %w", err)
	}
	if int64(len(kinds)) < last-k.upTo {
		return false, nil // some are gone
	}
	for _, kind := range kinds {
		if k.kinds[kind] {
			return false, nil
		}
	}
	k.upTo = last
	return true, nil
}

// pin remembers the number of the last event for those who share a context.
type pin struct {
	mu    sync.Mutex
	last  int64
	known bool
}

type pinKey struct{}

// Pinned lets the first Get under the context ask for the last event, and all others under
// it take that number: for one who answers a single question from several kept values, and
// writes nothing in between. What they give is as new as it was at the first.
func Pinned(ctx context.Context) context.Context { return context.WithValue(ctx, pinKey{}, &pin{}) }

func (l *Log) pinned(ctx context.Context) (int64, error) {
	p, _ := ctx.Value(pinKey{}).(*pin)
	if p == nil {
		return l.Last(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known {
		return p.last, nil
	}
	last, err := l.Last(ctx)
	p.last, p.known = last, err == nil
	return last, err
}
