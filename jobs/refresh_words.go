package jobs

import "context"

// refreshWords makes the words for search anew that an older release has made by
// another rule. Until it has been everywhere, such words are found only as they are.
func refreshWords(store Catalog) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 50, store.RefreshWords) }
}
