package member

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// NoReason stands for the reason of what was switched off when none was asked for.
const NoReason = "no reason was recorded"

// LeechOffWhy is why the member's downloads are off: NoReason where that is not known, and
// "" where they are on.
func (m Member) LeechOffWhy() string {
	if !m.CanLeech && m.LeechOffReason == "" {
		return NoReason
	}
	return m.LeechOffReason
}

// SetCanLeech switches the right to download on or off. The reason is shown to the member
// and must be given to switch it off; it is forgotten when it is switched on.
func (s *Store) SetCanLeech(ctx context.Context, id core.MemberID, can bool, reason string) error {
	reason = text.Line(reason)
	var since int64
	if can {
		reason = ""
	} else {
		if err := CheckReason(reason); err != nil {
			return err
		}
		since = s.clock().Unix()
	}
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		return tx.Exec(ctx, "UPDATE member SET can_leech = ?, leech_off_reason = ?, leech_off_at = ? WHERE id = ?", can, reason, since, id)
	})
}
