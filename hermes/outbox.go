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
	replies   lane = iota
	announces      // go before replies that wait
)

// outgoing is a line on its way to the server.
type outgoing struct {
	command string
	params  []string
	sent    chan error // gets one value
}

// outbox paces what a session sends and keeps the order within each lane.
type outbox struct {
	pace  *rate.Limiter
	lanes [2]chan outgoing
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
	out := outgoing{command: command, params: params, sent: make(chan error, 1)}
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
		var out outgoing
		select {
		case out = <-o.lanes[announces]:
		default:
			select {
			case out = <-o.lanes[announces]:
			case out = <-o.lanes[replies]:
			case <-ctx.Done():
				return nil
			}
		}
		err := w.line(out.command, out.params...)
		out.sent <- err
		if err != nil {
			return err
		}
	}
	return nil
}
