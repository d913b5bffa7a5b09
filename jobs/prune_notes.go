package jobs

import "context"

// pruneNotes destroys notes about members that were removed long enough ago.
func pruneNotes(store Notes) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 500, store.PruneNotes) }
}

// Notes is the part of the member store that keeps notes.
type Notes interface {
	// PruneNotes destroys up to limit notes that nobody can put back, and returns how many.
	PruneNotes(ctx context.Context, limit int) (int64, error)
}
