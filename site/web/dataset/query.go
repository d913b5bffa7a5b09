package dataset

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// Query is what the visitor looks for, as it was typed.
type Query struct {
	Words    string
	Category string // slug
	Tag      string
	Creator  string
	Format   string
	License  string
	Before   core.TorrentID
}

// ReadQuery reads what is looked for from the address.
func ReadQuery(v *web.Visit) Query {
	q := func(key string, limit int) string {
		text := strings.TrimSpace(v.Query(key))
		return text[:min(len(text), limit)]
	}
	return Query{Words: q("q", 200), Category: q("category", 40), Tag: q("tag", 200), Creator: q("creator", 255),
		Format: q("format", 64), License: q("license", 64), Before: core.TorrentID(web.Number(v.Query("before")))}
}

// Any reports whether anything is filtered.
func (q Query) Any() bool {
	q.Before = 0
	return q != Query{}
}

// Address is the address of a page of this query.
func (q Query) Address(before core.TorrentID) string {
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

// Filter turns the query into the catalogue's terms. A category that does not
// exist finds nothing, instead of everything.
func (q Query) Filter(categories []catalog.Category) catalog.Filter {
	f := catalog.Filter{Words: q.Words, Tags: catalog.ParseTags(q.Tag), Creator: q.Creator, Format: q.Format, License: q.License}
	if q.Category != "" {
		f.Category = -1
		if c, ok := CategoryNamed(categories, q.Category); ok {
			f.Category = c.ID
		}
	}
	return f
}

// CategoryNamed finds a category by its slug or its number.
func CategoryNamed(categories []catalog.Category, text string) (catalog.Category, bool) {
	i := slices.IndexFunc(categories, func(c catalog.Category) bool {
		return c.Slug == text || strconv.FormatInt(c.ID, 10) == text
	})
	if i < 0 {
		return catalog.Category{}, false
	}
	return categories[i], true
}
