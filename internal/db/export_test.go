package db

import "context"

// MigrateTo is Migrate up to a version.
func (d *DB) MigrateTo(ctx context.Context, version int64) ([]int64, error) {
	return d.migrate(ctx, version)
}

// BeforeStatements has f called before each statement that changes something in a
// migration.
func BeforeStatements(ctx context.Context, f func(query string)) context.Context {
	return context.WithValue(ctx, statementKey{}, f)
}

// The limits, as the tests compare them.
const (
	LockWait      = lockWait
	StatementTime = statementTime
	ReplyTime     = replyTime
	IdleTime      = idleTime
	TryFor        = tryFor
	MigrationWait = migrationWait
	Tries         = tries
	MostPause     = mostPause
)

// Pause is how long to wait after so many tries.
var Pause = pause
