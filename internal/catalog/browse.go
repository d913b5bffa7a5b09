package catalog

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	plain "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// conditions gathers the parts of a WHERE clause.
type conditions struct {
	parts []string
	args  []any
}

func (c *conditions) add(part string, args ...any) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

func (c *conditions) sql() string { return strings.Join(c.parts, " AND ") }

// ofTorrent adds the conditions on the torrents themselves; alias names the table.
func (f Filter) ofTorrent(alias string) conditions {
	var c conditions
	c.add(alias + ".deleted_at = 0")
	for _, p := range []struct{ column, value string }{
		{"platform", f.Platform}, {"format", f.Format}, {"archive", f.Archive}, {"scope", f.Scope},
		{"license", f.License}, {"leech", string(f.Leech)},
	} {
		if p.value != "" {
			c.add(alias+"."+p.column+" = ?", p.value)
		}
	}
	return c
}

// ofGroup adds the conditions on the group of torrent t.
func (f Filter) ofGroup() conditions {
	var c conditions
	if f.Category != 0 {
		c.add("g.category_id = ?", f.Category)
	}
	if f.Year != 0 {
		c.add("g.year = ?", f.Year)
	}
	for _, tag := range limited(normalTags(f.Tags), maxQueryWords) {
		c.add("EXISTS (SELECT 1 FROM group_tag l JOIN tag n ON n.id = l.tag_id WHERE l.group_id = t.group_id AND n.name = ?)", tag)
	}
	if name := plain.Line(f.Creator); name != "" {
		c.add("EXISTS (SELECT 1 FROM group_creator l JOIN creator n ON n.id = l.creator_id WHERE l.group_id = t.group_id AND n.name = ?)", name)
	}
	list := words(maxQueryWords, f.Words)
	if len(list) == 0 && strings.TrimSpace(f.Words) != "" {
		c.add("1 = 0") // nothing but punctuation was asked for
	}
	for i, w := range list {
		if i == len(list)-1 {
			c.add("EXISTS (SELECT 1 FROM group_word w WHERE w.group_id = t.group_id AND w.word >= ? AND w.word <= ?)", w, w+"\U0010ffff")
		} else {
			c.add("EXISTS (SELECT 1 FROM group_word w WHERE w.group_id = t.group_id AND w.word = ?)", w)
		}
	}
	return c
}

func limited[T any](list []T, most int) []T { return list[:min(len(list), most)] }

// Browse lists the groups that have a live torrent which passes the filter, the
// group with the newest such torrent first. before is Page.Next of the page
// before, or 0; limit is at most 100. Each group comes with its newest 50 live
// torrents.
func (s *Store) Browse(ctx context.Context, v Viewer, f Filter, before core.TorrentID, limit int) (Page, error) {
	limit = bounded(limit, maxPage)
	own, newer, group := f.ofTorrent("t"), f.ofTorrent("n"), f.ofGroup()
	c := own
	c.add("t.id < ?", cursor(before))
	if len(group.parts) > 0 {
		c.add(group.sql(), group.args...)
	}
	c.add("NOT EXISTS (SELECT 1 FROM torrent n WHERE n.group_id = t.group_id AND n.id > t.id AND "+newer.sql()+")", newer.args...)
	type hit struct {
		torrent core.TorrentID
		group   core.GroupID
	}
	hits, err := db.All(ctx, s.db, func(sc db.Scanner) (hit, error) {
		var h hit
		err := sc.Scan(&h.torrent, &h.group)
		return h, err
	}, "SELECT t.id, t.group_id FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE "+c.sql()+
		" ORDER BY t.id DESC LIMIT ?", append(c.args, limit+1)...)
	if err != nil {
		return Page{}, fmt.Errorf("browse: %w", err)
	}
	var p Page
	if len(hits) > limit {
		hits = hits[:limit]
		p.Next = hits[limit-1].torrent
	}
	ids := make([]core.GroupID, len(hits))
	for i, h := range hits {
		ids[i] = h.group
	}
	const perGroup = 50
	p.Groups, err = s.groups(ctx, v, ids, perGroup)
	return p, err
}

// Search finds groups by what somebody typed: an info-hash, an accession number,
// or words that must all occur, the last one perhaps unfinished. An exact
// accession comes first. limit is at most 100.
func (s *Store) Search(ctx context.Context, v Viewer, terms string, limit int) ([]Group, error) {
	limit = bounded(limit, maxPage)
	terms = plain.Line(terms)
	if terms == "" {
		return nil, core.Errorf(core.Invalid, "say what to search for")
	}
	if len(terms) == 40 || len(terms) == 64 {
		t, err := s.ByInfoHash(ctx, v, terms)
		if err == nil {
			return s.groups(ctx, v, []core.GroupID{t.Group}, maxPage)
		}
		if code := core.CodeOf(err); code != core.NotFound && code != core.Invalid {
			return nil, err
		}
	}
	exact, err := db.All(ctx, s.db, db.Value[core.GroupID],
		"SELECT id FROM torrent_group WHERE (identifier = ? OR identifier = ?) AND "+hasLive+" ORDER BY id DESC LIMIT ?",
		terms, strings.ToUpper(terms), limit)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	const perGroup = 50
	found, err := s.groups(ctx, v, exact, perGroup)
	if err != nil {
		return nil, err
	}
	page, err := s.Browse(ctx, v, Filter{Words: terms}, 0, limit)
	if err != nil {
		return nil, err
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
	return limited(found, limit), nil
}
