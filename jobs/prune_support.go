package jobs

import "context"

// pruneSupport forgets what people wrote to staff and is long over.
func pruneSupport(store Support) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 200, store.Prune) }
}

// Support is the part of the store of what people write to staff that this room needs.
type Support interface {
	// Prune forgets up to limit of each kind, and returns how many of all.
	Prune(ctx context.Context, limit int) (int64, error)
}
