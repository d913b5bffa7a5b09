package catalog

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// Edit changes the description of a group, a torrent or both, with the event
// TorrentChanged (its Torrent is 0 when only the group changed). The caller has
// checked that the member may edit. The data itself never changes: other data is
// another torrent.
//
// Errors: FieldErrors, NotFound, and Conflict when the revision is not the
// present one because somebody else edited in the meantime.
func (s *Store) Edit(ctx context.Context, e Edit) error {
	if e.GroupForm == nil && e.TorrentForm == nil {
		return core.Errorf(core.Invalid, "there is nothing to change")
	}
	if e.TorrentForm != nil && e.Torrent == 0 {
		return core.Errorf(core.Invalid, "say which torrent to change")
	}
	t, err := s.checkEdit(ctx, &e)
	if err != nil {
		return err
	}
	var n names
	if e.GroupForm != nil {
		if n, err = s.names(ctx, *e.GroupForm); err != nil {
			return err
		}
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error { return s.applyEdit(ctx, tx, e, t, n) })
	if err != nil {
		return fmt.Errorf("edit: %w", err)
	}
	return nil
}

// checkEdit finds the group and validates the forms with its category, or with the
// category that the group is to get. It renders the texts.
func (s *Store) checkEdit(ctx context.Context, e *Edit) (t texts, err error) {
	if e.Torrent != 0 {
		group, ok, err := db.One(ctx, s.db, db.Value[core.GroupID],
			"SELECT group_id FROM torrent WHERE id = ? AND deleted_at = 0", e.Torrent)
		if err != nil {
			return t, fmt.Errorf("read torrent %d: %w", e.Torrent, err)
		}
		if !ok || e.Group != 0 && e.Group != group {
			return t, noTorrent()
		}
		e.Group = group
	}
	category, ok, err := db.One(ctx, s.db, db.Value[int64], "SELECT category_id FROM torrent_group WHERE id = ? AND "+hasLive, e.Group)
	if err != nil {
		return t, fmt.Errorf("read group %d: %w", e.Group, err)
	}
	if !ok {
		return t, noGroup()
	}
	if e.GroupForm != nil {
		category = e.GroupForm.Category
	}
	v, err := s.Vocabulary(ctx, category)
	if err != nil && core.CodeOf(err) != core.Invalid {
		return t, err
	}
	var faults FieldErrors
	if e.GroupForm != nil {
		form := *e.GroupForm // the caller's stays as it was written
		e.GroupForm = &form
		faults = append(faults, ValidateGroup(&form, v, s.opt.Rules, s.clock())...)
		t.description = faults.render(FieldDescription, text.Description, form.Description)
	}
	if e.TorrentForm != nil && v.Category.ID != 0 {
		form := *e.TorrentForm
		e.TorrentForm = &form
		faults = append(faults, ValidateTorrent(&form, v)...)
		t.note = faults.render(FieldTorrentDescription, text.Note, form.Description)
	}
	return t, faults.orNil()
}

func noTorrent() error { return core.Errorf(core.NotFound, "there is no such torrent") }

func (s *Store) applyEdit(ctx context.Context, tx *db.Tx, e Edit, t texts, n names) error {
	now := s.clock().Unix()
	found, err := tx.Exec(ctx, "UPDATE torrent_group SET revision = revision + 1, updated_at = ? WHERE id = ? AND revision = ?",
		now, e.Group, e.Revision)
	if err != nil {
		return err
	}
	if found == 0 {
		return core.Errorf(core.Conflict, "somebody else changed this in the meantime; look at it again before you change it")
	}
	if e.GroupForm != nil {
		if err := updateGroup(ctx, tx, e.Group, groupRow(*e.GroupForm, t.description), *e.GroupForm, n); err != nil {
			return err
		}
		if err := refreshLive(ctx, tx, e.Group); err != nil {
			return err
		}
	}
	if e.TorrentForm != nil {
		if err := updateTorrent(ctx, tx, e.Torrent, append(torrentRow(*e.TorrentForm, t.note), "updated_at", now), e.TorrentForm.Mirrors); err != nil {
			return err
		}
	}
	if err := reindex(ctx, tx, e.Group); err != nil {
		return err
	}
	s.touched(tx)
	_, err = s.log.Append(ctx, tx, eventlog.TorrentChanged{Torrent: e.Torrent, Group: e.Group, By: e.By})
	return err
}

