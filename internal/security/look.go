package security

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Looked notes in the logs of members that whoever acts in ctx, of the staff, sees what they
// hide: once a day for each who looks, so that most looks write nothing. It may be asked in
// a transaction.
func (l *Log) Looked(ctx context.Context, conn db.Conn, members []core.MemberID) error {
	rows := make([]row, len(members))
	slots := make([]any, len(members))
	for i, m := range members {
		rows[i] = l.row(ctx, Event{Member: m, Kind: Looked})
		slots[i] = []byte(rows[i].slot)
	}
	known, err := db.All(ctx, conn, db.Value[string], "SELECT slot FROM security_log WHERE slot IN ("+db.Marks(len(slots))+")", slots...)
	if err != nil {
		return fmt.Errorf("security log: %w", err)
	}
	noted := make(map[string]bool, len(known))
	for _, slot := range known {
		noted[slot] = true
	}
	var fresh []row
	for _, r := range rows {
		if !noted[r.slot] {
			noted[r.slot] = true
			fresh = append(fresh, r)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	return conn.Tx(ctx, func(tx *db.Tx) error { return l.write(ctx, tx, fresh) })
}

// LastLogins tells when members last logged in by a face, as far as the log reaches; whoever
// has not is left out.
func (l *Log) LastLogins(ctx context.Context, q db.Queryer, members []core.MemberID, f Face) (map[core.MemberID]time.Time, error) {
	out := map[core.MemberID]time.Time{}
	args := append(db.Anys(members), LoggedIn, f)
	_, err := db.All(ctx, q, func(sc db.Scanner) (none struct{}, err error) {
		var id core.MemberID
		var at int64
		if err = sc.Scan(&id, &at); err == nil {
			out[id] = time.Unix(at, 0).UTC()
		}
		return none, err
	}, "SELECT member_id, MAX(last_at) FROM security_log WHERE member_id IN ("+db.Marks(len(members))+") AND kind = ? AND face = ? GROUP BY member_id", args...)
	if err != nil {
		return nil, fmt.Errorf("read the last logins: %w", err)
	}
	return out, nil
}
