package catalog

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// browsePage is a list of datasets with the filters that made it.
type browsePage struct {
	Query      dataset.Query
	Categories []catalog.Category
	Counts     map[int64]catalog.Counts // by category
	Count      catalog.Count            // of what the query finds
	Facets     []part.FacetGroup
	Chips      []part.Chip // what the query asks for; their addresses leave it out
	Columns    []part.Column
	Hidden     []hiddenField // what the form keeps beside its own fields
	Groups     []groupRow
	Next       string // address of the page after this one, "" when there is none
	First      string // address of the first page, "" when this is it
	Unfinished bool   // only so many were looked at
	Noted      bool   // the order is by numbers of some minutes ago
}

var browseView = web.NewView[browsePage]("browse")

// hiddenField is a field of a form that nobody sees.
type hiddenField struct{ Name, Value string }

// groupRow is a dataset in a list, with its newest version.
type groupRow struct {
	catalog.Listed
	Newest web.TorrentRow
}

const perPage = 25

func (h handlers) browse(v *web.Visit) error {
	p := browsePage{Query: dataset.ReadQuery(v)}
	var err error
	if p.Categories, err = h.Catalog.Categories(v.Context()); err != nil {
		return err
	}
	if _, p.Counts, err = h.Catalog.Counts(v.Context()); err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	filter := p.Query.Filter(p.Categories, dataset.FreeFor(schedule, v.Me.ID, h.Clock()))
	overview, err := h.list(v, &p, filter, schedule)
	if err != nil {
		return err
	}
	p.Count = overview.Count
	p.link(overview.Facets)
	return browseView.OK(v, p)
}

// list reads the groups of the page, and what the filter finds in numbers.
func (h handlers) list(v *web.Visit, p *browsePage, f catalog.Filter, schedule economy.Schedule) (catalog.Overview, error) {
	from := p.Query.After
	if p.Query.Newest() {
		from = catalog.Cursor(strconv.FormatInt(int64(p.Query.Before), 10))
	}
	found, overview, err := h.Catalog.ListAndCount(v.Context(), v.Viewer(), f, p.Query.Sort, from, perPage)
	if err != nil {
		return overview, err
	}
	for _, g := range found.Groups {
		p.Groups = append(p.Groups, groupRow{Listed: g, Newest: web.Row(v, schedule, g.Torrents[0], h.Clock())})
	}
	p.Unfinished, p.Noted = found.Unfinished, found.Noted
	if found.Next != "" {
		p.Next = p.Query.At(found.Next).Address()
	}
	if start := p.Query.Start(); start != p.Query {
		p.First = start.Address()
	}
	return overview, nil
}

// facetTitles are what the facets are called.
var facetTitles = map[catalog.FacetKind]string{
	catalog.FacetCategory: "Category", catalog.FacetFormat: "Format", catalog.FacetLicense: "Licence", catalog.FacetPlatform: "Platform",
	catalog.FacetSubject: "Organism", catalog.FacetFree: "Freeleech", catalog.FacetSeeded: "Seeders",
}

// facetsShown is how many values of a facet are not folded.
const facetsShown = 6

// link makes links of the facets, of what is chosen, and of the orders.
func (p *browsePage) link(facets []catalog.Facet) {
	for _, f := range facets {
		group := part.FacetGroup{Title: facetTitles[f.Kind], Shown: facetsShown}
		for _, value := range f.Values {
			name, key := p.valueName(f.Kind, value.Value)
			one := part.Facet{Text: name, On: value.On}
			if value.Count != catalog.Uncounted {
				one.Count = web.Grouped(int64(max(value.Count, 0)))
			}
			if value.On {
				key = ""
			}
			one.Address = p.Query.With(f.Kind, key).Address()
			if group.Facets = append(group.Facets, one); value.On {
				p.Chips = append(p.Chips, part.Chip{Text: name, Address: one.Address})
			}
		}
		p.Facets = append(p.Facets, group)
	}
	without := func(text string, change func(*dataset.Query)) {
		q := p.Query.Start()
		change(&q)
		p.Chips = append(p.Chips, part.Chip{Text: text, Address: q.Address()})
	}
	if p.Query.Words != "" {
		without("“"+p.Query.Words+"”", func(q *dataset.Query) { q.Words = "" })
	}
	if p.Query.Tag != "" {
		without("Tags: "+p.Query.Tag, func(q *dataset.Query) { q.Tag = "" })
	}
	if p.Query.Creator != "" {
		without("By "+p.Query.Creator, func(q *dataset.Query) { q.Creator = "" })
	}
	p.Columns = []part.Column{{Label: "Dataset"}, {Label: "Category", Class: "c-kind"}, p.sorted(catalog.BySize, part.Column{Label: "Size", Num: true, Class: "c-size"}),
		p.sorted(catalog.BySeeders, part.Column{Label: "Seeders", Short: "Seed", Num: true, Class: "c-few"}), {Label: "Leechers", Short: "Leech", Num: true, Class: "c-few"},
		p.sorted(catalog.BySnatches, part.Column{Label: "Times downloaded", Short: "Done", Num: true, Class: "c-few"}),
		p.sorted(catalog.ByTime, part.Column{Label: "Added", Class: "c-when"}), {Label: "File", Unseen: true, Class: "c-get"}}
	values := p.Query.Start().Values()
	for _, name := range []string{"q", "category", "creator", "format", "license", "platform", "subject", "free", "seeded", "sort", "order"} {
		if value := values.Get(name); value != "" {
			p.Hidden = append(p.Hidden, hiddenField{name, value})
		}
	}
}

// sorted is a column by which the list can be sorted: the most first, and if it is so, the
// least.
func (p *browsePage) sorted(by catalog.SortBy, c part.Column) part.Column {
	q := p.Query.Start()
	on := q.Sort.By == by
	switch {
	case on && q.Sort.Up:
		c.Sorted = "ascending"
	case on:
		c.Sorted = "descending"
	}
	q.Sort = catalog.Sort{By: by, Up: on && !q.Sort.Up}
	c.Address = q.Address()
	return c
}

// valueName is what a value is called on the page and in the address.
func (p *browsePage) valueName(k catalog.FacetKind, value string) (name, key string) {
	switch k {
	case catalog.FacetCategory:
		if c, ok := dataset.CategoryNamed(p.Categories, value); ok {
			return c.Name, c.Slug
		}
		return p.Query.Category, p.Query.Category
	case catalog.FacetFree:
		return "Free now", value
	case catalog.FacetSeeded:
		return "With seeders", value
	}
	return value, value
}
