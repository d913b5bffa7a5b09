package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// execute runs the job once, with its row in the history, and returns when it began.
// A job that fails is not an error here: the failure is recorded and told.
func (w *worker) execute(a attempt) (time.Time, error) {
	deps := w.room.deps
	run, err := deps.Schedule.Begin(a.lease, w.job.Name, w.room.holder, a.by)
	if err != nil {
		return time.Time{}, err
	}
	began := time.Now() // how long it takes must not depend on the wall clock
	limited, cancel := context.WithTimeout(a.lease, w.job.Timeout)
	items, err := w.call(limited)
	timedOut := limited.Err() != nil && a.lease.Err() == nil
	cancel()
	took := time.Since(began)

	res := schedule.Result{Outcome: schedule.OK, Items: items, Text: fmt.Sprintf("done: %d", items)}
	switch {
	case err == nil:
	case a.room.Err() != nil:
		res.Outcome, res.Detail = schedule.Stopped, "the program ended"
	case a.lease.Err() != nil:
		err = core.Wrap(errLeaseLost, core.Unavailable, "the database did not answer for too long, or another process took over")
	case timedOut:
		err = core.Wrap(err, core.Unavailable, fmt.Sprintf("it took longer than %s and was stopped", w.job.Timeout))
	}
	if err != nil && res.Outcome != schedule.Stopped {
		res.Outcome, res.Detail, res.Text = schedule.Failed, err.Error(), core.SafeText(err)
	}
	w.report(run, res, took, err)

	// The result is recorded even when the room is ending.
	last, cancel := context.WithTimeout(context.WithoutCancel(a.room), settling)
	defer cancel()
	return run.Started, deps.Schedule.Finish(last, run, a.request, res)
}

func (w *worker) report(run schedule.Run, res schedule.Result, took time.Duration, err error) {
	w.room.metrics.ended(run, res.Outcome, took)
	log := w.room.deps.Log.With("job", run.Job, "run", run.ID, "by", run.StartedBy, "items", res.Items, "took", took)
	switch {
	case res.Outcome == schedule.Failed:
		log.Error("job failed", "err", err)
	case res.Outcome == schedule.Stopped:
		log.Info("job stopped")
	case res.Items == 0:
		log.Debug("job done")
	default:
		log.Info("job done")
	}
}

// call runs the task and turns a panic into an error: a fault in one job must not
// stop the others.
func (w *worker) call(ctx context.Context) (items int64, err error) {
	defer func() {
		if v := recover(); v != nil {
			w.room.deps.Log.Error("job panicked", "job", w.job.Name, slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	return w.do(ctx)
}
