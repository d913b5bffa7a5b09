package catalog

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// SortBy is by what groups are ordered.
type SortBy string

// The orders. A group stands by all its live torrents together.
const (
	ByTime     SortBy = "time" // of its newest torrent
	BySize     SortBy = "size"
	BySeeders  SortBy = "seeders"
	BySnatches SortBy = "snatches"
)

// SortOrders are the orders, as pages offer them.
func SortOrders() []SortBy { return []SortBy{ByTime, BySize, BySeeders, BySnatches} }

// Sort is the order of a list. The zero value has the newest first.
type Sort struct {
	By SortBy // anything else than the orders is ByTime
	Up bool   // the oldest or the least first
}

// byTime reports whether it is the order of Browse.
func (o Sort) byTime() bool {
	return o.By != BySize && o.By != BySeeders && o.By != BySnatches
}

// column is where group_live has the number by which groups are ordered, and its index.
func (o Sort) column() (name, index string) {
	if o.byTime() {
		return "newest", "group_live_newest"
	}
	return string(o.By), "group_live_" + string(o.By)
}

// Cursor is where a list goes on, "" at its beginning and behind its end. One that makes
// no sense is the beginning.
type Cursor string

// Listing is a part of a list of groups.
type Listing struct {
	Groups []Listed
	Next   Cursor
	// Unfinished is true where only so many groups were looked at: the page is not full,
	// and what comes behind may hold more.
	Unfinished bool
	// Noted is true where the order is by numbers that a job has noted some minutes ago.
	Noted bool
}

// Listed is a group with its newest torrent alone, and the sums of all its live torrents.
// Creators, tags, literature and description are left out.
type Listed struct {
	Group
	Versions          int
	Size              core.Bytes
	Seeders, Leechers int
	Snatches          int
}

// place is a group with the number by which it is ordered.
type place struct {
	value int64
	group core.GroupID
}

func (c Cursor) place() (place, bool) {
	v, g, ok := strings.Cut(string(c), ".")
	value, err := strconv.ParseInt(v, 10, 64)
	group, err2 := strconv.ParseInt(g, 10, 64)
	return place{value, core.GroupID(group)}, ok && err == nil && err2 == nil
}

// before orders places.
func (o Sort) before(a, b place) int {
	if !o.Up {
		a, b = b, a
	}
	return cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.group, b.group))
}

// newestFirst reports whether it is the order of Browse, in which a group stands by its
// newest torrent that passes the filter, and a cursor is the id of one.
func (o Sort) newestFirst() bool { return o.byTime() && !o.Up }

// start is where a list goes on that comes to a cursor.
func (o Sort) start(from Cursor) place {
	if o.newestFirst() {
		n, _ := strconv.ParseInt(string(from), 10, 64)
		return place{int64(cursor(core.TorrentID(max(n, 0)))), math.MinInt64}
	}
	if start, ok := from.place(); ok {
		return start
	}
	if o.Up {
		return place{math.MinInt64, math.MinInt64}
	}
	return place{math.MaxInt64, math.MaxInt64}
}

// cursor is the cursor behind a place.
func (o Sort) cursor(p place) Cursor {
	if o.newestFirst() {
		return Cursor(strconv.FormatInt(p.value, 10))
	}
	return Cursor(fmt.Sprintf("%d.%d", p.value, p.group))
}

// List lists the groups that have a live torrent which passes the filter, in an order.
// limit is at most 100. The newest first are in the order of Browse.
func (s *Store) List(ctx context.Context, v Viewer, f Filter, o Sort, from Cursor, limit int) (Listing, error) {
	k, err := s.look(ctx, f)
	if err != nil {
		return Listing{}, err
	}
	return s.list(ctx, v, f, k, o, from, limit)
}

// ListAndCount is List and Overview at once, which costs less.
func (s *Store) ListAndCount(ctx context.Context, v Viewer, f Filter, o Sort, from Cursor, limit int) (Listing, Overview, error) {
	k, err := s.look(ctx, f)
	if err != nil {
		return Listing{}, Overview{}, err
	}
	counts, err := s.overview(ctx, f, k)
	if err != nil {
		return Listing{}, Overview{}, err
	}
	l, err := s.list(ctx, v, f, k, o, from, limit)
	return l, counts, err
}

