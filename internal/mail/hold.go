package mail

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// heldBack is what last_error says of letters that Hold has taken from the queue.
const heldBack = "it waited when the backup was made that this site was restored from, and may have gone since"

// Hold takes all letters from the queue that wait, and returns how many: after a restore they
// may be letters that were sent long ago. Each can be sent after all with Again, for as long as
// the content of failed letters is kept. Nobody may send meanwhile.
func (q *Queue) Hold(ctx context.Context) (n int64, err error) {
	now := q.clock().Unix()
	err = q.db.Tx(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(ctx, "UPDATE mail SET state = ?, last_error = ?, tries = 0, next_at = ?, ended_at = ? WHERE state IN (?, ?)",
			string(Failed), heldBack, now, now, string(Queued), string(Sending))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("hold the letters that wait: %w", err)
	}
	return n, nil
}
