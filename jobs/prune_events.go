package jobs

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// keepEvents is how long events stay that every consumer has handled, so that people
// can look up what happened.
const keepEvents = 30 * 24 * time.Hour

func pruneEvents(log *eventlog.Log, clock core.Clock) task {
	return func(ctx context.Context) (int64, error) {
		before := clock().Add(-keepEvents)
		return batches(ctx, 500, func(ctx context.Context, limit int) (int64, error) { return log.Prune(ctx, before, limit) })
	}
}
