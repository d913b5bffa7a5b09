package jobs

import "context"

// expireSessions deletes log-ins that have run out. They are refused anyway; this
// frees their rows.
func expireSessions(store Sessions) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 500, store.ExpireSessions) }
}
