package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// live is what group_live holds of a group: the sums of its live torrents. The zero
// value is a group without any, which has no row.
type live struct {
	category int64
	newest   core.TorrentID
	torrents int64
	size     core.Bytes
}

// setLive writes the row of a group, and what changes by that in the sums of the
// catalogue. The transaction has written to the group itself before, so that no other
// one does this at the same time.
func setLive(ctx context.Context, tx *db.Tx, id core.GroupID, was, is live) error {
	if is.torrents == 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM group_live WHERE group_id = ?", id); err != nil {
			return err
		}
	} else {
		err := tx.Upsert(ctx, db.UpsertSpec{Table: "group_live", Key: []string{"group_id"}, Set: []string{"category_id", "newest", "torrents", "size"}},
			[]any{id, is.category, is.newest, is.torrents, is.size})
		if err != nil {
			return err
		}
	}
	return tx.Upsert(ctx, db.UpsertSpec{Table: "catalog_sum", Key: []string{"category_id"}, Add: []string{"group_count", "torrents", "size"}},
		sumChanges(was, is)...)
}

// sumChanges returns what is to be added to the rows of catalog_sum, by category.
func sumChanges(was, is live) [][]any {
	row := func(l live, sign int64) []any {
		return []any{l.category, sign * min(l.torrents, 1), sign * l.torrents, sign * int64(l.size)}
	}
	switch {
	case was == is:
		return nil
	case was.torrents == 0:
		return [][]any{row(is, 1)}
	case is.torrents == 0:
		return [][]any{row(was, -1)}
	case was.category != is.category:
		rows := [][]any{row(was, -1), row(is, 1)}
		slices.SortFunc(rows, func(a, b []any) int { return cmp.Compare(a[0].(int64), b[0].(int64)) })
		return rows
	}
	return [][]any{{is.category, 0, is.torrents - was.torrents, int64(is.size - was.size)}}
}

// refreshLive is setLive with what holds now, for a group whose torrents or category
// the transaction has changed.
func refreshLive(ctx context.Context, tx *db.Tx, id core.GroupID) error {
	was, _, err := db.One(ctx, tx, func(sc db.Scanner) (l live, err error) {
		return l, sc.Scan(&l.category, &l.newest, &l.torrents, &l.size)
	}, tx.Current("SELECT category_id, newest, torrents, size FROM group_live WHERE group_id = ?"), id)
	if err != nil {
		return fmt.Errorf("read the sums of group %d: %w", id, err)
	}
	is, _, err := db.One(ctx, tx, func(sc db.Scanner) (l live, err error) {
		return l, sc.Scan(&l.newest, &l.torrents, &l.size)
	}, tx.Current("SELECT COALESCE(MAX(id), 0), COUNT(*), COALESCE(SUM(size), 0) FROM torrent WHERE group_id = ? AND deleted_at = 0"), id)
	if err != nil {
		return fmt.Errorf("add up the torrents of group %d: %w", id, err)
	}
	if is.category, _, err = db.One(ctx, tx, db.Value[int64], "SELECT category_id FROM torrent_group WHERE id = ?", id); err != nil {
		return fmt.Errorf("read group %d: %w", id, err)
	}
	return setLive(ctx, tx, id, was, is)
}

// Counts is the size of the catalogue or of one category.
type Counts struct {
	Groups, Torrents int
	Size             core.Bytes
}

// Counts returns how much there is, deleted torrents not counted, in all and by
// category. The sums are kept up to date by whoever changes something.
func (s *Store) Counts(ctx context.Context) (all Counts, by map[int64]Counts, err error) {
	by = map[int64]Counts{}
	_, err = db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		var category int64
		var c Counts
		err := sc.Scan(&category, &c.Groups, &c.Torrents, &c.Size)
		by[category] = c
		all.Groups, all.Torrents, all.Size = all.Groups+c.Groups, all.Torrents+c.Torrents, all.Size+c.Size
		return struct{}{}, err
	}, "SELECT category_id, group_count, torrents, size FROM catalog_sum LIMIT 1000")
	if err != nil {
		return all, by, fmt.Errorf("read the sums of the catalogue: %w", err)
	}
	return all, by, nil
}
