package invite

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Window is in which time a class is given its invites.
const Window = 30 * 24 * time.Hour

// The bounds of what one member makes.
const (
	maxDaily  = 50     // invites made within a day, taken back or not
	maxOpen   = 200    // that are open at once
	MaxGiven  = 5000   // that staff give or take at once
	maxStock  = 10_000 // that a member was given in all
	staffMore = 10     // times as many for staff who manage invites
)

// Allowance is how many invites a member has and may make. It is computed from what there is:
// an invite that expired or was taken back is not counted, and so is there again.
type Allowance struct {
	Class     int  // that the class is given within Window
	ClassUsed int  // of those made within Window: used, or open
	Stock     int  // that staff gave, in all
	StockUsed int  // of the stock: used, or open
	Open      int  // that are open now, wherever they were taken from
	Today     int  // that were made within a day, whatever came of them
	Unbounded bool // staff who manage invites
	// Next is when one that is used up or open now is there again at the latest: as it was
	// made so long ago, or has expired. It is the zero time where nothing comes back.
	Next time.Time
}

// Left is how many more may be made now, by the counts alone.
func (a Allowance) Left() int { return max(0, a.Class-a.ClassUsed) + max(0, a.Stock-a.StockUsed) }

// take says what the next invite is taken from, or why there is none.
func (a Allowance) take() (source, error) {
	most := 1
	if a.Unbounded {
		most = staffMore
	}
	switch {
	case a.Open >= maxOpen*most:
		return 0, core.Errorf(core.Conflict, "%d of your invites are open; take some back, or wait until they are used or expire", a.Open)
	case a.Today >= maxDaily*most:
		return 0, core.Errorf(core.Conflict, "you have made %d invites within a day; make the next one tomorrow", a.Today)
	case a.Unbounded:
		return fromNone, nil
	case a.ClassUsed < a.Class:
		return fromClass, nil
	case a.StockUsed < a.Stock:
		return fromStock, nil
	case a.Class == 0 && a.Stock == 0:
		return 0, core.Errorf(core.Conflict, "you have no invites: your class is given none")
	}
	return 0, core.Errorf(core.Conflict, "you have no invite left: your class is given %d within 30 days; one that expires or that you take back is yours again", a.Class)
}

// Allowance returns what a member has now.
func (s *Store) Allowance(ctx context.Context, m member.Member) (Allowance, error) {
	return s.allowance(ctx, m, func(query string) string { return query })
}

// allowance reads with queries as current makes them.
func (s *Store) allowance(ctx context.Context, m member.Member, current func(query string) string) (Allowance, error) {
	now := s.Clock()
	a := Allowance{Class: m.Class.Invites, Unbounded: m.Can(core.InviteManage)}
	var err error
	a.Stock, _, err = db.One(ctx, s.db, db.Value[int], current("SELECT given FROM invite_stock WHERE member_id = ?"), m.ID)
	if err != nil {
		return a, fmt.Errorf("count invites: %w", err)
	}
	// Of an invite, only what is open or used counts; the rest was given back.
	const open = "(used_at = 0 AND revoked_at = 0 AND created_at <= ? AND expires_at > ? AND expires_at <= ?)"
	ahead := core.Horizon(now, 0).Unix()
	ends := core.Horizon(now, credential.Longest(credential.Invite)).Unix()
	of := []any{ahead, now.Unix(), ends}
	args := append(append(append(append([]any{fromClass, now.Add(-Window).Unix()}, of...), fromStock), of...), of...)
	args = append(args, now.Add(-24*time.Hour).Unix(), ahead)
	args = append(append(append(args, fromClass, now.Add(-Window).Unix(), ahead), of...), fromNone, m.ID, ViaInvite)
	var used, expires int64
	err = s.db.QueryRowContext(ctx, current(`SELECT
		COALESCE(SUM(CASE WHEN source = ? AND created_at > ? AND (used_at > 0 OR `+open+`) THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN source = ? AND (used_at > 0 OR `+open+`) THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN `+open+` THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN created_at > ? AND created_at <= ? THEN 1 ELSE 0 END), 0),
		COALESCE(MIN(CASE WHEN source = ? AND created_at > ? AND created_at <= ? AND used_at > 0 THEN created_at END), 0),
		COALESCE(MIN(CASE WHEN `+open+` AND source <> ? THEN expires_at END), 0)
		FROM invite WHERE inviter_id = ? AND via = ?`), args...).Scan(&a.ClassUsed, &a.StockUsed, &a.Open, &a.Today, &used, &expires)
	if err != nil {
		return a, fmt.Errorf("count invites: %w", err)
	}
	if a.Next = instant(expires); used > 0 {
		if again := instant(used).Add(Window); a.Next.IsZero() || again.Before(a.Next) {
			a.Next = again
		}
	}
	return a, nil
}

// Give adds n invites (or takes away -n, as far as they are not used) to a member's stock,
// and returns what the member has then. It fails with Invalid for a number out of bounds, and
// with Conflict where so many can't be taken. The caller checks who may do this.
func (s *Store) Give(ctx context.Context, id core.MemberID, n int) (a Allowance, err error) {
	if n == 0 || n < -MaxGiven || n > MaxGiven {
		return a, core.FieldErrorf("number", "write a number from 1 to %d", MaxGiven)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		bound := s.In(tx)
		m, err := bound.Members.ByID(ctx, id)
		if err != nil {
			return err
		}
		if a, err = bound.allowance(ctx, m, tx.Current); err != nil {
			return err
		}
		switch next := a.Stock + n; {
		case next > maxStock:
			return core.Errorf(core.Conflict, "%s was given %d invites already; %d are the most", m.Name, a.Stock, maxStock)
		case next < a.StockUsed:
			return core.Errorf(core.Conflict, "%s has %d invites of those that staff gave; no more can be taken", m.Name, max(0, a.Stock-a.StockUsed))
		}
		a.Stock += n
		if err := setStock(ctx, tx, id, a.Stock); err != nil {
			return err
		}
		_, err = s.Log.Append(ctx, tx, eventlog.InvitesGiven{Member: id, Number: n})
		return err
	})
	return a, err
}

func setStock(ctx context.Context, tx *db.Tx, id core.MemberID, given int) error {
	return tx.Upsert(ctx, db.UpsertSpec{Table: "invite_stock", Key: []string{"member_id"}, Set: []string{"given"}}, []any{id, given})
}
