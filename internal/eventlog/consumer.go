package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
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

// Cursor returns the id of the last event that the consumer has handled, 0 when
// it never ran.
func (l *Log) Cursor(ctx context.Context, name string) (int64, error) {
	pos, _, err := l.cursor(ctx, name)
	return pos, err
}

func (l *Log) cursor(ctx context.Context, name string) (int64, bool, error) {
	pos, ok, err := db.One(ctx, l.db, db.Value[int64], "SELECT position FROM event_cursor WHERE consumer = ?", name)
	if err != nil {
		return 0, false, fmt.Errorf("cursor of %s: %w", name, err)
	}
	return pos, ok, nil
}

// Advance records that the consumer has handled everything up to pos. A cursor
// never goes back.
func (l *Log) Advance(ctx context.Context, name string, pos int64) error {
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		tx.OnCommit(l.broadcast)
		return l.AdvanceTx(ctx, tx, name, pos)
	})
	if err != nil {
		return fmt.Errorf("move the cursor of %s: %w", name, err)
	}
	return nil
}

// AdvanceTx is Advance inside the transaction that holds the event's effect:
// then the effect happens exactly once.
func (l *Log) AdvanceTx(ctx context.Context, tx *db.Tx, name string, pos int64) error {
	now := l.clock().Unix()
	fresh, err := tx.InsertIgnore(ctx, "event_cursor", db.Row{"consumer", name, "position", pos, "updated_at", now})
	if err != nil || fresh {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE event_cursor SET position = ?, updated_at = ? WHERE consumer = ? AND position < ?", pos, now, name, pos)
	return err
}

// Forget removes the place of a consumer that is no more, so that nobody waits for
// it.
func (l *Log) Forget(ctx context.Context, name string) error {
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM event_cursor WHERE consumer = ?", name)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget consumer %q: %w", name, err)
	}
	return nil
}

// WaitFor returns nil once every consumer whose name is prefix, or begins with
// prefix and a colon, has handled event id. With no such consumer it waits for
// one to appear. It returns ctx's error when ctx ends first.
func (l *Log) WaitFor(ctx context.Context, prefix string, id int64) error {
	for {
		wake := l.waker()
		behind, known, err := l.behind(ctx, prefix, id)
		if err != nil {
			return err
		}
		if known && !behind {
			return nil
		}
		if wait(ctx, wake, Poll); ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

func (l *Log) behind(ctx context.Context, prefix string, id int64) (behind, known bool, err error) {
	type row struct {
		name string
		pos  int64
	}
	rows, err := db.All(ctx, l.db, func(s db.Scanner) (r row, err error) {
		return r, s.Scan(&r.name, &r.pos)
	}, "SELECT consumer, position FROM event_cursor LIMIT 1000")
	if err != nil {
		return false, false, fmt.Errorf("read cursors: %w", err)
	}
	for _, r := range rows {
		if r.name == prefix || strings.HasPrefix(r.name, prefix+":") {
			known = true
			behind = behind || r.pos < id
		}
	}
	return behind, known, nil
}

// Lag is how far a consumer is.
type Lag struct {
	Read, Last int64     // the last event that it handled, and the newest
	Since      time.Time // when the first event that it has not handled was appended; zero when there is none
}

// Lag returns how far a consumer is.
func (l *Log) Lag(ctx context.Context, name string) (Lag, error) {
	var lag Lag
	var err error
	if lag.Read, err = l.Cursor(ctx, name); err != nil {
		return Lag{}, err
	}
	if lag.Last, err = l.Last(ctx); err != nil || lag.Last <= lag.Read {
		return lag, err
	}
	at, ok, err := db.One(ctx, l.db, db.Value[int64], "SELECT at FROM event WHERE id > ? ORDER BY id LIMIT 1", lag.Read)
	if ok {
		lag.Since = time.Unix(at, 0).UTC()
	}
	return lag, err
}
