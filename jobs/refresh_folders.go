package jobs

import "context"

// refreshFolders makes the folders of torrents that an older release has stored without
// any. Until it has been everywhere, the files of such torrents are listed one by one.
func refreshFolders(store Catalog) task {
	return func(ctx context.Context) (int64, error) { return batches(ctx, 100, store.RefreshFolders) }
}
