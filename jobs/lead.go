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
			return r.deps.Events.Consume(ctx, eventlog.Consumer{
				Name: "jobs",
				Handle: func(ctx context.Context, events []eventlog.Event) error {
					return r.handle(ctx, byName, events)
				},
				Log: r.deps.Log,
			})
		})
		if err != nil && ctx.Err() == nil {
			r.deps.Log.Warn("jobs do not read the event log", "err", err, "again_in", firstRetry)
		}
		r.wait(ctx, r.deps.Clock().Add(firstRetry), nil)
	}
	return nil
}

func (r *Room) handle(ctx context.Context, workers map[string]*worker, events []eventlog.Event) error {
	for _, e := range events {
		switch e.Kind {
		case eventlog.LeechWindowsChanged{}.EventKind():
			workers[schedule.FreeleechEdges].poke(true)
		case eventlog.JobRequested{}.EventKind():
			if err := r.requested(ctx, workers, e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *Room) requested(ctx context.Context, workers map[string]*worker, e eventlog.Event) error {
	body, err := eventlog.Decode[eventlog.JobRequested](e)
	if err != nil { // it would be as wrong the next time
		r.deps.Log.Error("event skipped", "err", err)
		return nil
	}
	req, waits, err := r.deps.Schedule.RequestByID(ctx, body.Request)
	if err != nil || !waits {
		return err
	}
	if w, ok := workers[req.Job]; ok {
		w.poke(false)
	}
	return nil
}
