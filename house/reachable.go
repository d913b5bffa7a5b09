package house

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// reachable is the mail address of a member to which letters may go: one that they have
// confirmed, and from which none come back; "" for none.
func (h *House) reachable(ctx context.Context, tx *db.Tx, id core.MemberID) (string, error) {
	e, err := h.Members.In(tx).Email(ctx, id)
	if err != nil || !e.Reachable() {
		return "", err
	}
	return e.Address, nil
}
