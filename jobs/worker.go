package jobs

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/schedule"
)

const (
	longestNap = 30 * time.Second // the clock may be set meanwhile, so check it this often
	firstRetry = 5 * time.Second  // when another process has the lease, or the database fails
	lastRetry  = time.Minute
)

// worker runs one job.
type worker struct {
	room *Room
	job  schedule.Job
	do   task

	wake  chan struct{} // signals that there may be something to do before the job is due
	poked atomic.Bool   // a run is wanted now

	due    time.Time // when the job is to run next
	missed bool      // due is a time that passed while the program was off
}

// demand is one reason to run.
type demand struct {
	by      string
	request int64 // 0 when nobody asked
}

// attempt is one try to meet a demand while this process has the job's lease.
type attempt struct {
	demand
	room  context.Context // ends with the room
	lease context.Context // ends with the room, and when the lease is lost
}

// newWorker sets a job up. The job is due at once if one of its times has passed
// since its last good run, or if it never ran well.
func (r *Room) newWorker(ctx context.Context, job schedule.Job) (*worker, error) {
	w := &worker{room: r, job: job, do: r.tasks[job.Name], wake: make(chan struct{}, 1)}
	if w.do == nil {
		return nil, errors.New("nothing is bound to the job " + job.Name)
	}
	last, err := r.deps.Schedule.LastOK(ctx, job.Name)
	if err != nil {
		return nil, err
	}
	now := r.deps.Clock()
	if last.IsZero() {
		w.due, w.missed = now, true
		return w, nil
	}
	r.metrics.succeeded(job.Name, last)
	w.due, err = job.Next(last)
	if err != nil {
		return nil, err
	}
	if w.missed = !w.due.After(now); w.missed {
		return w, nil
	}
	w.due, err = job.Next(now)
	return w, err
}

// poke makes the worker look for requests, and run even without one when now is set.
func (w *worker) poke(now bool) {
	if now {
		w.poked.Store(true)
	}
	select {
	case w.wake <- struct{}{}:
	default: // it is about to look in any case
	}
}

// run does the job whenever there is a reason, until ctx ends.
func (w *worker) run(ctx context.Context) error {
	retry := firstRetry
	for ctx.Err() == nil {
		settled, err := w.look(ctx)
		if ctx.Err() == nil {
			w.room.waits(w.job.Name, err)
		}
		if err != nil && ctx.Err() == nil {
			w.room.deps.Log.Error("job waits", "job", w.job.Name, "err", err, "again_in", retry)
		}
		if settled {
			retry = firstRetry
			if err := w.nap(ctx); err != nil {
				return err
			}
			continue
		}
		w.room.wait(ctx, w.room.deps.Clock().Add(retry), w.wake)
		retry = min(2*retry, lastRetry)
	}
	return nil
}

// look runs the job once if there is a reason to. It reports whether nothing is left
// to do before the job is due again; then there is no error.
func (w *worker) look(ctx context.Context) (settled bool, err error) {
	for ctx.Err() == nil {
		d, ok, err := w.demand(ctx)
		if err != nil || !ok {
			return err == nil, err
		}
		got, err := w.room.withLease(ctx, "job:"+w.job.Name, func(lease context.Context) error {
			return w.serve(attempt{demand: d, room: ctx, lease: lease})
		})
		if err != nil || !got {
			return false, err
		}
	}
	return false, nil
}

// demand finds the most urgent reason to run.
func (w *worker) demand(ctx context.Context) (demand, bool, error) {
	req, ok, err := w.room.deps.Schedule.Pending(ctx, w.job.Name)
	switch {
	case err != nil:
		return demand{}, false, err
	case ok:
		return demand{by: req.By, request: req.ID}, true, nil
	case w.poked.Load():
		return demand{by: schedule.ByEvent}, true, nil
	case w.room.deps.Clock().Before(w.due):
		return demand{}, false, nil
	case w.missed:
		return demand{by: schedule.ByStart}, true, nil
	default:
		return demand{by: schedule.BySchedule}, true, nil
	}
}

// serve meets a demand, unless another process has met it while this one waited for
// the lease.
func (w *worker) serve(a attempt) error {
	switch {
	case a.request != 0:
		_, waits, err := w.room.deps.Schedule.RequestByID(a.lease, a.request)
		if err != nil || !waits {
			return err
		}
		_, err = w.execute(a)
		return err
	case a.by == schedule.ByEvent:
		w.poked.Store(false) // changes from here on poke again
		_, err := w.execute(a)
		if err != nil {
			w.poked.Store(true)
		}
		return err
	default:
		return w.serveDue(a)
	}
}

// serveDue runs the job because it is due. The next time follows from when the run
// began, so that a time that passes during a long run is not skipped.
func (w *worker) serveDue(a attempt) error {
	began, err := w.metBy(a.lease)
	if err != nil {
		return err
	}
	if began.IsZero() {
		if began, err = w.execute(a); err != nil {
			return err
		}
	}
	w.missed = false
	w.due, err = w.job.Next(began)
	return err
}

// metBy returns when the run began that has already met what is due, or the zero time
// if there is none. A failed run does not make up for what was missed.
func (w *worker) metBy(ctx context.Context) (time.Time, error) {
	if !w.missed {
		return w.room.deps.Schedule.RanSince(ctx, w.job.Name, w.due)
	}
	last, err := w.room.deps.Schedule.LastOK(ctx, w.job.Name)
	if err != nil || last.Before(w.due.Truncate(time.Second)) {
		return time.Time{}, err
	}
	return last, nil
}

// nap returns when the job is due, when it is poked, when ctx ends, or after a
// while, as the clock may have been set.
func (w *worker) nap(ctx context.Context) error {
	now := w.room.deps.Clock()
	next, err := w.job.Next(now)
	if err != nil {
		return err
	}
	if next.Before(w.due) { // the clock was set back
		w.due = next
	}
	end := now.Add(longestNap)
	if w.due.Before(end) {
		end = w.due
	}
	w.room.wait(ctx, end, w.wake)
	return nil
}
