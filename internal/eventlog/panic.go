package eventlog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// panicked is a panic as an error. Its text is one line, for staff; the stack is for the
// log.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string {
	return "the program's code for it panicked: " + text.Clean(fmt.Sprint(p.value))
}

// caught calls f, and makes a fault of a panic in it: the same event would make it panic
// again, however long one waits and however often the room starts anew.
func caught(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = Faulty(&panicked{v, debug.Stack()})
		}
	}()
	return f()
}

// logStack logs where a panic was, if err is one, and returns err.
func logStack(log *slog.Logger, err error, args ...any) error {
	var p *panicked
	if errors.As(err, &p) {
		log.Error("a handler panicked", append([]any{"panic", fmt.Sprint(p.value), "stack", string(p.stack)}, args...)...)
	}
	return err
}

func (f *follower) logStack(err error, args ...any) error {
	return logStack(f.c.Log, err, append([]any{"consumer", f.c.Name}, args...)...)
}

// do lets a handler act on an event.
func (f *follower) do(ctx context.Context, h Handler, tx *db.Tx, e Event) error {
	return f.logStack(caught(func() error { return h.Do(ctx, tx, e) }), "event", e.ID, "kind", e.Kind)
}

func (f *follower) callFlush(ctx context.Context, upTo int64) error {
	return f.logStack(caught(func() error { return f.c.Flush(ctx, upTo) }), "after", f.handled, "up_to", upTo)
}

// missed tells the consumer that it will not handle an event.
func (f *follower) missed(e Event, why error) {
	if f.c.Missed == nil {
		return
	}
	err := caught(func() error { f.c.Missed(e, why); return nil })
	if f.logStack(err, "event", e.ID, "kind", e.Kind) != nil {
		f.c.Log.Error("what is to stand in for an event failed", "consumer", f.c.Name, "event", e.ID, "err", err)
	}
}
