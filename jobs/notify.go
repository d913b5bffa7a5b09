package jobs

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// Notifications are what members are told.
type Notifications interface {
	// Handlers turn events into notifications. wake is called when some may have to be
	// delivered.
	Handlers(wake func()) []eventlog.Handler
	// Deliver hands over up to limit notifications whose time has come, and returns how
	// many it dealt with.
	Deliver(ctx context.Context, limit int) (int64, error)
	// TellEnds tells of what has ended by its time lately, each once, and returns how many
	// were told.
	TellEnds(ctx context.Context) (int64, error)
	// Prune deletes up to limit notifications that are too old or too many, and returns
	// how many.
	Prune(ctx context.Context, limit int) (int64, error)
}

// tell follows the event log for all processes while this one has the lease, and writes
// what members are told.
func (r *Room) tell(ctx context.Context, workers map[string]*worker) error {
	wake := func() { workers[schedule.DeliverNotifications].poke(true) }
	return r.following(ctx, eventlog.Consumer{Name: notify.Cursor, FromNow: true, Handlers: r.deps.Notifications.Handlers(wake), Log: r.deps.Log})
}

func deliverNotifications(n Notifications) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 100, n.Deliver) }
}

func tellEnds(n Notifications) task {
	return func(ctx context.Context) (int64, error) { return n.TellEnds(ctx) }
}

func pruneNotifications(n Notifications) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 500, n.Prune) }
}
