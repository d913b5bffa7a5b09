package eventlog

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Consumer handles events in order. One process at a time may run a consumer of
// a given name.
type Consumer struct {
	// Name is the cursor's name. Trackers are called "tracker" or "tracker:…".
	Name string
	// FromNow starts a consumer that never ran before at the newest event
	// instead of the first.
	FromNow bool
	// Handlers has one handler for each kind of events that concerns the consumer;
	// others are passed over. An event is handled when its handler has returned nil.
	// The cursor is moved past it at once, even if ctx has ended: its effect is out.
	Handlers []Handler
	// A handler that panics has met a fault of the event (see Faulty), so it must leave no
	// lock taken and nothing half done behind.
	//
	// Flush, where it is set, does what the handlers of a batch only noted. Then
	// events count as handled when Flush has returned nil, up to event upTo; after an
	// error they come again. Flush forgets what was noted, also when it fails. It is
	// called for each batch, even one without any event of the consumer's kinds. After a
	// fault, or a panic, it is called for each event of the batch alone, to find which.
	Flush func(ctx context.Context, upTo int64) error
	// Missed, where it is set, is told of each event that is about to be set aside
	// because of err, before Flush: for a consumer that must then be on the safe side.
	Missed func(e Event, err error)
	// Batch is the most events that are read at once; 0 means 256.
	Batch int
	Retry Retry
	Log   *slog.Logger
}

// Retry says how often and when a consumer tries again.
type Retry struct {
	Tries int           // of an event with a fault, before it is set aside; 0 means 3
	First time.Duration // the wait after a failure, doubled by each further one; 0 means Poll
	Most  time.Duration // the longest wait; 0 means 30 seconds
	// Spread shortens a wait a little, so that not all come back in step; nil means
	// at random, by up to a half.
	Spread func(time.Duration) time.Duration
	// Wait waits for the time or until ctx ends; nil does so by the real clock.
	Wait func(context.Context, time.Duration)
}

func (r Retry) orDefaults() Retry {
	r.Tries, r.First, r.Most = cmp.Or(r.Tries, 3), cmp.Or(r.First, Poll), cmp.Or(r.Most, 30*time.Second)
	if r.Spread == nil {
		r.Spread = func(d time.Duration) time.Duration { return d - rand.N(d/2+1) } //nolint:gosec // no secret: it only spreads load
	}
	if r.Wait == nil {
		r.Wait = func(ctx context.Context, d time.Duration) { core.Sleep(ctx, d) }
	}
	return r
}

// Consume runs c until ctx ends, and then returns nil. It returns an error only
// when its cursor can't be read, or when c contradicts itself.
func (l *Log) Consume(ctx context.Context, c Consumer) error {
	pos, err := l.start(ctx, c)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was to end before it had begun
	}
	if err != nil {
		return err
	}
	return l.ConsumeFrom(ctx, pos, c)
}

// ConsumeFrom is Consume from a position that the caller knows: one whose
// handler has loaded everything up to event pos from the tables themselves. The
// cursor is moved to pos at once, so that whoever waits for the consumer knows.
func (l *Log) ConsumeFrom(ctx context.Context, pos int64, c Consumer) error {
	f, err := l.follow(pos, c)
	if err != nil {
		return err
	}
	f.run(ctx)
	return nil
}

func (l *Log) start(ctx context.Context, c Consumer) (int64, error) {
	pos, known, err := l.cursor(ctx, c.Name)
	if err != nil || known {
		return pos, err
	}
	if c.FromNow {
		return l.Last(ctx)
	}
	return 0, nil
}

// follow makes c ready to run.
func (l *Log) follow(pos int64, c Consumer) (*follower, error) {
	handlers := map[string]Handler{}
	for _, h := range c.Handlers {
		_, twice := handlers[h.Kind]
		switch {
		case twice:
			return nil, fmt.Errorf("consumer %s has two handlers of %s", c.Name, h.Kind)
		case !l.kinds[h.Kind]:
			return nil, fmt.Errorf("consumer %s handles %s, which is missing in the table of kinds.go", c.Name, h.Kind)
		case h.inTx && c.Flush != nil:
			return nil, fmt.Errorf("consumer %s handles %s in a transaction and others by Flush: make it two consumers", c.Name, h.Kind)
		}
		handlers[h.Kind] = h
	}
	c.Batch, c.Retry = cmp.Or(c.Batch, 256), c.Retry.orDefaults()
	return &follower{log: l, c: c, handlers: handlers, handled: pos, noted: pos, recorded: -1, look: true, newer: map[string]bool{}}, nil
}
