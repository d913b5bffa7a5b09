package eventlog

import (
	"context"
	"errors"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Handler handles the events of one kind. Make one with On or OnTx.
type Handler struct {
	Kind string // of the events
	// Do handles one event. tx is nil unless OnTx made the handler.
	Do   func(ctx context.Context, tx *db.Tx, e Event) error
	inTx bool
}

// On makes the handler of a kind of events. do is given each at least once, so it
// must be idempotent. Its error makes the event come again; see Faulty.
func On[T Body](do func(ctx context.Context, e Event, body T) error) Handler {
	return decoding(false, func(ctx context.Context, _ *db.Tx, e Event, body T) error { return do(ctx, e, body) })
}

// Note makes a handler that only notes what an event says, for Flush.
func Note[T Body](note func(body T)) Handler {
	return On(func(_ context.Context, _ Event, body T) error {
		note(body)
		return nil
	})
}

// OnTx makes a handler whose effect happens exactly once: do writes it in a
// transaction which also says that the event is handled. The transaction may be
// repeated, so do must have no other effect.
func OnTx[T Body](do func(ctx context.Context, tx *db.Tx, e Event, body T) error) Handler {
	return decoding(true, do)
}

func decoding[T Body](inTx bool, do func(ctx context.Context, tx *db.Tx, e Event, body T) error) Handler {
	var kind T
	return Handler{Kind: kind.EventKind(), inTx: inTx, Do: func(ctx context.Context, tx *db.Tx, e Event) error {
		body, err := Decode[T](e)
		if err != nil {
			return Faulty(err)
		}
		return do(ctx, tx, e, body)
	}}
}

// fault is an error of the event itself.
type fault struct{ error }

func (f fault) Unwrap() error { return f.error }

// Faulty marks err as a fault of the event itself, which waiting does not mend: its
// body can't be read, or it asks for what can't be done. After a few tries such an
// event is set aside. A panic counts as one. Any other error of a handler means that something the handler
// needs is away, and the consumer waits for it as long as it takes.
func Faulty(err error) error {
	if err == nil {
		return nil
	}
	return fault{err}
}

// IsFaulty reports whether err is a fault of the event itself.
func IsFaulty(err error) bool {
	var f fault
	return errors.As(err, &f)
}
