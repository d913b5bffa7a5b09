package invite

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// The times after which things that are over are forgotten.
const (
	invitesKept      = 365 * 24 * time.Hour // that were not used
	applicationsKept = 180 * 24 * time.Hour // their answers, notes and addresses
	networksKept     = 7 * 24 * time.Hour   // where somebody joined from
)

// Prune wipes the mail addresses of up to limit invites that are over, and forgets up to limit
// unused invites after a year, networks that people joined from after a week, and what
// applications hold 180 days after their end. It returns how many of all.
func (s *Store) Prune(ctx context.Context, limit int) (total int64, err error) {
	limit = min(max(limit, 1), 500)
	now := s.Clock()
	empty := []byte{}
	for _, p := range []struct {
		table, key, where string
		at                time.Time
		statements        []string // run with the ids in place of %s
		args              []any
	}{
		{"invite", "id", "expires_at <= ? AND LENGTH(mail_box) > 0", now, []string{"UPDATE invite SET mail_box = ? WHERE id IN (%s)"}, []any{empty}},
		{"invite", "id", "expires_at <= ? AND used_at = 0", now.Add(-invitesKept), []string{"DELETE FROM invite WHERE used_at = 0 AND id IN (%s)"}, nil},
		{"member_inviter", "member_id", "at <= ? AND LENGTH(network_mac) > 0", now.Add(-networksKept), []string{"UPDATE member_inviter SET network_mac = ? WHERE member_id IN (%s)"}, []any{empty}},
		{"application", "id", "ended_at <= ? AND ended_at > 0 AND LENGTH(place_mac) + LENGTH(mail_mac) + LENGTH(name) > 0", now.Add(-applicationsKept), []string{
			"DELETE FROM application_answer WHERE application_id IN (%s)", "DELETE FROM application_note WHERE application_id IN (%s)",
			"UPDATE application SET mail_box = '', mail_mac = '', place_mac = '', network_mac = '', name = '' WHERE id IN (%s)"}, nil},
	} {
		var n int64
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			ids, err := db.All(ctx, tx, db.Value[any], "SELECT "+p.key+" FROM "+p.table+" WHERE "+p.where+" LIMIT ?", p.at.Unix(), limit)
			if n = int64(len(ids)); err != nil || n == 0 {
				return err
			}
			for _, statement := range p.statements {
				if _, err := tx.Exec(ctx, fmt.Sprintf(statement, db.Marks(len(ids))), append(append([]any{}, p.args...), ids...)...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, fmt.Errorf("prune %s: %w", p.table, err)
		}
		total += n
	}
	return total, nil
}
