package db_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestSwitchesBecomeCauses upgrades accounts that were disabled or might not download, and
// kills the upgrade before each of its statements. Each is the cause that it was, once.
func TestSwitchesBecomeCauses(t *testing.T) {
	t.Parallel()
	const switches, causes = 31, 33
	eachConfig(t, func(t *testing.T, c db.Config) {
		d := dbtest.Reopen(t, c)
		mustMigrateTo(t, d, switches)
		mustTx(t, d, func(tx *db.Tx) error {
			for i, m := range []db.Row{
				{"name", "fine", "state", "enabled", "state_reason", "", "can_leech", 1, "leech_off_reason", "", "leech_off_at", 0},
				{"name", "gone", "state", "disabled", "state_reason", "left the 'lab'", "can_leech", 1, "leech_off_reason", "", "leech_off_at", 0},
				{"name", "lee", "state", "enabled", "state_reason", "", "can_leech", 0, "leech_off_reason", "traded keys", "leech_off_at", 1234},
				{"name", "old", "state", "enabled", "state_reason", "", "can_leech", 0, "leech_off_reason", "", "leech_off_at", 0},
				{"name", "both", "state", "disabled", "state_reason", "two accounts", "can_leech", 0, "leech_off_reason", "ratio", "leech_off_at", 99},
			} {
				m = append(m, db.Row{"class_id", 1, "password_hash", "", "passkey_mac", []byte{byte(i)}, "passkey_box", []byte{}, "irc_key_box", []byte{},
					"email_box", []byte{}, "key_epoch", 1, "created_at", 1, "seen_at", 1}...)
				if _, err := tx.Insert(t.Context(), "member", m); err != nil {
					return err
				}
			}
			return nil
		})
		kills := 0
		for n := 1; killed(t, childOrder{c, causes, n}); n++ {
			kills++
		}
		if kills < 5 {
			t.Errorf("only %d kills", kills)
		}
		mustMigrateTo(t, dbtest.Reopen(t, c), causes)
		got, err := db.All(t.Context(), dbtest.Reopen(t, c), func(s db.Scanner) (string, error) {
			var name, effect, source, reason string
			var starts, ends, ended int64
			err := s.Scan(&name, &effect, &source, &reason, &starts, &ends, &ended)
			return fmt.Sprintf("%s %s by %s: %q %d %d %d", name, effect, source, reason, starts, ends, ended), err
		}, "SELECT m.name, c.effect, c.source, c.reason, c.starts_at, c.ends_at, c.ended_at FROM member_cause c JOIN member m ON m.id = c.member_id ORDER BY m.id, c.effect")
		want := []string{
			`gone disabled by staff: "left the 'lab'" 0 0 0`,
			`lee no-download by staff: "traded keys" 1234 0 0`,
			`old no-download by staff: "" 0 0 0`,
			`both disabled by staff: "two accounts" 0 0 0`,
			`both no-download by staff: "ratio" 99 0 0`,
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
}
