package db

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Lease takes or renews the lease name for holder until now+ttl. It reports false
// while another holder has it. Anyone may take a lease that ran out, so renew well
// before that. One that ends further ahead than a lease can, which all holders take for
// the same ttl, was taken by a clock that was wrong, and has run out, too.
func (d *DB) Lease(ctx context.Context, name, holder string, now time.Time, ttl time.Duration) (bool, error) {
	until := now.Add(ttl).Unix()
	got := false
	err := d.Tx(ctx, func(tx *Tx) error {
		got = false
		fresh, err := tx.InsertIgnore(ctx, "lease", Row{"name", name, "holder", holder, "until", until})
		if err != nil || fresh {
			got = fresh
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE lease SET holder = ?, until = ? WHERE name = ? AND (holder = ? OR until <= ? OR until > ?)",
			holder, until, name, holder, now.Unix(), core.Horizon(now, ttl).Unix())
		got = n == 1
		return err
	})
	return got, err
}

// Release gives the lease back, if holder still has it.
func (d *DB) Release(ctx context.Context, name, holder string) error {
	return d.Tx(ctx, func(tx *Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM lease WHERE name = ? AND holder = ?", name, holder)
		return err
	})
}
