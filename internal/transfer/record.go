package transfer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const (
	writeChunk = 1000 // records in one transaction
	pageLimit  = 200  // records read at once
)

// The bits of announce_record.families.
const (
	family4 = 1 << iota
	family6
)

// Write stores records in their slots, in place of what was there. It sorts the
// records.
func (s *Store) Write(ctx context.Context, records []Record) error {
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Member, b.Member), cmp.Compare(a.Slot.Ring, b.Slot.Ring), cmp.Compare(a.Slot.Place, b.Slot.Place))
	})
	for part := range slices.Chunk(records, writeChunk) {
		rows := make([][]any, len(part))
		for i, r := range part {
			rows[i] = r.row()
		}
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			return tx.Upsert(ctx, db.UpsertSpec{
				Table: "announce_record", Key: []string{"member_id", "ring", "slot"},
				Set: []string{"torrent_id", "at", "announces", "event", "client", "families", "public", "port", "announced_up", "announced_down",
					"credited_up", "credited_down", "bytes_left", "leech", "outcome"},
			}, rows...)
		})
		if err != nil {
			return fmt.Errorf("write announce records: %w", err)
		}
	}
	return nil
}

func (r Record) row() []any {
	families := 0
	if r.V4 {
		families |= family4
	}
	if r.V6 {
		families |= family6
	}
	return []any{int64(r.Member), int64(r.Slot.Ring), r.Slot.Place, int64(r.Torrent), r.At.Unix(), r.Announces, r.Event, r.Client, families, r.Public,
		string(r.Reach), int64(r.Announced.Up), int64(r.Announced.Down), int64(r.Credited.Up), int64(r.Credited.Down), int64(r.Left), string(r.Leech), string(r.Outcome)}
}

// Reached is what was found out about a client after its record was written.
type Reached struct {
	Member core.MemberID
	Slot   Slot
	At     time.Time // of the record: a later one in the same slot stays as it is
	Reach  Reach
}

// SetReach completes records that are there.
func (s *Store) SetReach(ctx context.Context, found []Reached) error {
	for part := range slices.Chunk(found, writeChunk) {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			for _, f := range part {
				if _, err := tx.Exec(ctx, "UPDATE announce_record SET port = ? WHERE member_id = ? AND ring = ? AND slot = ? AND at = ?",
					string(f.Reach), f.Member, f.Slot.Ring, f.Slot.Place, f.At.Unix()); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("complete announce records: %w", err)
		}
	}
	return nil
}

// Place is where Prune continues. The zero Place is the beginning.
type Place struct {
	Member core.MemberID
	Slot   Slot
}

// Prune looks at the next records after a place, at most limit of them, and deletes
// those that are older than an instant and those whose torrent or member is gone. It
// returns where to continue; after the last record, that is the beginning.
func (s *Store) Prune(ctx context.Context, after Place, before time.Time, limit int) (next Place, deleted int64, err error) {
	type looked struct {
		Place
		stale bool
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (l looked, err error) {
		return l, sc.Scan(&l.Member, &l.Slot.Ring, &l.Slot.Place, &l.stale)
	}, `SELECT r.member_id, r.ring, r.slot, CASE WHEN r.at < ? OR m.id IS NULL OR (r.ring > 0 AND (t.id IS NULL OR t.deleted_at > 0)) THEN 1 ELSE 0 END
		FROM announce_record r LEFT JOIN member m ON m.id = r.member_id LEFT JOIN torrent t ON t.id = r.ring
		WHERE r.member_id > ? OR (r.member_id = ? AND (r.ring > ? OR (r.ring = ? AND r.slot > ?)))
		ORDER BY r.member_id, r.ring, r.slot LIMIT ?`,
		before.Unix(), after.Member, after.Member, after.Slot.Ring, after.Slot.Ring, after.Slot.Place, limit)
	if err != nil {
		return after, 0, fmt.Errorf("look for old announce records: %w", err)
	}
	if len(rows) == limit {
		next = rows[len(rows)-1].Place
	}
	rows = slices.DeleteFunc(rows, func(l looked) bool { return !l.stale })
	if len(rows) == 0 {
		return next, 0, nil
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		deleted = 0
		for _, l := range rows {
			n, err := tx.Exec(ctx, "DELETE FROM announce_record WHERE member_id = ? AND ring = ? AND slot = ?", l.Member, l.Slot.Ring, l.Slot.Place)
			if err != nil {
				return err
			}
			deleted += n
		}
		return nil
	})
	if err != nil {
		return after, 0, fmt.Errorf("delete old announce records: %w", err)
	}
	return next, deleted, nil
}