func updateGroup(ctx context.Context, tx *db.Tx, id core.GroupID, row db.Row, g GroupForm, n names) error {
	if _, err := update(ctx, tx, "torrent_group", row, "id = ?", id); err != nil {
		return err
	}
	for _, table := range []string{"group_creator", "group_tag", "group_literature"} {
		if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE group_id = ?", id); err != nil {
			return fmt.Errorf("clear %s: %w", table, err)
		}
	}
	return insertGroupLists(ctx, tx, id, g, n)
}

func updateTorrent(ctx context.Context, tx *db.Tx, id core.TorrentID, row db.Row, mirrors []string) error {
	found, err := update(ctx, tx, "torrent", row, "id = ? AND deleted_at = 0", id)
	if err != nil {
		return err
	}
	if found == 0 {
		return noTorrent()
	}
	if _, err := tx.Exec(ctx, "DELETE FROM torrent_mirror WHERE torrent_id = ?", id); err != nil {
		return fmt.Errorf("clear mirrors: %w", err)
	}
	return insertMirrors(ctx, tx, id, mirrors)
}

// update sets the columns of row. Their names must be constants of this program.
func update(ctx context.Context, tx *db.Tx, table string, row db.Row, where string, args ...any) (int64, error) {
	query := "UPDATE " + table + " SET "
	var values []any
	for i := 0; i < len(row); i += 2 {
		if i > 0 {
			query += ", "
		}
		query += row[i].(string) + " = ?"
		values = append(values, row[i+1])
	}
	n, err := tx.Exec(ctx, query+" WHERE "+where, append(values, args...)...)
	if err != nil {
		return 0, fmt.Errorf("update %s: %w", table, err)
	}
	return n, nil
}

// Delete takes a torrent out of the catalogue and the tracker, with the event
// TorrentDeleted. Its rows stay, but its data may be uploaded again. The caller
// has checked that the member may delete it.
func (s *Store) Delete(ctx context.Context, by core.MemberID, id core.TorrentID, reason string) error {
	if err := validReason(&reason); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.clock().Unix()
		group, err := touchGroup(ctx, tx, id, now)
		if err != nil {
			return err
		}
		found, err := tx.Exec(ctx, "UPDATE torrent SET deleted_at = ?, deleted_by = ?, delete_reason = ? WHERE id = ? AND deleted_at = 0",
			now, by, reason, id)
		if err != nil {
			return err
		}
		if found == 0 {
			return noTorrent()
		}
		if _, err := tx.Exec(ctx, "DELETE FROM torrent_content WHERE torrent_id = ?", id); err != nil {
			return err
		}
		if err := refreshLive(ctx, tx, group); err != nil {
			return err
		}
		if err := reindex(ctx, tx, group); err != nil {
			return err
		}
		s.touched(tx)
		_, err = s.log.Append(ctx, tx, eventlog.TorrentDeleted{Torrent: id, Group: group})
		return err
	})
	if err != nil {
		return fmt.Errorf("delete torrent %d: %w", id, err)
	}
	return nil
}

