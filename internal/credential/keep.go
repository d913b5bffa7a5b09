package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// row is a link as it is stored.
type row struct {
	Link
	mac, token, content []byte
}

const columns = "id, purpose, token_mac, token_box, subject_id, member_id, content_box, created_at, expires_at, used_at, revoked_at"

func scan(sc db.Scanner) (r row, err error) {
	var created, expires, used, revoked int64
	err = sc.Scan(&r.ID, &r.Purpose, &r.mac, &r.token, &r.Subject, &r.Member, &r.content, &created, &expires, &used, &revoked)
	r.CreatedAt, r.ExpiresAt, r.UsedAt, r.RevokedAt = instant(created), instant(expires), instant(used), instant(revoked)
	return r, err
}

func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// find reads the link of a token, or fails with a *Refusal.
func (s *Store) find(ctx context.Context, q db.Queryer, p Purpose, token string) (row, error) {
	if len(token) != tokenLen { // nobody's: it need not be looked up
		return row{}, &Refusal{State: Unknown}
	}
	r, ok, err := db.One(ctx, q, scan, "SELECT "+columns+" FROM one_time_link WHERE token_mac = ?", s.mac(p, token))
	if err != nil {
		return row{}, fmt.Errorf("look up a link: %w", err)
	}
	if !ok || r.Purpose != p {
		return row{}, &Refusal{State: Unknown}
	}
	return r, nil
}

// lock reads a link as it is now, and keeps others from changing it.
func (s *Store) lock(ctx context.Context, tx *db.Tx, id int64) (row, error) {
	r, ok, err := db.One(ctx, tx, scan, tx.Current("SELECT "+columns+" FROM one_time_link WHERE id = ?"), id)
	if err != nil {
		return row{}, fmt.Errorf("look up a link: %w", err)
	}
	if !ok {
		return row{}, &Refusal{State: Unknown}
	}
	return r, nil
}

// ByID returns a link in whatever state it is, or a *Refusal where there is none: links that
// are over are forgotten after 90 days.
func (s *Store) ByID(ctx context.Context, id int64) (Link, error) {
	r, ok, err := db.One(ctx, s.db, scan, "SELECT "+columns+" FROM one_time_link WHERE id = ?", id)
	if err != nil {
		return Link{}, fmt.Errorf("look up a link: %w", err)
	}
	if !ok {
		return Link{}, &Refusal{State: Unknown}
	}
	return r.Link, nil
}

// maxOpen bounds the links that OpenOf returns.
const maxOpen = 100

// OpenOf returns the open links of a purpose that are about a subject, the newest first, at
// most 100.
func (s *Store) OpenOf(ctx context.Context, p Purpose, subject int64) ([]Link, error) {
	now := s.clock()
	rows, err := db.All(ctx, s.db, scan, "SELECT "+columns+" FROM one_time_link WHERE purpose = ? AND subject_id = ? AND used_at = 0 AND revoked_at = 0 AND expires_at > ? ORDER BY id DESC LIMIT ?",
		p, subject, now.Unix(), maxOpen)
	if err != nil {
		return nil, fmt.Errorf("look up links: %w", err)
	}
	var out []Link
	for _, r := range rows {
		if r.State(now) == Open {
			out = append(out, r.Link)
		}
	}
	return out, nil
}

// Token returns the token of an open link, for the mail that brings it or the page of
// whoever made it. For one that is over it fails with a *Refusal; for one whose token was
// forgotten, with Conflict.
func (s *Store) Token(ctx context.Context, id int64) (string, error) {
	r, ok, err := db.One(ctx, s.db, scan, "SELECT "+columns+" FROM one_time_link WHERE id = ?", id)
	if err != nil {
		return "", fmt.Errorf("look up a link: %w", err)
	}
	if !ok {
		return "", &Refusal{State: Unknown}
	}
	if err := s.refuse(r.Link); err != nil {
		return "", err
	}
	if len(r.token) == 0 {
		return "", core.Errorf(core.Conflict, "this link was mailed, and is no longer kept here")
	}
	token, err := s.keys.Open(r.token, tokenUse(r.Purpose, r.mac))
	if err != nil {
		return "", fmt.Errorf("open the token of a link: %w", err)
	}
	return string(token), nil
}

// Forget wipes the sealed token of a link, once its mail is written: nobody can read it here
// any more. The link stays good.
func (s *Store) Forget(ctx context.Context, id int64) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE one_time_link SET token_box = ? WHERE id = ?", []byte{}, id)
		return err
	})
	if err != nil {
		return fmt.Errorf("forget the token of a link: %w", err)
	}
	return nil
}

// Revoke takes back every open link of a purpose that is about a subject, and returns how
// many these were.
func (s *Store) Revoke(ctx context.Context, p Purpose, subject int64) (n int64, err error) {
	now := s.clock().Unix()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(ctx, "UPDATE one_time_link SET revoked_at = ?, token_box = ?, content_box = ? WHERE purpose = ? AND subject_id = ? AND used_at = 0 AND revoked_at = 0 AND expires_at > ?",
			now, []byte{}, []byte{}, p, subject, now)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("revoke links: %w", err)
	}
	return n, nil
}

// Prune wipes what up to limit expired links still hold, and deletes up to limit that have
// been over for 90 days. It returns how many of both. What seems to end too far ahead is left
// alone: it is this clock that may be wrong.
func (s *Store) Prune(ctx context.Context, limit int) (int64, error) {
	limit = min(max(limit, 1), 1000)
	now := s.clock()
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		wiped, err := some(ctx, tx, "UPDATE one_time_link SET token_box = ?, content_box = ?", []any{[]byte{}, []byte{}},
			"expires_at <= ? AND (LENGTH(token_box) > 0 OR LENGTH(content_box) > 0)", now, limit)
		if err != nil {
			return err
		}
		deleted, err := some(ctx, tx, "DELETE FROM one_time_link", nil, "expires_at <= ?", now.Add(-keptFor), limit)
		n = wiped + deleted
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune links: %w", err)
	}
	return n, nil
}

// some runs a statement on up to limit rows, where stands for one instant.
func some(ctx context.Context, tx *db.Tx, statement string, args []any, where string, at time.Time, limit int) (int64, error) {
	ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM one_time_link WHERE "+where+" ORDER BY expires_at, id LIMIT ?", at.Unix(), limit)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return tx.Exec(ctx, statement+" WHERE id IN ("+db.Marks(len(ids))+")", append(args, ids...)...)
}
