package jobs

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// lead reads the event log for all processes while this one has the lease "jobs",
// and waits for it otherwise. The events only wake workers: what is to be done
// stands in the tables, so none is lost when the lead changes.
func (r *Room) lead(ctx context.Context, workers []*worker) error {
	byName := make(map[string]*worker, len(workers))
	for _, w := range workers {
		byName[w.job.Name] = w
	}
	for ctx.Err() == nil {
		_, err := r.withLease(ctx, "jobs", func(ctx context.Context) error {
			return r.deps.Events.Consume(ctx, eventlog.Consumer{Name: "jobs", Handlers: r.handlers(byName), Log: r.deps.Log})
		})
		if err != nil && ctx.Err() == nil {
			r.deps.Log.Warn("jobs do not read the event log", "err", err, "again_in", firstRetry)
		}
		r.wait(ctx, r.deps.Clock().Add(firstRetry), nil)
	}
	return nil
}

func (r *Room) handlers(workers map[string]*worker) []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.On(func(context.Context, eventlog.Event, eventlog.LeechWindowsChanged) error {
			workers[schedule.FreeleechEdges].poke(true)
			return nil
		}),
		eventlog.On(func(ctx context.Context, _ eventlog.Event, body eventlog.JobRequested) error {
			req, waits, err := r.deps.Schedule.RequestByID(ctx, body.Request)
			if err != nil || !waits {
				return err
			}
			if w, ok := workers[req.Job]; ok {
				w.poke(false)
			}
			return nil
		}),
	}
}
