package jobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

const (
	leaseTTL    = 40 * time.Second // after a process died, others wait for this long
	leaseMargin = 10 * time.Second // the holder stops this long before its lease ends
	leaseRenew  = leaseTTL / 4
	settling    = 3 * time.Second // for what must still be written when ctx has ended
)

var (
	errDone      = errors.New("done")
	errLeaseLost = errors.New("the lease was lost")
)

// held is a lease as its holder may count on it.
type held struct {
	mu  sync.Mutex
	end time.Time // when the holder must have stopped
}

// until counts from when the database was asked, not from its answer: the lease is as
// old as the question, however long that was on its way.
func (h *held) until(asked time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end = asked.Add(leaseTTL - leaseMargin)
}

func (h *held) ends() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.end
}

// withLease runs f while this process has the lease, and reports whether it got
// it at all. The context of f ends when the lease can't be kept.
func (r *Room) withLease(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error) {
	var lease held
	asked := r.deps.Clock()
	lease.until(asked)
	got, err := r.deps.DB.Lease(ctx, name, r.holder, asked, leaseTTL)
	if err != nil || !got {
		return false, err
	}
	defer r.release(ctx, name)
	g, _ := supervise.NewGroup(ctx)
	g.Go(func(ctx context.Context) error { return r.stopInTime(ctx, &lease) })
	g.Go(func(ctx context.Context) error { return r.renew(ctx, name, &lease, asked) })
	g.Go(func(ctx context.Context) error {
		if !r.deps.Clock().Before(lease.ends()) { // the answer was too long on its way
			return errLeaseLost
		}
		if err := f(ctx); err != nil {
			return err
		}
		return errDone // ends the other two
	})
	err = g.Wait()
	if errors.Is(err, errDone) {
		err = nil
	}
	return true, err
}

// stopInTime ends what is done under the lease before the lease ends. It asks nobody,
// so it works while the link to the database hangs.
func (r *Room) stopInTime(ctx context.Context, lease *held) error {
	for ctx.Err() == nil {
		end := lease.ends()
		if !r.deps.Clock().Before(end) {
			return errLeaseLost
		}
		r.wait(ctx, end, nil)
	}
	return ctx.Err()
}

// renew keeps the lease, which was asked for at the given time, until ctx ends. It gives
// up when another process has it.
func (r *Room) renew(ctx context.Context, name string, lease *held, asked time.Time) error {
	for now := asked; ; {
		r.wait(ctx, now.Add(leaseRenew), nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now = r.deps.Clock()
		got, err := r.deps.DB.Lease(ctx, name, r.holder, now, leaseTTL)
		switch {
		case err == nil && got:
			lease.until(now)
		case err == nil:
			return errLeaseLost
		case ctx.Err() == nil:
			r.deps.Log.Warn("lease not renewed", "lease", name, "err", err)
		}
	}
}

// release gives the lease back, even if ctx has ended, so that the next process need
// not wait for it to run out.
func (r *Room) release(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	if err := r.deps.DB.Release(ctx, name, r.holder); err != nil {
		r.deps.Log.Warn("lease not given back", "lease", name, "err", err)
	}
}
