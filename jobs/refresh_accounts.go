package jobs

import "context"

// refreshAccounts writes what an older release has not written of accounts. Until it has
// been everywhere, new names are compared with the rest one by one, and old IRC keys are
// not recognised in what people say.
func refreshAccounts(store Accounts) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 200, store.RefreshAccounts) }
}
