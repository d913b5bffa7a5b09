package jobs

import "context"

// expireInvites wipes what invites and applications hold that is no longer needed. What has
// run out is refused and given back without it.
func expireInvites(store Invites) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 200, store.Prune) }
}

// Invites is the part of the store of invites and applications that this room needs.
type Invites interface {
	// Prune wipes what up to limit of each hold that are over, and returns how many.
	Prune(ctx context.Context, limit int) (int64, error)
}
