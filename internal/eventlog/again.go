package eventlog

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// outcome is how it went with an event that had been passed over.
type outcome struct {
	Skipped
	err error // nil or a fault
}

// handlePassed handles what the consumer has passed over and can handle now: what
// staff want it to handle again, and of what was kept for a newer program the kinds
// that are known by now. Each is tried once.
func (f *follower) handlePassed(ctx context.Context) error {
	for after := int64(0); ; {
		list, err := f.log.waiting(ctx, f.c.Name, after, f.c.Batch)
		if err != nil || len(list) == 0 {
			return err
		}
		if err := f.handleAgain(ctx, list); err != nil {
			return err
		}
		after = list[len(list)-1].Event.ID
	}
}

// handleAgain tries each of a list, up to an error that is no event's fault.
func (f *follower) handleAgain(ctx context.Context, list []Skipped) (stopped error) {
	var tried []outcome
	for _, k := range list {
		if !f.log.kinds[k.Event.Kind] {
			continue
		}
		err := f.tryAgain(ctx, k)
		if err != nil && (ctx.Err() != nil || !IsFaulty(err)) {
			stopped = err
			break
		}
		tried = append(tried, outcome{k, err})
		if f.c.Flush == nil {
			if err := f.finish(ctx, tried); err != nil {
				return err
			}
			tried = nil
		}
	}
	if len(tried) == 0 {
		return stopped
	}
	err := f.callFlush(ctx, f.handled)
	switch {
	case IsFaulty(err) && len(tried) > 1: // one of them
		for _, o := range tried {
			if err := f.handleAgain(ctx, []Skipped{o.Skipped}); err != nil {
				return err
			}
		}
		return stopped
	case IsFaulty(err):
		f.stays(tried[0].Skipped, err)
		tried[0].err = err
	case err != nil:
		return err
	}
	if err := f.finish(ctx, tried); err != nil {
		return err
	}
	return stopped
}

func (f *follower) tryAgain(ctx context.Context, k Skipped) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	h, ours := f.handlers[k.Event.Kind]
	if !ours {
		return nil // known, and no concern of ours
	}
	var err error
	if h.inTx {
		err = f.tryInTx(ctx, h, k)
	} else {
		err = f.do(ctx, h, nil, k.Event)
	}
	if IsFaulty(err) && ctx.Err() == nil {
		f.stays(k, err)
		f.missed(k.Event, err)
	}
	return err
}

func (f *follower) stays(k Skipped, err error) {
	f.c.Log.Error("an event stays set aside", "consumer", f.c.Name, "event", k.Event.ID, "kind", k.Event.Kind, "err", err)
}

// tryInTx lets a handler act in the transaction that removes the row.
func (f *follower) tryInTx(ctx context.Context, h Handler, k Skipped) error {
	return f.log.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM event_skipped WHERE id = ?", k.ID)
		if err != nil || n == 0 { // a commit may have come through without an answer
			return err
		}
		return f.do(ctx, h, tx, k.Event)
	})
}

// finish removes what is handled, and sets aside again what is not. It does so even
// if ctx has just ended: the effects are out.
func (f *follower) finish(ctx context.Context, tried []outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordLimit)
	defer cancel()
	return f.log.db.Tx(ctx, func(tx *db.Tx) error {
		var told []Skipped
		for _, t := range tried {
			if t.err == nil {
				if _, err := tx.Exec(ctx, "DELETE FROM event_skipped WHERE id = ?", t.ID); err != nil {
					return err
				}
				continue
			}
			k := t.Skipped
			k.Tries, k.Error = k.Tries+1, t.err.Error()
			if k.State == StateUnknown {
				k.Since = f.log.clock()
				told = append(told, k)
			}
			_, err := tx.Exec(ctx, "UPDATE event_skipped SET state = ?, error = ?, tries = ?, since = ? WHERE id = ?",
				StateFault, errorText(k.Error), k.Tries, k.Since.Unix(), k.ID)
			if err != nil {
				return err
			}
		}
		return f.log.tell(ctx, tx, told)
	})
}
