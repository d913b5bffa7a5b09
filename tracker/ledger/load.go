package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const page = 1000 // rows read or changed at once

func (b *Book) markName(shard int) string { return fmt.Sprintf("%s/%02d", b.o.Name, shard) }

// marksOf returns an SQL condition for the marks of some shards.
func (b *Book) marksOf(list []int) (where string, args []any) {
	for _, i := range list {
		args = append(args, b.markName(i))
	}
	return "ledger IN (" + strings.TrimSuffix(strings.Repeat("?, ", len(args)), ", ") + ")", args
}

func readMarks(ctx context.Context, q db.Queryer, where string, args []any) (map[string]uint64, error) {
	type mark struct {
		name     string
		position int64
	}
	rows, err := db.All(ctx, q, func(s db.Scanner) (m mark, err error) {
		return m, s.Scan(&m.name, &m.position)
	}, "SELECT ledger, position FROM ledger_mark WHERE "+where, args...)
	marks := make(map[string]uint64, len(rows))
	for _, m := range rows {
		marks[m.name] = uint64(m.position)
	}
	return marks, err
}

// load reads the ledger's marks, adds those that are missing, and reads how often
// each torrent was downloaded.
func (b *Book) load(ctx context.Context) error {
	all := make([]int, shards)
	for i := range all {
		all[i] = i
	}
	where, args := b.marksOf(all)
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		marks, err := readMarks(ctx, tx, where, args)
		if err != nil {
			return err
		}
		for i := range all {
			position, ok := marks[b.markName(i)]
			b.marks[i] = position
			if ok {
				continue
			}
			if _, err := tx.InsertIgnore(ctx, "ledger_mark", db.Row{"ledger", b.markName(i), "position", 0, "updated_at", b.o.Clock().Unix()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("ledger marks: %w", err)
	}
	for after := core.TorrentID(0); ; {
		type snatched struct {
			id core.TorrentID
			n  int64
		}
		rows, err := db.All(ctx, b.db, func(s db.Scanner) (r snatched, err error) {
			return r, s.Scan(&r.id, &r.n)
		}, "SELECT torrent_id, snatches FROM transfer_torrent WHERE torrent_id > ? ORDER BY torrent_id LIMIT ?", after, page)
		if err != nil {
			return fmt.Errorf("read snatches: %w", err)
		}
		for _, r := range rows {
			if r.n > 0 {
				b.addSnatches(r.id, r.n)
			}
			after = r.id
		}
		if len(rows) < page {
			return nil
		}
	}
}

// Tidy clears up what an earlier run has left behind. Members whose last announce was
// before silentSince are no longer active. Swarms that nobody has announced to since
// this run began are recounted, if owns says that they are this tracker's. Tidy
// works in small transactions and may run beside announces.
func (b *Book) Tidy(ctx context.Context, silentSince, since time.Time, owns func(core.TorrentID) bool) error {
	if err := b.deactivate(ctx, silentSince.Unix()); err != nil {
		return fmt.Errorf("deactivate members of an earlier run: %w", err)
	}
	if err := b.recount(ctx, since.Unix(), owns); err != nil {
		return fmt.Errorf("recount swarms: %w", err)
	}
	return nil
}

func (b *Book) deactivate(ctx context.Context, before int64) error {
	for after := (key{}); ; {
		rows, err := db.All(ctx, b.db, func(s db.Scanner) (k key, err error) {
			return k, s.Scan(&k.member, &k.torrent)
		}, `SELECT member_id, torrent_id FROM transfer_member_torrent
			WHERE (member_id > ? OR (member_id = ? AND torrent_id > ?)) AND active > 0 AND last_at < ?
			ORDER BY member_id, torrent_id LIMIT ?`, after.member, after.member, after.torrent, before, page)
		if err != nil || len(rows) == 0 {
			return err
		}
		err = b.db.Tx(ctx, func(tx *db.Tx) error {
			for _, k := range rows {
				if _, err := tx.Exec(ctx, `UPDATE transfer_member_torrent SET active = 0
					WHERE member_id = ? AND torrent_id = ? AND last_at < ?`, k.member, k.torrent, before); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = rows[len(rows)-1]
	}
}

// recount sets the sizes of swarms that were not written since then to the number of
// members who are active in them.
func (b *Book) recount(ctx context.Context, since int64, owns func(core.TorrentID) bool) error {
	for after := core.TorrentID(0); ; {
		ids, err := db.All(ctx, b.db, db.Value[core.TorrentID], `SELECT torrent_id FROM swarm_count
			WHERE torrent_id > ? AND updated_at < ? AND (seeders > 0 OR leechers > 0) ORDER BY torrent_id LIMIT ?`, after, since, page)
		if err != nil || len(ids) == 0 {
			return err
		}
		err = b.db.Tx(ctx, func(tx *db.Tx) error {
			for _, id := range ids {
				if !owns(id) {
					continue
				}
				if err := b.recountOne(ctx, tx, id, since); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}

func (b *Book) recountOne(ctx context.Context, tx *db.Tx, id core.TorrentID, since int64) error {
	c, _, err := db.One(ctx, tx, func(s db.Scanner) (c Count, err error) {
		return c, s.Scan(&c.Seeders, &c.Leechers)
	}, `SELECT COALESCE(SUM(CASE WHEN bytes_left = 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN bytes_left > 0 THEN 1 ELSE 0 END), 0)
		FROM transfer_member_torrent WHERE torrent_id = ? AND active > 0`, id)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE swarm_count SET seeders = ?, leechers = ? WHERE torrent_id = ? AND updated_at < ?",
		c.Seeders, c.Leechers, id, since)
	return err
}
