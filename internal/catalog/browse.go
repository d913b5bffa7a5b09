package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	plain "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// hit is a group that was found, with its newest torrent that passes the filter.
type hit struct {
	torrent core.TorrentID
	group   core.GroupID
}

func scanHit(sc db.Scanner) (h hit, err error) { return h, sc.Scan(&h.torrent, &h.group) }

// Browse lists the groups that have a live torrent which passes the filter, the
// group with the newest such torrent first. before is Page.Next of the page
// before, or 0; limit is at most 100. Each group comes with its newest 50 live
// torrents.
func (s *Store) Browse(ctx context.Context, v Viewer, f Filter, before core.TorrentID, limit int) (Page, error) {
	p, ids, err := s.page(ctx, f, before, bounded(limit, maxPage))
	if err != nil {
		return Page{}, err
	}
	const perGroup = 50
	p.Groups, err = s.groups(ctx, v, ids, perGroup)
	return p, err
}

// page finds the groups of a page of Browse.
func (s *Store) page(ctx context.Context, f Filter, before core.TorrentID, limit int) (p Page, ids []core.GroupID, err error) {
	hits, end, err := s.find(ctx, f, cursor(before), limit+1)
	if err != nil {
		return Page{}, nil, fmt.Errorf("browse: %w", err)
	}
	switch {
	case len(hits) > limit:
		hits = hits[:limit]
		p.Next = hits[limit-1].torrent
	case end > 0:
		p.Next, p.Unfinished = end, true
	}
	ids = make([]core.GroupID, len(hits))
	for i, h := range hits {
		ids[i] = h.group
	}
	return p, ids, nil
}

// find returns the first groups that pass the filter. It asks first how many groups
// meet each condition, as far as an index tells. Where a condition is rare, all groups
// that meet it are looked at and then sorted. Where every one is met by many, the newest
// groups are looked at until enough are found, which mostly is soon. Conditions that are
// never met together would lead through all groups, so the walk is broken off after some;
// end is where, and 0 when there is nothing behind it.
func (s *Store) find(ctx context.Context, f Filter, before core.TorrentID, limit int) (hits []hit, end core.TorrentID, err error) {
	q, possible := f.query()
	if !possible {
		return nil, 0, nil
	}
	if sources := q.sources(); len(sources) > 0 && !q.inOrder() {
		rarest, n, err := s.rarest(ctx, sources)
		if err != nil || n == 0 {
			return nil, 0, err
		}
		if n <= s.few {
			hits, err = s.findAmong(ctx, q, rarest, before, limit)
			return hits, 0, err
		}
	}
	return s.walkOn(ctx, q, before, limit)
}

// rarest returns the condition for which the indexes have the fewest rows, and how many
// these are, or one more than few when no condition is rare. A group may have several
// rows, such as one for each word with a certain beginning.
func (s *Store) rarest(ctx context.Context, sources []condition) (rarest condition, n int, err error) {
	counts := make([]string, len(sources))
	found, into := make([]int, len(sources)), make([]any, len(sources))
	var args []any
	for i, c := range sources {
		counts[i] = fmt.Sprintf("(SELECT COUNT(*) FROM (%s LIMIT %d) AS s%d)", c.source, s.few+1, i)
		args = append(args, c.args...)
		into[i] = &found[i]
	}
	if err := s.db.QueryRowContext(ctx, "SELECT "+strings.Join(counts, ", "), args...).Scan(into...); err != nil {
		return rarest, 0, fmt.Errorf("count what meets each condition: %w", err)
	}
	n = slices.Min(found)
	return sources[slices.Index(found, n)], n, nil
}

// findAmong looks at all groups that meet the rarest condition.
func (s *Store) findAmong(ctx context.Context, q query, rarest condition, before core.TorrentID, limit int) ([]hit, error) {
	ids, err := db.All(ctx, s.db, db.Value[core.GroupID], rarest.source+" LIMIT ?", append(slices.Clone(rarest.args), s.few)...)
	if err != nil {
		return nil, err
	}
	slices.Sort(ids)
	var hits []hit
	for part := range slices.Chunk(slices.Compact(ids), 1000) {
		found, err := s.amongGroups(ctx, q, part, before)
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(b.torrent, a.torrent) })
	return limited(hits, limit), nil
}

// amongGroups returns those of up to 1000 groups that pass, in any order.
func (s *Store) amongGroups(ctx context.Context, q query, ids []core.GroupID, before core.TorrentID) ([]hit, error) {
	list := "IN (" + db.Marks(len(ids)) + ")"
	c := clause{args: db.Anys(ids)}
	if len(q.torrents) == 0 {
		c.text = "SELECT l.newest, l.group_id FROM group_live l WHERE l.group_id " + list
		q.about(&c, "l.group_id")
		c.and("l.newest < ?", before)
	} else {
		c.text = "SELECT MAX(t.id), t.group_id FROM torrent t" + s.db.Engine().Using("torrent_group_id") + " WHERE t.group_id " + list + " AND t.deleted_at = 0"
		c.meets(q.torrents, "t")
		q.about(&c, "t.group_id")
		c.text += " GROUP BY t.group_id HAVING MAX(t.id) < ?"
		c.args = append(c.args, before)
	}
	return db.All(ctx, s.db, scanHit, c.text, c.args...)
}

// about adds the conditions on the group whose id is at, the cheapest first.
func (q query) about(c *clause, at string) {
	if q.category != 0 {
		c.and(strings.ReplaceAll(inCategory, "@", at), q.category)
	}
	c.meets(q.groups, at)
}

