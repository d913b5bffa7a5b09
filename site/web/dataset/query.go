package dataset

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
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
	Platform string
	Subject  string // organism
	Free     bool   // free for the visitor now
	Seeded   bool
	Sort     catalog.Sort
	Before   core.TorrentID // where the newest first go on
	After    catalog.Cursor // where another order goes on
}

// ReadQuery reads what is looked for from the address.
func ReadQuery(v *web.Visit) Query {
	q := func(key string, limit int) string {
		text := strings.TrimSpace(v.Query(key))
		return text[:min(len(text), limit)]
	}
	by := catalog.SortBy(v.Query("sort"))
	if !slices.Contains(catalog.SortOrders(), by) {
		by = catalog.ByTime
	}
	return Query{Words: q("q", 200), Category: q("category", 40), Tag: q("tag", 200), Creator: q("creator", 255),
		Format: q("format", 64), License: q("license", 64), Platform: q("platform", 64), Subject: q("subject", 255),
		Free: v.Query("free") == "1", Seeded: v.Query("seeded") == "1",
		Sort:   catalog.Sort{By: by, Up: v.Query("order") == "up"},
		Before: core.TorrentID(web.Number(v.Query("before"))), After: catalog.Cursor(q("after", 64))}
}

// Any reports whether anything is filtered.
func (q Query) Any() bool {
	q = q.Start()
	q.Sort = catalog.Sort{}
	return q != Query{}
}

// Start is the query at its beginning.
func (q Query) Start() Query {
	q.Before, q.After = 0, ""
	return q
}

// Newest reports whether it is in the order of the catalogue itself.
func (q Query) Newest() bool { return q.Sort.By == catalog.ByTime && !q.Sort.Up }

// At is the query where a listing goes on.
func (q Query) At(c catalog.Cursor) Query {
	q = q.Start()
	if q.Newest() {
		q.Before = core.TorrentID(web.Number(string(c)))
	} else {
		q.After = c
	}
	return q
}

// With is the query with another value of a facet, "" for none, from its beginning. The
// value of a category is its slug.
func (q Query) With(k catalog.FacetKind, value string) Query {
	q = q.Start()
	switch k {
	case catalog.FacetCategory:
		q.Category = value
	case catalog.FacetFormat:
		q.Format = value
	case catalog.FacetLicense:
		q.License = value
	case catalog.FacetPlatform:
		q.Platform = value
	case catalog.FacetSubject:
		q.Subject = value
	case catalog.FacetFree:
		q.Free = value != ""
	case catalog.FacetSeeded:
		q.Seeded = value != ""
	}
	return q
}

// Values are what makes up the address of the query, without the empty ones.
func (q Query) Values() url.Values {
	values := url.Values{}
	for key, text := range map[string]string{"q": q.Words, "category": q.Category, "tag": q.Tag, "creator": q.Creator,
		"format": q.Format, "license": q.License, "platform": q.Platform, "subject": q.Subject, "after": string(q.After)} {
		if text != "" {
			values.Set(key, text)
		}
	}
	for key, on := range map[string]bool{"free": q.Free, "seeded": q.Seeded} {
		if on {
			values.Set(key, "1")
		}
	}
	if q.Sort.By != catalog.ByTime {
		values.Set("sort", string(q.Sort.By))
	}
	if q.Sort.Up {
		values.Set("order", "up")
	}
	if q.Before > 0 {
		values.Set("before", strconv.FormatInt(int64(q.Before), 10))
	}
	return values
}

// Address is where the query is answered.
func (q Query) Address() string {
	values := q.Values()
	if len(values) == 0 {
		return "/browse"
	}
	return "/browse?" + values.Encode()
}

// Filter turns the query into the catalogue's terms. A category that does not
// exist finds nothing, instead of everything. free is what FreeFor returns.
func (q Query) Filter(categories []catalog.Category, free catalog.FreeNow) catalog.Filter {
	f := catalog.Filter{Words: q.Words, Tags: catalog.ParseTags(q.Tag), Creator: q.Creator, Format: q.Format, License: q.License,
		Platform: q.Platform, Subject: q.Subject, Free: q.Free, Seeded: q.Seeded, FreeNow: free}
	if q.Category != "" {
		f.Category = -1
		if c, ok := CategoryNamed(categories, q.Category); ok {
			f.Category = c.ID
		}
	}
	return f
}

// FreeFor is what is free for a member at the given instant, whatever the states of the
// torrents themselves.
func FreeFor(s economy.Schedule, m core.MemberID, at time.Time) catalog.FreeNow {
	all, torrents := s.FreeNow(m, at)
	return catalog.FreeNow{All: all, Torrents: torrents}
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
