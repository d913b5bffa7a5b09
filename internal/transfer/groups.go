package transfer

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// AnnounceGroup is what is kept of a member's announces of one torrent.
type AnnounceGroup struct {
	Last    Record // the newest; its Torrent is 0 where refused announces tell of none that is known
	Records int    // that are kept
	Quiet   int    // those of them that were answered and told of no transfer
	Trouble bool   // the newest was refused, or told more than can be
}

// Silent reports whether there is nothing to read about it.
func (g AnnounceGroup) Silent() bool { return !g.Trouble && g.Quiet == g.Records }

// newestOf selects the newest record of each torrent of a member, with what is counted of
// all. Of one second it is the refusal, which must be explained.
const newestOf = `SELECT x.member_id, x.ring, x.slot, x.torrent_id, x.at, x.announces, x.event, x.client, x.families, x.public,
	x.port, x.announced_up, x.announced_down, x.credited_up, x.credited_down, x.bytes_left, x.leech, x.outcome,
	COALESCE(m.name, ''), COALESCE(g.title, ''), COALESCE(g.id, 0), x.records, x.quiet, x.trouble
	FROM (SELECT r.member_id, r.ring, r.slot, r.torrent_id, r.at, r.announces, r.event, r.client, r.families, r.public,
		r.port, r.announced_up, r.announced_down, r.credited_up, r.credited_down, r.bytes_left, r.leech, r.outcome,
		CASE WHEN r.ring = 0 OR r.outcome = 'clamped' THEN 1 ELSE 0 END AS trouble,
		ROW_NUMBER() OVER (PARTITION BY r.torrent_id ORDER BY r.at DESC, CASE WHEN r.ring = 0 THEN 0 ELSE 1 END, r.slot DESC) AS n,
		COUNT(*) OVER (PARTITION BY r.torrent_id) AS records,
		SUM(CASE WHEN r.ring > 0 AND r.announced_up = 0 AND r.announced_down = 0 THEN 1 ELSE 0 END) OVER (PARTITION BY r.torrent_id) AS quiet
		FROM announce_record r WHERE r.member_id = ?) AS x
	LEFT JOIN member m ON m.id = x.member_id
	LEFT JOIN torrent t ON t.id = x.torrent_id AND t.deleted_at = 0 LEFT JOIN torrent_group g ON g.id = t.group_id
	WHERE x.n = 1`

// Groups returns the torrents of a member's announces, those in trouble first, and then
// those that were announced last; at most limit of them. The cursor is "" at the end.
func (s *Store) Groups(ctx context.Context, m core.MemberID, from Cursor, limit int) ([]AnnounceGroup, Cursor, error) {
	limit = max(1, min(limit, pageLimit))
	behind, more := from.beforeGroup()
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (g AnnounceGroup, err error) {
		g.Last, err = scanRecord(with{sc, []any{&g.Records, &g.Quiet, &g.Trouble}})
		return g, err
	}, newestOf+behind+" ORDER BY x.trouble DESC, x.at DESC, x.torrent_id DESC LIMIT ?", append(append([]any{m}, more...), limit+1)...)
	if err != nil {
		return nil, "", fmt.Errorf("read announces by torrent: %w", err)
	}
	if len(list) > limit {
		last := list[limit-1]
		trouble := 0
		if last.Trouble {
			trouble = 1
		}
		return list[:limit], Cursor(fmt.Sprintf("%d-%d-%d", trouble, last.Last.At.Unix(), last.Last.Torrent)), nil
	}
	return list, "", nil
}

// with is a row with more columns than are asked for.
type with struct {
	db.Scanner
	more []any
}

// Scan reads the columns that are asked for and the others.
func (w with) Scan(dest ...any) error { return w.Scanner.Scan(append(dest, w.more...)...) }

// beforeGroup is the condition for groups after the cursor. An invalid cursor means the
// beginning.
func (c Cursor) beforeGroup() (where string, args []any) {
	parts := strings.Split(string(c), "-")
	if len(parts) != 3 {
		return "", nil
	}
	var v [3]int64
	for i, p := range parts {
		n, err := strconv.ParseInt(p, 10, 64)
		if err != nil {
			return "", nil
		}
		v[i] = n
	}
	return " AND (x.trouble < ? OR (x.trouble = ? AND (x.at < ? OR (x.at = ? AND x.torrent_id < ?))))", []any{v[0], v[0], v[1], v[1], v[2]}
}
