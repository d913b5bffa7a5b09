package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// recordLimit is how long writing down what was handled may take once ctx has ended.
const recordLimit = 1500 * time.Millisecond

// follower is a consumer that runs. It belongs to one goroutine.
type follower struct {
	log      *Log
	c        Consumer
	handlers map[string]Handler
	noted    int64 // the last event whose handler has returned; beyond handled only with Flush
	handled  int64 // the last event that is dealt with
	recorded int64 // where the cursor stands; -1 until it was moved to the beginning
	// passed are events up to handled, to be written down with the next move of the
	// cursor: set aside, or of unknown kinds.
	passed []Skipped
	last   tries
	alone  int64           // up to this event each is flushed by itself, to find the one at fault
	look   bool            // there may be events that were passed over and can be handled now
	newer  map[string]bool // unknown kinds that were logged
}

// tries are what one event with a fault has behind it.
type tries struct {
	event int64
	n     int
	since time.Time
}

// run handles events until ctx ends.
func (f *follower) run(ctx context.Context) {
	retry := f.c.Retry
	backoff := retry.First
	for ctx.Err() == nil {
		wake := f.log.waker()
		before := f.handled
		err := f.step(ctx)
		if f.handled != before {
			backoff = retry.First
		}
		switch {
		case err != nil && ctx.Err() == nil:
			d, what := retry.Spread(backoff), "events wait"
			if IsFaulty(err) {
				what = "an event can't be handled"
			}
			f.c.Log.Error(what, "consumer", f.c.Name, "after", f.handled, "err", err, "again_in", d)
			retry.Wait(ctx, d)
			backoff = min(2*backoff, retry.Most)
		case f.handled == before:
			backoff = retry.First
			core.Wait(ctx, Poll, wake)
		}
	}
}

// step handles the next events, after what is still to be done from before.
func (f *follower) step(ctx context.Context) error {
	if err := f.record(ctx); err != nil {
		return err
	}
	if f.look {
		if err := f.handlePassed(ctx); err != nil {
			return err
		}
		f.look = false
	}
	events, err := f.log.Read(ctx, f.handled, f.c.Batch)
	if err != nil || len(events) == 0 {
		return err
	}
	return f.handle(ctx, events)
}

// handle deals with events up to the first that fails.
func (f *follower) handle(ctx context.Context, events []Event) error {
	for _, e := range events {
		h, ours := f.handlers[e.Kind]
		var err error
		switch {
		case ctx.Err() != nil:
			err = ctx.Err()
		case !f.log.kinds[e.Kind]:
			f.keep(e)
		case e.Kind == EventAgain{}.EventKind():
			f.look = true
		case ours && h.inTx:
			err = f.handleInTx(ctx, h, e)
		case ours:
			err = f.do(ctx, h, nil, e)
		}
		if err != nil {
			return f.failed(ctx, e, err)
		}
		f.noted = e.ID
		if !ours || f.c.Flush != nil && e.ID > f.alone {
			continue
		}
		if err := f.settle(ctx); err != nil {
			if f.c.Flush != nil && IsFaulty(err) {
				return f.failed(ctx, e, err)
			}
			return err
		}
	}
	err := f.settle(ctx)
	if IsFaulty(err) && len(events) > 0 {
		f.alone = events[len(events)-1].ID // one of them
	}
	return err
}

// settle makes what was noted count.
func (f *follower) settle(ctx context.Context) error {
	if err := f.flush(ctx); err != nil {
		return err
	}
	return f.record(ctx)
}

func (f *follower) flush(ctx context.Context) error {
	if f.c.Flush != nil && f.noted > f.handled {
		if err := f.callFlush(ctx, f.noted); err != nil {
			f.noted = f.handled // what came after comes again
			f.passed = slices.DeleteFunc(f.passed, func(s Skipped) bool { return s.Event.ID > f.handled })
			return err
		}
	}
	f.handled = f.noted
	return nil
}

// record moves the cursor to what is handled, even if ctx has just ended. What fails
// here is only recorded again, not handled again.
func (f *follower) record(ctx context.Context) error {
	if f.handled == f.recorded {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	err := f.log.db.Tx(ctx, func(tx *db.Tx) error {
		tx.OnCommit(f.log.broadcast)
		if _, err := f.log.advance(ctx, tx, f.c.Name, f.handled); err != nil {
			return err
		}
		return f.log.setAside(ctx, tx, f.passed)
	})
	if err != nil {
		return fmt.Errorf("move the cursor of %s: %w", f.c.Name, err)
	}
	f.recorded, f.passed = f.handled, nil
	return nil
}

// handleInTx lets a handler act in the transaction that moves the cursor.
func (f *follower) handleInTx(ctx context.Context, h Handler, e Event) error {
	if err := f.settle(ctx); err != nil {
		return err
	}
	err := f.log.db.Tx(ctx, func(tx *db.Tx) error {
		tx.OnCommit(f.log.broadcast)
		moved, err := f.log.advance(ctx, tx, f.c.Name, e.ID)
		if err != nil || !moved { // a commit may have come through without an answer
			return err
		}
		return f.do(ctx, h, tx, e)
	})
	if err == nil {
		f.noted, f.handled, f.recorded = e.ID, e.ID, e.ID
	}
	return err
}

// failed deals with an event that could not be handled. What came before it counts.
func (f *follower) failed(ctx context.Context, e Event, err error) error {
	if serr := f.settle(ctx); serr != nil {
		if IsFaulty(serr) {
			f.alone = max(f.alone, e.ID) // one that came before
		}
		return errors.Join(err, serr)
	}
	if ctx.Err() != nil || !IsFaulty(err) {
		return err
	}
	if f.last.event != e.ID {
		f.last = tries{event: e.ID, since: f.log.clock()}
	}
	f.last.n++
	if f.last.n < f.c.Retry.Tries {
		return fmt.Errorf("fault %d of %d: %w", f.last.n, f.c.Retry.Tries, err)
	}
	f.c.Log.Error("an event is set aside", "consumer", f.c.Name, "event", e.ID, "kind", e.Kind, "tries", f.last.n, "err", err)
	f.missed(e, err)
	f.pass(e, StateFault, err.Error(), f.last.n, f.last.since)
	passed := slices.Clone(f.passed)
	if err = f.settle(ctx); f.c.Flush == nil || !IsFaulty(err) {
		return err
	}
	// What Missed asks for is at fault itself. The others must go on.
	f.c.Log.Error("what stands in for an event that was set aside could not be done either", "consumer", f.c.Name, "event", e.ID, "err", err)
	f.noted, f.handled, f.passed = e.ID, e.ID, passed
	return f.record(ctx)
}

// keep keeps an event of a kind that a newer program knows.
func (f *follower) keep(e Event) {
	if !f.newer[e.Kind] {
		f.newer[e.Kind] = true
		f.c.Log.Warn("events of a kind that this program does not know are kept for a newer one", "consumer", f.c.Name, "kind", e.Kind, "event", e.ID)
	}
	f.pass(e, StateUnknown, "", 0, f.log.clock())
}

// pass notes an event that is passed over and written down.
func (f *follower) pass(e Event, state State, text string, n int, since time.Time) {
	f.noted = e.ID
	f.passed = append(f.passed, Skipped{Consumer: f.c.Name, Event: e, State: state, Error: text, Tries: n, Since: since})
}
