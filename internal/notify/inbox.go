package notify

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Item is a notification as its member reads it.
type Item struct {
	ID    int64
	Kind  Kind
	Title string
	Text  string
	Link  string // a path on the site; "" for none
	Times int    // how many alike it stands for
	At    time.Time
	Read  bool
}

// MaxPage is the longest part of an inbox that is read at once.
const MaxPage = 100

const itemColumns = "id, kind, title, body, link, times, created_at, read_at"

func scanItem(sc db.Scanner) (Item, error) {
	var i Item
	var at, read int64
	err := sc.Scan(&i.ID, &i.Kind, &i.Title, &i.Text, &i.Link, &i.Times, &at, &read)
	i.At, i.Read = time.Unix(at, 0).UTC(), read != 0
	return i, err
}

// Page returns up to limit (1 to MaxPage) notifications of a member, newest first: those
// before the one with the given id, or the newest where it is 0; unread ones alone if
// asked.
func (s *Store) Page(ctx context.Context, m core.MemberID, before int64, unread bool, limit int) ([]Item, error) {
	query, args := "SELECT "+itemColumns+" FROM notification WHERE member_id = ? AND inbox = 1", []any{m}
	if unread {
		query += " AND read_at = 0"
	}
	if before > 0 {
		query, args = query+" AND id < ?", append(args, before)
	}
	list, err := db.All(ctx, s.db, scanItem, query+" ORDER BY id DESC LIMIT ?", append(args, min(max(limit, 1), MaxPage))...)
	if err != nil {
		return nil, fmt.Errorf("read the inbox of member %d: %w", m, err)
	}
	return list, nil
}

// Unread returns how many notifications a member has not read.
func (s *Store) Unread(ctx context.Context, m core.MemberID) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM notification WHERE member_id = ? AND inbox = 1 AND read_at = 0", m).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the inbox of member %d: %w", m, err)
	}
	return n, nil
}

// MarkRead marks one of a member's notifications as read, and returns it. One of somebody
// else is NotFound, as one that is not there.
func (s *Store) MarkRead(ctx context.Context, m core.MemberID, id int64) (Item, error) {
	var item Item
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		var ok bool
		var err error
		item, ok, err = db.One(ctx, tx, scanItem, "SELECT "+itemColumns+" FROM notification WHERE member_id = ? AND inbox = 1 AND id = ?", m, id)
		switch {
		case err != nil:
			return fmt.Errorf("read notification %d: %w", id, err)
		case !ok:
			return core.Errorf(core.NotFound, "there is no notification %d in your inbox; old ones that were read are deleted", id)
		case item.Read:
			return nil
		}
		_, err = tx.Exec(ctx, "UPDATE notification SET read_at = ? WHERE id = ? AND read_at = 0", s.clock().Unix(), id)
		return err
	})
	return item, err
}

// MarkAllRead marks a member's notifications up to one as read, that one included, or all
// for 0. It returns how many these were.
func (s *Store) MarkAllRead(ctx context.Context, m core.MemberID, upTo int64) (int64, error) {
	query, args := "UPDATE notification SET read_at = ? WHERE member_id = ? AND inbox = 1 AND read_at = 0", []any{s.clock().Unix(), m}
	if upTo > 0 {
		query, args = query+" AND id <= ?", append(args, upTo)
	}
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mark the inbox of member %d: %w", m, err)
	}
	return n, nil
}

// How long notifications are kept.
const (
	keepRead   = 90 * 24 * time.Hour
	keepUnread = 365 * 24 * time.Hour
)

// Prune deletes up to limit (1 to 500) notifications that are read and older than 90 days,
// or older than a year, or not among the newest 500 of their member, with what is known of
// their delivery. It returns how many.
func (s *Store) Prune(ctx context.Context, limit int) (int64, error) {
	limit = min(max(limit, 1), 500)
	now := s.clock()
	ids, err := db.All(ctx, s.db, db.Value[any], "SELECT id FROM notification WHERE created_at < ? AND (created_at < ? OR read_at > 0 OR inbox = 0) ORDER BY created_at LIMIT ?",
		now.Add(-keepRead).Unix(), now.Add(-keepUnread).Unix(), limit)
	if err == nil && len(ids) < limit {
		var more []any
		more, err = s.surplus(ctx, limit-len(ids), ids)
		ids = append(ids, more...)
	}
	if err != nil {
		return 0, fmt.Errorf("find old notifications: %w", err)
	}
	if len(ids) == 0 {
		return 0, nil
	}
	var n int64
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM delivery WHERE notification_id IN ("+db.Marks(len(ids))+")", ids...); err != nil {
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM notification WHERE id IN ("+db.Marks(len(ids))+")", ids...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old notifications: %w", err)
	}
	return n, nil
}

// surplus finds up to limit notifications that are not among the newest of their member,
// besides those that go anyway.
func (s *Store) surplus(ctx context.Context, limit int, gone []any) (out []any, err error) {
	members, err := db.All(ctx, s.db, db.Value[core.MemberID], "SELECT member_id FROM notification GROUP BY member_id HAVING COUNT(*) > ? ORDER BY member_id LIMIT ?", keepMost, limit)
	if err != nil {
		return nil, err
	}
	known := map[any]bool{}
	for _, id := range gone {
		known[id] = true
	}
	for _, m := range members {
		newest, ok, err := db.One(ctx, s.db, db.Value[int64], "SELECT id FROM notification WHERE member_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?", m, keepMost)
		if err != nil || !ok {
			return out, err
		}
		ids, err := db.All(ctx, s.db, db.Value[any], "SELECT id FROM notification WHERE member_id = ? AND id <= ? ORDER BY id LIMIT ?", m, newest, limit)
		if err != nil {
			return out, err
		}
		for _, id := range ids {
			if !known[id] && len(out) < limit {
				out = append(out, id)
			}
		}
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}
