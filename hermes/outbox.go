package hermes

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"
)

// errGone says that the connection ended.
var errGone = errors.New("the connection to IRC is gone")

// lane is the urgency of a line.
type lane int

const (
	chores lane = iota // wait for everything else
	replies
	announces // go before replies that wait
)

// outgoing is a line on its way to the server.
type outgoing struct {
	command string
	params  []string
	reply   string     // msgid of what it answers; "" for none
	sent    chan error // gets one value
}

// outbox paces what a session sends and keeps the order within each lane.
type outbox struct {
	pace  *rate.Limiter
	lanes [3]chan outgoing
}

func newOutbox(c Config) *outbox {
	o := &outbox{pace: rate.NewLimiter(rate.Limit(float64(c.LinesPerMinute)/time.Minute.Seconds()), c.LinesBurst)}
	for i := range o.lanes {
		o.lanes[i] = make(chan outgoing)
	}
	return o
}

// send hands a line over and waits until it is written, or until ctx ends
// before that. When it returns ctx's error the line was not and will not be
// sent.
func (o *outbox) send(ctx context.Context, l lane, gone <-chan struct{}, command string, params ...string) error {
	return o.put(ctx, l, gone, outgoing{command: command, params: params})
}

// put is send for a line that has been made.
func (o *outbox) put(ctx context.Context, l lane, gone <-chan struct{}, out outgoing) error {
	out.sent = make(chan error, 1)
	select {
	case o.lanes[l] <- out:
	case <-ctx.Done():
		return ctx.Err()
	case <-gone:
		return errGone
	}
	select {
	case err := <-out.sent:
		return err
	case <-gone:
		return errGone
	}
}

// run writes lines to w until ctx ends.
func (o *outbox) run(ctx context.Context, w *wire) error {
	for o.pace.Wait(ctx) == nil { // it fails only when ctx ends
		out, ok := o.next(ctx)
		if !ok {
			return nil
		}
		err := w.answer(out.reply, out.command, out.params...)
		out.sent <- err
		if err != nil {
			return err
		}
	}
	return nil
}

// next takes the most urgent line that waits. Chores are handed over one at a time, so that
// no queue of them is in front of a person's answer.
func (o *outbox) next(ctx context.Context) (outgoing, bool) {
	select {
	case out := <-o.lanes[announces]:
		return out, true
	default:
	}
	select {
	case out := <-o.lanes[announces]:
		return out, true
	case out := <-o.lanes[replies]:
		return out, true
	default:
	}
	select {
	case out := <-o.lanes[announces]:
		return out, true
	case out := <-o.lanes[replies]:
		return out, true
	case out := <-o.lanes[chores]:
		return out, true
	case <-ctx.Done():
		return outgoing{}, false
	}
}

// setPace makes the pace what the configuration says, and no more than a network of
// the kind takes from an operator or from others.
func (o *outbox) setPace(c Config, k kind, oper bool) {
	perMinute, burst := c.LinesPerMinute, c.LinesBurst
	if most, atOnce := k.pace(oper); most > 0 {
		perMinute, burst = min(perMinute, most), min(burst, atOnce)
	}
	o.pace.SetLimit(rate.Limit(float64(perMinute) / time.Minute.Seconds()))
	o.pace.SetBurst(burst)
}
