package db_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestLinesOfIRCBecomeBans upgrades a database with lines of the IRC network, stopping at
// every statement and going on. Each line is the ban afterwards that it was; package ban
// tests that values are read and sealed that are not sealed yet.
func TestLinesOfIRCBecomeBans(t *testing.T) {
	t.Parallel()
	eachConfig(t, func(t *testing.T, c db.Config) {
		ctx, d := t.Context(), dbtest.Reopen(t, c)
		mustMigrateTo(t, d, 31)
		mustTx(t, d, func(tx *db.Tx) error {
			for i, l := range []struct {
				kind, mask string
				expires    int64
			}{{"k", "eve@*", 0}, {"d", "192.0.2.7/32", 7200}, {"d", "192.0.2.0/24", 0}, {"d", "2001:db8::7/128", 0}, {"d", "2001::/32", 0}, {"k", "*.*/32@over.example", 3599}} {
				if _, err := tx.Insert(ctx, "irc_line", db.Row{"id", 10 * (i + 1), "kind", l.kind, "mask", l.mask, "reason", "Zürich", "set_by", "mod", "set_at", 3600, "expires_at", l.expires}); err != nil {
					return err
				}
			}
			_, err := tx.Insert(ctx, "class_permission", db.Row{"class_id", 6, "permission", "irc.address"})
			return err
		})
		stops := 0
		for _, v := range versions(t) {
			for at, done := 1, v <= 31; !done; at++ {
				stopped, stop := context.WithCancel(ctx)
				n := 0
				_, err := d.MigrateTo(db.BeforeStatements(stopped, func(string) {
					if n++; n == at {
						stop()
					}
				}), v)
				stop()
				if done = err == nil; !done {
					stops++
				}
				if at > 100 {
					t.Fatal(err)
				}
			}
		}
		if stops < 5 {
			t.Errorf("it was stopped %d times only", stops)
		}
		type row struct {
			id                                  int64
			kind, reason, by                    string
			sealed, reach, starts, ends, lifted int64
			slot                                []byte
		}
		rows, err := db.All(ctx, d, func(sc db.Scanner) (string, error) {
			var r row
			var value []byte
			err := sc.Scan(&r.id, &r.kind, &value, &r.sealed, &r.slot, &r.reach, &r.reason, &r.by, &r.starts, &r.ends, &r.lifted)
			return fmt.Sprint(r.id, " ", r.kind, " ", string(value), " ", r.sealed, r.slot == nil, r.reach, " ", r.reason, " ", r.by, " ", r.starts, r.ends, r.lifted), err
		}, "SELECT id, kind, value, sealed, slot, reach, reason, by_name, starts_at, ends_at, lifted_at FROM ban ORDER BY id")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{
			"10 mask eve@* 0 true 2 Zürich mod 3600 0 0", "20 address 192.0.2.7/32 0 true 2 Zürich mod 3600 7200 0", "30 network 192.0.2.0/24 0 true 2 Zürich mod 3600 0 0",
			"40 address 2001:db8::7/128 0 true 2 Zürich mod 3600 0 0", "50 network 2001::/32 0 true 2 Zürich mod 3600 0 0", "60 mask *.*/32@over.example 0 true 2 Zürich mod 3600 3599 0",
		}, rows); diff != "" {
			t.Error(diff)
		}
		n, _, err := db.One(ctx, d, db.Value[int64], "SELECT COUNT(*) FROM class_permission WHERE class_id = 6 AND permission = ?", "ban.manage")
		if err != nil || n != 1 {
			t.Errorf("%d permissions to ban, %v", n, err)
		}
	})
}
