package jobs

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func pruneSecurityLog(log Security, days int, clock core.Clock) task {
	return func(ctx context.Context) (int64, error) {
		before := clock().AddDate(0, 0, -days)
		return batches(ctx, 500, func(ctx context.Context, limit int) (int64, error) { return log.Prune(ctx, before, limit) })
	}
}

// Security is the part of the security log that this room needs.
type Security interface {
	// Prune deletes up to limit entries that are older than an instant, and returns how
	// many.
	Prune(ctx context.Context, before time.Time, limit int) (int64, error)
}
