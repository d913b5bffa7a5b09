package jobs

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// keepRuns is how far back the history of jobs goes. A job that runs every minute
// mostly finds nothing to do; such runs are kept for keepQuiet only.
const (
	keepRuns  = 180 * 24 * time.Hour
	keepQuiet = 48 * time.Hour
)

func pruneJobHistory(store *schedule.Store, clock core.Clock) task {
	return func(ctx context.Context) (int64, error) {
		now := clock()
		return batches(ctx, 500, func(ctx context.Context, limit int) (int64, error) {
			return store.Prune(ctx, now.Add(-keepRuns), now.Add(-keepQuiet), limit)
		})
	}
}
