package jobs

import "context"

// pruneMail deletes the rows of letters that nobody needs any more.
func pruneMail(m Mail) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 500, m.Prune) }
}
