package jobs

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// lead reads the event log for all processes. The events only wake workers: what is to be
// done stands in the tables, so none is lost when the lead changes.
func (r *Room) lead(ctx context.Context, workers map[string]*worker) error {
	return r.following(ctx, eventlog.Consumer{Name: "jobs", Handlers: r.handlers(workers), Log: r.deps.Log})
}

// following runs a consumer of the event log while this process has the lease of its name,
// and waits for that otherwise.
func (r *Room) following(ctx context.Context, c eventlog.Consumer) error {
	for ctx.Err() == nil {
		_, err := r.withLease(ctx, c.Name, func(ctx context.Context) error { return r.deps.Events.Consume(ctx, c) })
		if err != nil && ctx.Err() == nil {
			r.deps.Log.Warn("the event log is not read", "consumer", c.Name, "err", err, "again_in", firstRetry)
		}
		r.wait(ctx, r.deps.Clock().Add(firstRetry), nil)
	}
	return nil
}

func (r *Room) handlers(workers map[string]*worker) []eventlog.Handler {
	return append(r.deps.Recovery.Handlers(),
		eventlog.On(func(context.Context, eventlog.Event, eventlog.LeechWindowsChanged) error {
			workers[schedule.FreeleechEdges].poke(true)
			return nil
		}),
		eventlog.On(func(context.Context, eventlog.Event, eventlog.MailQueued) error {
			workers[schedule.SendMail].poke(true)
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
	)
}
