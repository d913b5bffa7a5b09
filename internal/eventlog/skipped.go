package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// State is why an event that a consumer has passed over is kept.
type State string

// The states.
const (
	StateFault   State = "fault"   // set aside after some tries
	StateAgain   State = "again"   // set aside, and to be handled once more
	StateUnknown State = "unknown" // of a kind that a newer program knows
)

// Skipped is an event that one consumer has passed over and can still handle. It
// stays when the log is pruned.
type Skipped struct {
	ID       int64
	Consumer string
	Event    Event
	State    State
	Error    string    // the last try's, cut to 1000 bytes; for staff and logs; "" where State is StateUnknown
	Tries    int       // in all
	Since    time.Time // of the first try, or of keeping what was unknown
}

const skippedColumns = "id, consumer, event_id, kind, at, body, state, error, tries, since"

func scanSkipped(s db.Scanner) (Skipped, error) {
	var k Skipped
	var at, since int64
	var body string
	err := s.Scan(&k.ID, &k.Consumer, &k.Event.ID, &k.Event.Kind, &at, &body, &k.State, &k.Error, &k.Tries, &since)
	k.Event.At, k.Event.Body, k.Since = time.Unix(at, 0).UTC(), []byte(body), time.Unix(since, 0).UTC()
	return k, err
}

// Skipped returns up to limit events that consumers have passed over: those with
// faults before those of unknown kinds, and newer before older ones.
func (l *Log) Skipped(ctx context.Context, limit int) ([]Skipped, error) {
	list, err := db.All(ctx, l.db, scanSkipped, "SELECT "+skippedColumns+" FROM event_skipped ORDER BY state = ?, id DESC LIMIT ?", StateUnknown, limit)
	if err != nil {
		return nil, fmt.Errorf("read the events that were set aside: %w", err)
	}
	return list, nil
}

// RunAgain makes the consumer that has set aside an event handle it once more, out
// of order: at once, or when it starts. If it has the same fault it stays set aside.
// It returns the event as it was, NotFound, or Conflict for one of an unknown kind.
// Call it as the last thing a transaction does: it appends an event.
func (l *Log) RunAgain(ctx context.Context, tx *db.Tx, id int64) (Skipped, error) {
	k, err := l.skipped(ctx, tx, id)
	if err != nil {
		return k, err
	}
	if k.State == StateUnknown {
		return k, core.Errorf(core.Conflict, "%d is of a kind that this program does not know: a newer one handles it by itself", id)
	}
	if _, err := tx.Exec(ctx, "UPDATE event_skipped SET state = ? WHERE id = ?", StateAgain, id); err != nil {
		return k, fmt.Errorf("run event %d again: %w", id, err)
	}
	_, err = l.Append(ctx, tx, EventAgain{})
	return k, err
}

// Drop forgets an event that was passed over: nothing handles it any more. It
// returns the event, or NotFound.
func (l *Log) Drop(ctx context.Context, tx *db.Tx, id int64) (Skipped, error) {
	k, err := l.skipped(ctx, tx, id)
	if err != nil {
		return k, err
	}
	if _, err := tx.Exec(ctx, "DELETE FROM event_skipped WHERE id = ?", id); err != nil {
		return k, fmt.Errorf("drop event %d: %w", id, err)
	}
	return k, nil
}

// skipped reads one event and keeps others from changing it.
func (l *Log) skipped(ctx context.Context, tx *db.Tx, id int64) (Skipped, error) {
	if err := tx.Lock(ctx, "event_skipped", "id = ?", id); err != nil {
		return Skipped{}, err
	}
	k, ok, err := db.One(ctx, tx, scanSkipped, "SELECT "+skippedColumns+" FROM event_skipped WHERE id = ?", id)
	switch {
	case err != nil:
		return k, fmt.Errorf("read event %d that was set aside: %w", id, err)
	case !ok:
		return k, core.Errorf(core.NotFound, "no event %d is set aside", id)
	}
	return k, nil
}

// waiting returns up to limit events of a consumer that it may be able to handle
// now, in the order of their ids from after on.
func (l *Log) waiting(ctx context.Context, consumer string, after int64, limit int) ([]Skipped, error) {
	list, err := db.All(ctx, l.db, scanSkipped, "SELECT "+skippedColumns+
		" FROM event_skipped WHERE consumer = ? AND event_id > ? AND state <> ? ORDER BY event_id LIMIT ?", consumer, after, StateFault, limit)
	if err != nil {
		return nil, fmt.Errorf("read what %s is to handle again: %w", consumer, err)
	}
	return list, nil
}

// setAside writes down what a consumer has passed over, and tells staff of faults.
func (l *Log) setAside(ctx context.Context, tx *db.Tx, passed []Skipped) error {
	var told []Skipped
	for _, k := range passed {
		e := k.Event
		fresh, err := tx.InsertIgnore(ctx, "event_skipped", db.Row{"consumer", k.Consumer, "event_id", e.ID, "kind", e.Kind, "at", e.At.Unix(),
			"body", string(e.Body), "state", k.State, "error", errorText(k.Error), "tries", k.Tries, "since", k.Since.Unix()})
		if err != nil {
			return err
		}
		if !fresh || k.State == StateUnknown { // a consumer that begins further back meets it a second time
			continue
		}
		k.ID, _, err = db.One(ctx, tx, db.Value[int64], "SELECT id FROM event_skipped WHERE consumer = ? AND event_id = ?", k.Consumer, e.ID)
		if err != nil {
			return err
		}
		told = append(told, k)
	}
	return l.tell(ctx, tx, told)
}

// tell appends an event for each that was set aside. That the news itself was set
// aside is no news: it would go round in a circle.
func (l *Log) tell(ctx context.Context, tx *db.Tx, faults []Skipped) error {
	for _, k := range faults {
		if k.Event.Kind == (EventSetAside{}).EventKind() {
			continue
		}
		_, err := l.Append(ctx, tx, EventSetAside{Skipped: k.ID, Consumer: k.Consumer, Event: k.Event.ID, Kind: k.Event.Kind, Tries: k.Tries, Text: errorText(k.Error)})
		if err != nil {
			return err
		}
	}
	return nil
}

// errorText is what is kept of an error.
func errorText(text string) string {
	const limit = 1000
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}
