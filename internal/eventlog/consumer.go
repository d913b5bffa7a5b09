package eventlog

import (
	"context"
	"log/slog"
	"time"
)

// Consumer handles events in order. One process at a time may run a consumer of
// a given name.
type Consumer struct {
	// Name is the cursor's name. Trackers are called "tracker" or "tracker:…".
	Name string
	// FromNow starts a consumer that never ran before at the newest event
	// instead of the first.
	FromNow bool
	// Handle is given 1 to Batch events, oldest first. When it returns nil they
	// count as handled; an error is logged and the same events come again
	// after a back-off (at least once: Handle must be idempotent).
	Handle func(ctx context.Context, events []Event) error
	// Batch is the most events in one call; 0 means 256.
	Batch int
	Log   *slog.Logger
}

// Consume runs c until ctx ends, and then returns nil. It returns an error only
// when its cursor can't be read.
func (l *Log) Consume(ctx context.Context, c Consumer) error {
	pos, err := l.start(ctx, c)
	if err != nil {
		return err
	}
	return l.ConsumeFrom(ctx, pos, c)
}

// ConsumeFrom is Consume from a position that the caller knows: one whose
// handler has loaded everything up to event pos from the tables themselves. The
// cursor is moved to pos at once, so that whoever waits for the consumer knows.
func (l *Log) ConsumeFrom(ctx context.Context, pos int64, c Consumer) error {
	limit := c.Batch
	if limit <= 0 {
		limit = 256
	}
	backoff := Poll
	recorded := false // whether the cursor says pos, at the beginning
	for ctx.Err() == nil {
		wake := l.waker()
		var err error
		if !recorded {
			err = l.Advance(ctx, c.Name, pos)
			recorded = err == nil
		}
		before := pos
		if err == nil {
			pos, err = l.step(ctx, pos, limit, c)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			c.Log.Error("events wait", "consumer", c.Name, "after", pos, "err", err, "again_in", backoff)
			wait(ctx, nil, backoff)
			backoff = min(2*backoff, 30*time.Second)
		case pos == before:
			backoff = Poll
			wait(ctx, wake, Poll)
		default:
			backoff = Poll
		}
	}
	return nil
}

// step handles the next events after pos and returns where the cursor is then.
func (l *Log) step(ctx context.Context, pos int64, limit int, c Consumer) (int64, error) {
	events, err := l.Read(ctx, pos, limit)
	if err != nil || len(events) == 0 {
		return pos, err
	}
	if err := c.Handle(ctx, events); err != nil {
		return pos, err
	}
	last := events[len(events)-1].ID
	if err := l.Advance(ctx, c.Name, last); err != nil {
		return pos, err
	}
	return last, nil
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
