// Package eventlog is the spine of the house: a transactional outbox in the
// database. Whoever changes state that others must know about appends a typed
// event in the same transaction; each consumer keeps a cursor and handles every
// event in order, at least once, idempotently.
//
// An id is drawn from one locked row that stays locked until the commit, so ids
// become visible in their order and no consumer can skip an event that commits
// late (auto-increment can't promise that, least of all on Galera). Append as
// the last thing a transaction does.
//
// A consumer waits for as long as the database or the network is away. Only a fault
// of the event itself (see Faulty) counts as a try; after a few tries the event is set
// aside for staff to look at (see Skipped), and the consumer goes on.
//
// Concurrency: a Log is safe for concurrent use. Within one process a commit
// wakes the consumers at once; across processes they look every Poll.
package eventlog

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Poll is how often a consumer looks for events of other processes.
const Poll = 200 * time.Millisecond

// Event is one thing that happened. Body is the JSON of the type that belongs
// to Kind; decode it with Decode.
type Event struct {
	ID   int64
	Kind string
	At   time.Time
	Body json.RawMessage
}

// Body is a typed event. Each has its place in the table of kinds.go.
type Body interface{ EventKind() string }

// Decode reads the body of e into v. A body that does not fit is a fault of
// ours and has code Internal.
func Decode[T Body](e Event) (T, error) {
	var v T
	if e.Kind != v.EventKind() {
		return v, fmt.Errorf("event %d is %s, not %s", e.ID, e.Kind, v.EventKind())
	}
	if err := json.Unmarshal(e.Body, &v); err != nil {
		return v, fmt.Errorf("event %d (%s): %w", e.ID, e.Kind, err)
	}
	return v, nil
}

// Log reads and appends events.
type Log struct {
	db    *db.DB
	clock core.Clock
	kinds map[string]bool // that this program knows

	mu   sync.Mutex
	wake chan struct{} // closed and replaced at each local commit or cursor move
}

// New returns the log of d.
func New(d *db.DB, clock core.Clock) *Log {
	return &Log{db: d, clock: clock, kinds: knownKinds(), wake: make(chan struct{})}
}

// Append adds an event to the transaction and returns its id. Consumers see it
// once the transaction is committed.
func (l *Log) Append(ctx context.Context, tx *db.Tx, body Body) (int64, error) {
	if !l.kinds[body.EventKind()] {
		return 0, fmt.Errorf("append %s: the kind is missing in the table of kinds.go", body.EventKind())
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, fmt.Errorf("encode %s: %w", body.EventKind(), err)
	}
	if _, err := tx.Exec(ctx, "UPDATE event_sequence SET last_id = last_id + 1 WHERE id = 1"); err != nil {
		return 0, fmt.Errorf("draw an event id: %w", err)
	}
	var id int64
	if err := tx.QueryRowContext(ctx, "SELECT last_id FROM event_sequence WHERE id = 1").Scan(&id); err != nil {
		return 0, fmt.Errorf("draw an event id: %w", err)
	}
	_, err = tx.Exec(ctx, "INSERT INTO event (id, kind, at, body) VALUES (?, ?, ?, ?)",
		id, body.EventKind(), l.clock().Unix(), string(raw))
	if err != nil {
		return 0, fmt.Errorf("append %s: %w", body.EventKind(), err)
	}
	tx.OnCommit(l.broadcast)
	return id, nil
}

// Last returns the id of the newest committed event, 0 when there is none.
func (l *Log) Last(ctx context.Context) (int64, error) {
	var id int64
	err := l.db.QueryRowContext(ctx, "SELECT last_id FROM event_sequence WHERE id = 1").Scan(&id)
	return id, err
}

// Read returns up to limit events after the given id, in order.
func (l *Log) Read(ctx context.Context, after int64, limit int) ([]Event, error) {
	return db.All(ctx, l.db, scanEvent, "SELECT id, kind, at, body FROM event WHERE id > ? ORDER BY id LIMIT ?", after, limit)
}

func scanEvent(s db.Scanner) (Event, error) {
	var e Event
	var at int64
	var body string
	err := s.Scan(&e.ID, &e.Kind, &at, &body)
	e.At, e.Body = time.Unix(at, 0).UTC(), json.RawMessage(body)
	return e, err
}

// Prune deletes up to limit events that every consumer has read and that are
// older than before, and returns how many.
func (l *Log) Prune(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		var upto int64
		err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(id), 0) FROM (
			SELECT id FROM event WHERE at < ? AND id <= (SELECT COALESCE(MIN(position), 0) FROM event_cursor)
			ORDER BY id LIMIT ?) AS old`, before.Unix(), limit).Scan(&upto)
		if err != nil || upto == 0 {
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM event WHERE id <= ? AND at < ?", upto, before.Unix())
		return err
	})
	return n, err
}

// broadcast wakes everyone who waits in this process.
func (l *Log) broadcast() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.wake)
	l.wake = make(chan struct{})
}

// waker returns a channel that is closed at the next local change. Take it
// before reading, so that nothing is missed in between.
func (l *Log) waker() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wake
}