// list is List for who has looked.
func (s *Store) list(ctx context.Context, v Viewer, f Filter, k *look, o Sort, from Cursor, limit int) (Listing, error) {
	limit = bounded(limit, maxPage)
	if k == nil && o.newestFirst() {
		p, hits, err := s.page(ctx, f, core.TorrentID(o.start(from).value), limit)
		if err != nil {
			return Listing{}, err
		}
		l := Listing{Unfinished: p.Unfinished}
		if p.Next > 0 {
			l.Next = o.cursor(place{value: int64(p.Next)})
		}
		l.Groups, err = s.listed(ctx, v, hits)
		return l, err
	}
	l, places, err := s.places(ctx, f, k, o, o.start(from), limit+1)
	if err != nil {
		return Listing{}, fmt.Errorf("list datasets: %w", err)
	}
	if len(places) > limit {
		places, l.Unfinished = places[:limit], false
		l.Next = o.cursor(places[limit-1])
	}
	ids := make([]core.GroupID, len(places))
	for i, p := range places {
		ids[i] = p.group
	}
	l.Groups, err = s.listed(ctx, v, ids)
	return l, err
}

// listed reads groups, in the order of ids.
func (s *Store) listed(ctx context.Context, v Viewer, ids []core.GroupID) ([]Listed, error) {
	groups, err := s.bareGroups(ctx, v, ids, 1)
	if err != nil || len(groups) == 0 {
		return nil, err
	}
	out := make([]Listed, len(groups))
	index := make(map[core.GroupID]int, len(groups))
	for i, g := range groups {
		out[i].Group = g
		index[g.ID] = i
	}
	_, err = db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		var id core.GroupID
		var l Listed
		err := sc.Scan(&id, &l.Versions, &l.Size, &l.Seeders, &l.Leechers, &l.Snatches)
		if i, ok := index[id]; ok {
			l.Group = out[i].Group
			out[i] = l
		}
		return struct{}{}, err
	}, `SELECT t.group_id, COUNT(*), SUM(t.size), COALESCE(SUM(w.seeders), 0), COALESCE(SUM(w.leechers), 0), COALESCE(SUM(x.snatches), 0)
		FROM torrent t LEFT JOIN swarm_count w ON w.torrent_id = t.id LEFT JOIN transfer_torrent x ON x.torrent_id = t.id
		WHERE t.deleted_at = 0 AND t.group_id IN (`+db.Marks(len(ids))+`) GROUP BY t.group_id`, db.Anys(ids)...)
	if err != nil {
		return nil, fmt.Errorf("add up the torrents of groups: %w", err)
	}
	return out, nil
}

// places finds the first groups that pass the filter behind start.
func (s *Store) places(ctx context.Context, f Filter, k *look, o Sort, start place, limit int) (l Listing, list []place, err error) {
	if k != nil {
		list, err = s.placesOnShelf(ctx, k, f, o)
	} else {
		l.Noted = o.By == BySeeders || o.By == BySnatches
		q, possible := f.query()
		if !possible {
			return l, nil, nil
		}
		var rare condition
		n := s.few + 1
		if sources := q.sources(); len(sources) > 0 {
			if rare, n, err = s.rarest(ctx, sources); err != nil || n == 0 {
				return l, nil, err
			}
		}
		if n > s.few {
			var end place
			if list, end, err = s.walkBy(ctx, q, o, start, limit); end != start {
				l.Next, l.Unfinished = o.cursor(end), true
			}
			return l, list, err
		}
		list, err = s.placesAmong(ctx, q, rare, o)
	}
	list = slices.DeleteFunc(list, func(p place) bool { return o.before(p, start) <= 0 })
	slices.SortFunc(list, o.before)
	return l, limited(list, limit), err
}

// placesOnShelf filters a small catalogue in memory.
func (s *Store) placesOnShelf(ctx context.Context, k *look, f Filter, o Sort) (list []place, err error) {
	if err := s.weigh(ctx, k, f, f.Seeded || o.By == BySeeders); err != nil {
		return nil, err
	}
	numbers := k.seeders
	if o.By == BySnatches {
		if numbers, err = s.numbers(ctx, snatchesOfAll); err != nil {
			return nil, err
		}
	}
	for _, passed := range k.passed {
		g := passed.group
		p := place{int64(passed.newest), g.id}
		switch {
		case o.By == BySize:
			p.value = int64(g.size)
		case o.By == BySeeders || o.By == BySnatches:
			p.value = 0
			for _, c := range g.torrents {
				p.value += numbers[c.id]
			}
		case o.Up:
			p.value = int64(g.newest)
		}
		list = append(list, p)
	}
	return list, nil
}

