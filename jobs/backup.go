package jobs

import "context"

// makeBackup backs the site up, where a folder for backups is configured and this process
// has everything that belongs into one.
func makeBackup(backup func(ctx context.Context) (int64, error)) task {
	return func(ctx context.Context) (int64, error) {
		if backup == nil {
			return 0, nil
		}
		return backup(ctx)
	}
}
