package jobs

import "context"

// expireLinks wipes what one-time links hold that have run out. They are refused anyway;
// this leaves nothing to be read, and in the end frees their rows.
func expireLinks(store Links) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 500, store.Prune) }
}

// Links is the part of the store of one-time links that this room needs.
type Links interface {
	// Prune wipes up to limit links that have run out, and deletes up to limit that are long
	// past. It returns how many.
	Prune(ctx context.Context, limit int) (int64, error)
}