// placesAmong finds all groups that pass the filter among those that meet a rare
// condition.
func (s *Store) placesAmong(ctx context.Context, q query, rare condition, o Sort) ([]place, error) {
	hits, err := s.findAmong(ctx, q, rare, cursor(0), s.few)
	if err != nil {
		return nil, err
	}
	ids := make([]core.GroupID, len(hits))
	for i, h := range hits {
		ids[i] = h.group
	}
	column, _ := o.column()
	var list []place
	for part := range slices.Chunk(ids, 1000) {
		found, err := db.All(ctx, s.db, scanPlace, "SELECT l."+column+", l.group_id FROM group_live l WHERE l.group_id IN ("+db.Marks(len(part))+")", db.Anys(part)...)
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

func scanPlace(sc db.Scanner) (p place, err error) { return p, sc.Scan(&p.value, &p.group) }

// walkBy walks through the groups in their order until there are enough that pass, or
// nothing is left, or the steps are done. In the last case end is the place behind which
// nothing was looked at; otherwise it is start.
func (s *Store) walkBy(ctx context.Context, q query, o Sort, start place, limit int) (list []place, end place, err error) {
	column, index := o.column()
	op, direction := "<", "DESC"
	if o.Up {
		op, direction = ">", "ASC"
	}
	at := start
	for _, rows := range s.steps {
		behind, args := s.db.Engine().Behind(op, "l."+column, "l.group_id", at.value, int64(at.group))
		some, err := db.All(ctx, s.db, scanPlace, "SELECT l."+column+", l.group_id FROM group_live l"+s.db.Engine().Using(index)+" WHERE "+behind+
			" ORDER BY l."+column+" "+direction+", l.group_id "+direction+" LIMIT ?", append(args, rows)...)
		if err != nil {
			return nil, start, err
		}
		for part := range slices.Chunk(some, 1000) {
			passing, err := s.passing(ctx, q, part)
			if err != nil {
				return nil, start, err
			}
			for _, p := range part {
				if passing[p.group] {
					if list = append(list, p); len(list) == limit {
						return list, start, nil
					}
				}
			}
		}
		if len(some) < rows {
			return list, start, nil
		}
		at = some[rows-1]
	}
	return list, at, nil
}

// passing are those of up to 1000 groups that pass the filter.
func (s *Store) passing(ctx context.Context, q query, part []place) (map[core.GroupID]bool, error) {
	ids := make([]core.GroupID, len(part))
	for i, p := range part {
		ids[i] = p.group
	}
	out := make(map[core.GroupID]bool, len(ids))
	if q.category == 0 && q.inOrder() {
		for _, id := range ids {
			out[id] = true
		}
		return out, nil
	}
	hits, err := s.amongGroups(ctx, q, ids, cursor(0))
	for _, h := range hits {
		out[h.group] = true
	}
	return out, err
}

// NoteSwarms notes how many seed and have downloaded each of up to limit groups behind
// one, by which large catalogues are ordered. It returns the last of them, 0 behind the
// end, and how many numbers have changed. It is safe to run at any time, and twice.
func (s *Store) NoteSwarms(ctx context.Context, after core.GroupID, limit int) (next core.GroupID, changed int64, err error) {
	type numbers struct{ seeders, snatches int64 }
	type row struct {
		id      core.GroupID
		was, is numbers
	}
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (r row, err error) {
		return r, sc.Scan(&r.id, &r.was.seeders, &r.was.snatches, &r.is.seeders, &r.is.snatches)
	}, `SELECT l.group_id, l.seeders, l.snatches,
		(SELECT COALESCE(SUM(w.seeders), 0) FROM torrent t JOIN swarm_count w ON w.torrent_id = t.id WHERE t.group_id = l.group_id AND t.deleted_at = 0),
		(SELECT COALESCE(SUM(x.snatches), 0) FROM torrent t JOIN transfer_torrent x ON x.torrent_id = t.id WHERE t.group_id = l.group_id AND t.deleted_at = 0)
		FROM group_live l WHERE l.group_id > ? ORDER BY l.group_id LIMIT ?`, after, limit)
	if err != nil {
		return after, 0, fmt.Errorf("add up the swarms of groups: %w", err)
	}
	if len(list) == limit {
		next = list[limit-1].id
	}
	list = slices.DeleteFunc(list, func(r row) bool { return r.was == r.is })
	if len(list) == 0 {
		return next, 0, nil
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, r := range list {
			if _, err := tx.Exec(ctx, "UPDATE group_live SET seeders = ?, snatches = ? WHERE group_id = ?", r.is.seeders, r.is.snatches, r.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return after, 0, fmt.Errorf("note the swarms of groups: %w", err)
	}
	return next, int64(len(list)), nil
}