// Cursor is where a list of records continues; "" is its beginning.
type Cursor string

func (r Record) cursor() Cursor {
	return Cursor(fmt.Sprintf("%d-%d-%d-%d", r.At.Unix(), r.Member, r.Slot.Ring, r.Slot.Place))
}

// before is the condition for records after the cursor in a list. An invalid cursor
// means the beginning.
func (c Cursor) before() (where string, args []any) {
	parts := strings.Split(string(c), "-")
	if len(parts) != 4 {
		return "", nil
	}
	var v [4]int64
	for i, p := range parts {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return "", nil
		}
		v[i] = n
	}
	return ` AND (r.at < ? OR (r.at = ? AND (r.member_id < ? OR (r.member_id = ? AND (r.ring < ? OR (r.ring = ? AND r.slot < ?))))))`,
		[]any{v[0], v[0], v[1], v[1], v[2], v[2], v[3]}
}

// OfMember returns the last records of a member, newest first, at most limit of them:
// of one torrent, or of all when torrent is 0. The cursor is "" at the end.
func (s *Store) OfMember(ctx context.Context, m core.MemberID, t core.TorrentID, from Cursor, limit int) ([]Record, Cursor, error) {
	if t != 0 {
		return s.records(ctx, "r.member_id = ? AND r.torrent_id = ?", []any{m, t}, from, limit)
	}
	return s.records(ctx, "r.member_id = ?", []any{m}, from, limit)
}

// OfTorrent returns the last records of a torrent, newest first.
func (s *Store) OfTorrent(ctx context.Context, t core.TorrentID, from Cursor, limit int) ([]Record, Cursor, error) {
	return s.records(ctx, "r.torrent_id = ?", []any{t}, from, limit)
}

// The columns that scanRecord reads, and the tables that they are from.
const (
	recordBare = `SELECT r.member_id, r.ring, r.slot, r.torrent_id, r.at, r.announces, r.event, r.client, r.families, r.public,
	r.port, r.announced_up, r.announced_down, r.credited_up, r.credited_down, r.bytes_left, r.leech, r.outcome, `
	recordSelect  = recordBare + `COALESCE(m.name, ''), COALESCE(g.title, ''), COALESCE(g.id, 0)`
	recordJoins   = `LEFT JOIN member m ON m.id = r.member_id LEFT JOIN torrent t ON t.id = r.torrent_id AND t.deleted_at = 0 LEFT JOIN torrent_group g ON g.id = t.group_id`
	recordColumns = recordSelect + ` FROM announce_record r ` + recordJoins
)

func (s *Store) records(ctx context.Context, where string, args []any, from Cursor, limit int) ([]Record, Cursor, error) {
	limit = max(1, min(limit, pageLimit))
	behind, more := from.before()
	list, err := db.All(ctx, s.db, scanRecord, recordColumns+" WHERE "+where+behind+` ORDER BY r.at DESC, r.member_id DESC, r.ring DESC, r.slot DESC LIMIT ?`,
		append(append(args, more...), limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read announce records: %w", err)
	}
	if len(list) > limit {
		return list[:limit], list[limit-1].cursor(), nil
	}
	return list, "", nil
}

func scanRecord(sc db.Scanner) (r Record, err error) {
	var at int64
	var families int
	err = sc.Scan(&r.Member, &r.Slot.Ring, &r.Slot.Place, &r.Torrent, &at, &r.Announces, &r.Event, &r.Client, &families, &r.Public,
		&r.Reach, &r.Announced.Up, &r.Announced.Down, &r.Credited.Up, &r.Credited.Down, &r.Left, &r.Leech, &r.Outcome,
		&r.MemberName, &r.Title, &r.Group)
	r.At, r.V4, r.V6 = time.Unix(at, 0).UTC(), families&family4 != 0, families&family6 != 0
	return r, err
}
