package site

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
)

// browsePage is a list of datasets with the filters that made it.
type browsePage struct {
	Query      browseQuery
	Categories []catalog.Category
	Formats    []catalog.Family
	Licenses   []catalog.Family
	Groups     []groupRow
	Next       string // address of the page after this one, "" when there is none
	First      string // address of the first page, "" when this is it
	Swarm      string // what the live numbers are asked for
}

var browseView = web.NewView[browsePage]("browse")

// groupRow is a group in a list.
type groupRow struct {
	catalog.Group
	Rows []web.TorrentRow
}

// browseQuery is what the visitor looks for, as it was typed.
type browseQuery struct {
	Words    string
	Category string // slug
	Tag      string
	Creator  string
	Format   string
	License  string
	Before   core.TorrentID
}

const perPage = 25

func readBrowseQuery(v *web.Visit) browseQuery {
	q := func(key string, limit int) string {
		text := strings.TrimSpace(v.Query(key))
		return text[:min(len(text), limit)]
	}
	return browseQuery{Words: q("q", 200), Category: q("category", 40), Tag: q("tag", 200), Creator: q("creator", 255),
		Format: q("format", 64), License: q("license", 64), Before: core.TorrentID(web.Number(v.Query("before")))}
}

// Any reports whether anything is filtered.
func (q browseQuery) Any() bool {
	q.Before = 0
	return q != browseQuery{}
}

// address is the address of a page of this query.
func (q browseQuery) address(before core.TorrentID) string {
	values := url.Values{}
	for key, text := range map[string]string{"q": q.Words, "category": q.Category, "tag": q.Tag, "creator": q.Creator,
		"format": q.Format, "license": q.License} {
		if text != "" {
			values.Set(key, text)
		}
	}
	if before > 0 {
		values.Set("before", strconv.FormatInt(int64(before), 10))
	}
	if len(values) == 0 {
		return "/browse"
	}
	return "/browse?" + values.Encode()
}

// filter turns the query into the catalogue's terms. A category that does not
// exist finds nothing, instead of everything.
func (q browseQuery) filter(categories []catalog.Category) catalog.Filter {
	f := catalog.Filter{Words: q.Words, Tags: catalog.ParseTags(q.Tag), Creator: q.Creator, Format: q.Format, License: q.License}
	if q.Category != "" {
		f.Category = -1
		if c, ok := categoryNamed(categories, q.Category); ok {
			f.Category = c.ID
		}
	}
	return f
}

// categoryNamed finds a category by its slug or its number.
func categoryNamed(categories []catalog.Category, text string) (catalog.Category, bool) {
	i := slices.IndexFunc(categories, func(c catalog.Category) bool {
		return c.Slug == text || strconv.FormatInt(c.ID, 10) == text
	})
	if i < 0 {
		return catalog.Category{}, false
	}
	return categories[i], true
}

func (s *server) browse(v *web.Visit) error {
	p := browsePage{Query: readBrowseQuery(v)}
	var err error
	if p.Categories, err = s.Catalog.Categories(v.Context()); err != nil {
		return err
	}
	if p.Formats, err = s.Catalog.AllTerms(v.Context(), catalog.KindFormat); err != nil {
		return err
	}
	if p.Licenses, err = s.Catalog.AllTerms(v.Context(), catalog.KindLicense); err != nil {
		return err
	}
	found, err := s.Catalog.Browse(v.Context(), v.Viewer(), p.Query.filter(p.Categories), p.Query.Before, perPage)
	if err != nil {
		return err
	}
	schedule, err := s.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p.Groups = s.groupRows(v, schedule, found.Groups)
	p.Swarm = web.SwarmAddress(found.Groups...)
	if found.Next > 0 {
		p.Next = p.Query.address(found.Next)
	}
	if p.Query.Before > 0 {
		p.First = p.Query.address(0)
	}
	return browseView.OK(v, p)
}

func (s *server) groupRows(v *web.Visit, schedule economy.Schedule, groups []catalog.Group) []groupRow {
	out := make([]groupRow, len(groups))
	for i, g := range groups {
		out[i] = groupRow{Group: g, Rows: web.Rows(v, schedule, g.Torrents, s.Clock())}
	}
	return out
}
