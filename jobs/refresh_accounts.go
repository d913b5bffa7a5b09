package jobs

import (
	"context"
	"errors"
)

// refreshAccounts writes what an older release has not written of accounts, and seals bans
// that it kept as they are. Until it has
// been everywhere, new names are compared with the rest one by one, and old IRC keys are
// not recognised in what people say.
func refreshAccounts(store Accounts, bans Bans) task {
	return func(ctx context.Context) (int64, error) {
		n, err := batches(ctx, 200, store.RefreshAccounts)
		sealed, failed := batches(ctx, 200, bans.Seal)
		return n + sealed, errors.Join(err, failed)
	}
}
