package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

const (
	leaseTTL   = 40 * time.Second // after a process died, others wait for this long
	leaseRenew = leaseTTL / 4
	settling   = 3 * time.Second // for what must still be written when ctx has ended
)

var (
	errDone      = errors.New("done")
	errLeaseLost = errors.New("the lease was lost")
)

// withLease runs f while this process has the lease, and reports whether it got
// it at all. The context of f ends when the lease can't be kept.
func (r *Room) withLease(ctx context.Context, name string, f func(ctx context.Context) error) (bool, error) {
	taken := r.deps.Clock()
	got, err := r.deps.DB.Lease(ctx, name, r.holder, taken, leaseTTL)
	if err != nil || !got {
		return false, err
	}
	defer r.release(ctx, name)
	g, _ := supervise.NewGroup(ctx)
	g.Go(func(ctx context.Context) error { return r.renew(ctx, name, taken) })
	g.Go(func(ctx context.Context) error {
		if err := f(ctx); err != nil {
			return err
		}
		return errDone // ends the renewal
	})
	err = g.Wait()
	if errors.Is(err, errDone) {
		err = nil
	}
	return true, err
}

// renew keeps the lease, which was taken at the given time, until ctx ends. It gives
// up when another process has the lease, or when the database did not answer for so
// long that the lease may have run out.
func (r *Room) renew(ctx context.Context, name string, taken time.Time) error {
	now := taken
	last := taken
	for {
		r.wait(ctx, now.Add(leaseRenew), nil)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		now = r.deps.Clock()
		got, err := r.deps.DB.Lease(ctx, name, r.holder, now, leaseTTL)
		switch {
		case err == nil && got:
			last = now
		case err == nil:
			return errLeaseLost
		case ctx.Err() == nil:
			r.deps.Log.Warn("lease not renewed", "lease", name, "err", err)
			if now.Sub(last) >= leaseTTL-leaseRenew {
				return errLeaseLost
			}
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
