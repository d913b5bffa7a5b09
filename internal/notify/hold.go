package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Hold gives up what waits for its delivery, and returns how many: after a restore it may have
// been delivered long ago. Inboxes go on showing it. Nobody may deliver meanwhile.
func (s *Store) Hold(ctx context.Context) (n int64, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(ctx, "UPDATE delivery SET state = ? WHERE state = ?", failed, waiting)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("hold what is to be delivered: %w", err)
	}
	return n, nil
}
