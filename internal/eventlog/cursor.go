package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

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

// Advance records that the consumer needs nothing up to pos: for one that begins
// there, or that others must not wait for. A cursor never goes back. Consume moves
// the cursor of a running consumer.
func (l *Log) Advance(ctx context.Context, name string, pos int64) error {
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		tx.OnCommit(l.broadcast)
		_, err := l.advance(ctx, tx, name, pos)
		return err
	})
	if err != nil {
		return fmt.Errorf("move the cursor of %s: %w", name, err)
	}
	return nil
}

// advance moves a cursor, and reports whether it stood before pos.
func (l *Log) advance(ctx context.Context, tx *db.Tx, name string, pos int64) (moved bool, err error) {
	now := l.clock().Unix()
	fresh, err := tx.InsertIgnore(ctx, "event_cursor", db.Row{"consumer", name, "position", pos, "updated_at", now})
	if err != nil || fresh {
		return fresh, err
	}
	n, err := tx.Exec(ctx, "UPDATE event_cursor SET position = ?, updated_at = ? WHERE consumer = ? AND position < ?", pos, now, name, pos)
	return n > 0, err
}

// Forget removes the place of a consumer that is no more, so that nobody waits for
// it, and what was set aside for it.
func (l *Log) Forget(ctx context.Context, name string) error {
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM event_skipped WHERE consumer = ?", name); err != nil {
			return err
		}
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
		if !core.Wait(ctx, Poll, wake) {
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