// steps are how many rows a walk looks at: mostly the first few are enough, and after the
// last it is broken off.
var steps = []int{100, 1_000, 19_000}

// walkOn walks until there are enough hits, or nothing is left, or the steps are done. In
// the last case end is the cursor of what was not looked at.
func (s *Store) walkOn(ctx context.Context, q query, before core.TorrentID, limit int) (hits []hit, end core.TorrentID, err error) {
	walk := s.walkGroups
	if len(q.torrents) > 0 {
		walk = s.walkTorrents
	}
	end = before
	for _, rows := range s.steps {
		var found []hit
		if found, end, err = walk(ctx, q, end, rows, limit-len(hits)); err != nil {
			return nil, 0, err
		}
		if hits = append(hits, found...); len(hits) == limit || end == 0 {
			return hits, 0, nil
		}
	}
	return hits, end, nil
}

// walkGroups looks at so many groups, those with the newest torrents first, or at all of
// them where there is no condition that one could fail to meet.
func (s *Store) walkGroups(ctx context.Context, q query, before core.TorrentID, rows, limit int) (hits []hit, end core.TorrentID, err error) {
	index := "group_live_newest"
	if q.category != 0 {
		index = "group_live_category"
	}
	c := clause{" FROM group_live l" + s.db.Engine().Using(index) + " WHERE l.newest < ?", []any{before}}
	if q.category != 0 {
		c.and("l.category_id = ?", q.category)
	}
	if !q.inOrder() {
		if end, err = s.breakOff(ctx, &c, "l.newest", rows); err != nil {
			return nil, 0, err
		}
		c.meets(q.groups, "l.group_id")
	}
	hits, err = db.All(ctx, s.db, scanHit, "SELECT l.newest, l.group_id"+c.text+" ORDER BY l.newest DESC LIMIT ?", append(c.args, limit)...)
	return hits, end, err
}

// walkTorrents looks at so many torrents, the newest first, and passes over those of which
// the group has a newer one that passes.
func (s *Store) walkTorrents(ctx context.Context, q query, before core.TorrentID, rows, limit int) (hits []hit, end core.TorrentID, err error) {
	c := clause{" FROM torrent t" + s.db.Engine().Using(db.PrimaryKey) + " WHERE t.id < ?", []any{before}}
	if end, err = s.breakOff(ctx, &c, "t.id", rows); err != nil {
		return nil, 0, err
	}
	c.and("t.deleted_at = 0")
	c.meets(q.torrents, "t")
	q.about(&c, "t.group_id")
	c.and("NOT EXISTS (SELECT 1 FROM torrent n WHERE n.group_id = t.group_id AND n.id > t.id AND n.deleted_at = 0")
	c.meets(q.torrents, "n")
	hits, err = db.All(ctx, s.db, scanHit, "SELECT t.id, t.group_id"+c.text+") ORDER BY t.id DESC LIMIT ?", append(c.args, limit)...)
	return hits, end, err
}

// breakOff ends a walk after so many rows, and returns the cursor of what comes behind
// them, or 0 when there are fewer.
func (s *Store) breakOff(ctx context.Context, c *clause, by string, rows int) (core.TorrentID, error) {
	end, ok, err := db.One(ctx, s.db, db.Value[core.TorrentID],
		"SELECT "+by+c.text+" ORDER BY "+by+" DESC LIMIT 1 OFFSET ?", append(slices.Clone(c.args), rows-1)...)
	if err != nil {
		return 0, fmt.Errorf("look how far to look: %w", err)
	}
	if ok {
		c.and(by+" >= ?", end)
	}
	return end, nil
}

func limited[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// Search finds groups by what somebody typed: an info-hash, an accession number,
// or words that must all occur, the last one perhaps unfinished. An exact
// accession comes first. limit is at most 100. Page.Next is where Browse goes on with the
// words.
func (s *Store) Search(ctx context.Context, v Viewer, terms string, limit int) (Page, error) {
	limit = bounded(limit, maxPage)
	terms = plain.Line(terms)
	if terms == "" {
		return Page{}, core.Errorf(core.Invalid, "say what to search for")
	}
	if len(terms) == 40 || len(terms) == 64 {
		t, err := s.ByInfoHash(ctx, v, terms)
		if err == nil {
			list, err := s.groups(ctx, v, []core.GroupID{t.Group}, maxPage)
			return Page{Groups: list}, err
		}
		if code := core.CodeOf(err); code != core.NotFound && code != core.Invalid {
			return Page{}, err
		}
	}
	exact, err := db.All(ctx, s.db, db.Value[core.GroupID],
		"SELECT id FROM torrent_group WHERE (identifier = ? OR identifier = ?) AND "+hasLive+" ORDER BY id DESC LIMIT ?",
		terms, strings.ToUpper(terms), limit)
	if err != nil {
		return Page{}, fmt.Errorf("search: %w", err)
	}
	const perGroup = 50
	found, err := s.groups(ctx, v, exact, perGroup)
	if err != nil {
		return Page{}, err
	}
	page, err := s.Browse(ctx, v, Filter{Words: terms}, 0, limit)
	if err != nil {
		return Page{}, err
	}
	seen := make(map[core.GroupID]bool, len(found))
	for _, g := range found {
		seen[g.ID] = true
	}
	for _, g := range page.Groups {
		if !seen[g.ID] {
			found = append(found, g)
		}
	}
	page.Groups = limited(found, limit)
	return page, nil
}
