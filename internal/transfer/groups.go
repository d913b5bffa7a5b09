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

// groupsOf counts a member's records by torrent. Which is the newest, and whether there
// is trouble, are the bits of one number, so that the database reads each record once and
// sorts none: from above its time, whether it was refused (of one second it is the refusal
// that counts, which must be explained), its slot, and whether it is trouble.
const groupsOf = `SELECT x.torrent_id, x.records, x.quiet, x.newest, x.newest & 1 AS trouble, x.newest >> 10 AS at FROM (
	SELECT r.torrent_id, COUNT(*) AS records,
		SUM(CASE WHEN r.ring > 0 AND r.announced_up = 0 AND r.announced_down = 0 THEN 1 ELSE 0 END) AS quiet,
		MAX(r.at * 1024 + CASE WHEN r.ring = 0 THEN 513 WHEN r.outcome = 'clamped' THEN 1 ELSE 0 END + r.slot * 2) AS newest
	FROM announce_record r WHERE r.member_id = ? GROUP BY r.torrent_id) AS x`

// newestOf joins each group with its newest record.
const newestOf = recordSelect + `, y.records, y.quiet, y.trouble FROM (%s) AS y
	JOIN announce_record r ON r.member_id = ? AND r.ring = CASE WHEN (y.newest & 512) > 0 THEN 0 ELSE y.torrent_id END AND r.slot = ((y.newest >> 1) & 255)
	` + recordJoins + ` ORDER BY y.trouble DESC, y.at DESC, y.torrent_id DESC`

// Groups returns the torrents of a member's announces, those in trouble first, and then
// those that were announced last; at most limit of them. The cursor is "" at the end.
func (s *Store) Groups(ctx context.Context, m core.MemberID, from Cursor, limit int) ([]AnnounceGroup, Cursor, error) {
	limit = max(1, min(limit, pageLimit))
	behind, more := from.beforeGroup()
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (g AnnounceGroup, err error) {
		g.Last, err = scanRecord(with{sc, []any{&g.Records, &g.Quiet, &g.Trouble}})
		return g, err
	}, fmt.Sprintf(newestOf, groupsOf+behind+" ORDER BY trouble DESC, at DESC, x.torrent_id DESC LIMIT ?"), append(append([]any{m}, more...), limit+1, m)...)
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
	return " WHERE ((x.newest & 1) < ? OR ((x.newest & 1) = ? AND ((x.newest >> 10) < ? OR ((x.newest >> 10) = ? AND x.torrent_id < ?))))", []any{v[0], v[0], v[1], v[1], v[2]}
}