// SetLeech sets a torrent's own leech state, with the event TorrentChanged. A state
// other than normal needs a reason. Freeleech windows stay as they are. The caller
// has checked that the member may do this.
func (s *Store) SetLeech(ctx context.Context, id core.TorrentID, l core.Leech, reason string) error {
	if !l.Valid() {
		return core.FieldErrorf("leech", "%q is not normal, neutral or free", shorten(string(l)))
	}
	if l == core.LeechNormal {
		reason = ""
	} else if err := validReason(&reason); err != nil {
		return err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		now := s.clock().Unix()
		group, err := touchGroup(ctx, tx, id, now)
		if err != nil {
			return err
		}
		found, err := tx.Exec(ctx, "UPDATE torrent SET leech = ?, leech_reason = ?, updated_at = ? WHERE id = ? AND deleted_at = 0",
			string(l), reason, now, id)
		if err != nil {
			return err
		}
		if found == 0 {
			return noTorrent()
		}
		s.touched(tx)
		_, err = s.log.Append(ctx, tx, eventlog.TorrentChanged{Torrent: id, Group: group})
		return err
	})
	if err != nil {
		return fmt.Errorf("set leech of torrent %d: %w", id, err)
	}
	return nil
}

// touchGroup marks the group of a torrent as changed and returns its id. Whoever
// changes a group or its torrents comes here first, so that they do it one by one.
func touchGroup(ctx context.Context, tx *db.Tx, id core.TorrentID, now int64) (core.GroupID, error) {
	group, ok, err := db.One(ctx, tx, db.Value[core.GroupID], "SELECT group_id FROM torrent WHERE id = ?", id)
	if err != nil {
		return 0, fmt.Errorf("find the group of torrent %d: %w", id, err)
	}
	if !ok {
		return 0, noTorrent()
	}
	_, err = tx.Exec(ctx, "UPDATE torrent_group SET revision = revision + 1, updated_at = ? WHERE id = ?", now, group)
	if err != nil {
		return 0, fmt.Errorf("touch group %d: %w", group, err)
	}
	return group, nil
}

// Owner returns who uploaded a live torrent, anonymous or not. Use it for checks of
// permission only, and never show it.
func (s *Store) Owner(ctx context.Context, id core.TorrentID) (core.MemberID, error) {
	owner, ok, err := db.One(ctx, s.db, db.Value[core.MemberID], "SELECT uploader_id FROM torrent WHERE id = ? AND deleted_at = 0", id)
	if err != nil {
		return 0, fmt.Errorf("read torrent %d: %w", id, err)
	}
	if !ok {
		return 0, noTorrent()
	}
	return owner, nil
}

// Owned is a live torrent with who uploaded it, anonymous or not. Like what Owner returns,
// it is never shown to anyone else.
type Owned struct {
	Torrent core.TorrentID
	Owner   core.MemberID
	Title   string // of its group
}

// Uploaded returns the live torrents of a group, oldest first and at most limit (1 to 100),
// or only the given one of them, if that is not 0.
func (s *Store) Uploaded(ctx context.Context, group core.GroupID, torrent core.TorrentID, limit int) ([]Owned, error) {
	query, args := "SELECT t.id, t.uploader_id, g.title FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.group_id = ? AND t.deleted_at = 0", []any{group}
	if torrent != 0 {
		query, args = query+" AND t.id = ?", append(args, torrent)
	}
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (u Owned, err error) { return u, sc.Scan(&u.Torrent, &u.Owner, &u.Title) },
		query+" ORDER BY t.id LIMIT ?", append(args, min(max(limit, 1), 100))...)
	if err != nil {
		return nil, fmt.Errorf("read who uploaded to group %d: %w", group, err)
	}
	return list, nil
}

// Deletion is who deleted a torrent, and why.
type Deletion struct {
	Owner  core.MemberID // who uploaded it, anonymous or not: for them alone
	By     core.MemberID
	Title  string // of its group
	Reason string
}

// Deletion returns how a torrent was deleted, and false for one that was not.
func (s *Store) Deletion(ctx context.Context, id core.TorrentID) (Deletion, bool, error) {
	d, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (d Deletion, err error) { return d, sc.Scan(&d.Owner, &d.By, &d.Title, &d.Reason) },
		`SELECT t.uploader_id, t.deleted_by, g.title, t.delete_reason FROM torrent t JOIN torrent_group g ON g.id = t.group_id
		WHERE t.id = ? AND t.deleted_at > 0`, id)
	if err != nil {
		return d, false, fmt.Errorf("read how torrent %d was deleted: %w", id, err)
	}
	return d, ok, nil
}
