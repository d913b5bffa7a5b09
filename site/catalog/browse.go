package catalog

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// browsePage is a list of datasets with the filters that made it.
type browsePage struct {
	Query      dataset.Query
	Categories []catalog.Category
	Counts     map[int64]catalog.Counts // by category
	Count      catalog.Count            // of what the query finds
	Facets     []facetLinks
	Chosen     []facetLink // the values that the query asks for; their addresses leave them out
	Sorts      []sortLink
	Hidden     []hiddenField // what the form keeps beside its own fields
	Groups     []groupRow
	Next       string // address of the page after this one, "" when there is none
	First      string // address of the first page, "" when this is it
	Unfinished bool   // only so many were looked at
	Noted      bool   // the order is by numbers of some minutes ago
}

var browseView = web.NewView[browsePage]("browse")

// facetLinks are the values of a facet, each as a link that adds it to the query or takes
// it away.
type facetLinks struct {
	Kind   catalog.FacetKind
	Title  string
	Values []facetLink
}

// facetLink is one value. Address leads to the query with it, or without it where it is
// on.
type facetLink struct {
	Name    string
	Count   int // 0 where it was not counted
	Counted bool
	On      bool
	Address string
}

// sortLink is an order. Address leads to it, and where it is on, to its reverse.
type sortLink struct {
	Name    string
	On, Up  bool
	Address string
}

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
	if err := h.list(v, &p, filter, schedule); err != nil {
		return err
	}
	overview, err := h.Catalog.Overview(v.Context(), filter)
	if err != nil {
		return err
	}
	p.Count = overview.Count
	p.link(overview.Facets)
	return browseView.OK(v, p)
}

// list reads the groups of the page.
func (h handlers) list(v *web.Visit, p *browsePage, f catalog.Filter, schedule economy.Schedule) error {
	from := p.Query.After
	if p.Query.Newest() {
		from = catalog.Cursor(strconv.FormatInt(int64(p.Query.Before), 10))
	}
	found, err := h.Catalog.List(v.Context(), v.Viewer(), f, p.Query.Sort, from, perPage)
	if err != nil {
		return err
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
	return nil
}

// facetTitles are what the facets are called.
var facetTitles = map[catalog.FacetKind]string{
	catalog.FacetCategory: "Category", catalog.FacetFormat: "Format", catalog.FacetLicense: "Licence", catalog.FacetPlatform: "Platform",
	catalog.FacetSubject: "Organism", catalog.FacetFree: "Freeleech", catalog.FacetSeeded: "Seeders",
}

// sortNames are what the orders are called, upward and downward.
var sortNames = map[catalog.SortBy][2]string{
	catalog.ByTime: {"Oldest", "Newest"}, catalog.BySize: {"Smallest", "Largest"}, catalog.BySeeders: {"Fewest seeders", "Most seeders"},
	catalog.BySnatches: {"Fewest downloads", "Most downloads"},
}

// link makes links of the facets and orders.
func (p *browsePage) link(facets []catalog.Facet) {
	for _, f := range facets {
		links := facetLinks{Kind: f.Kind, Title: facetTitles[f.Kind]}
		for _, value := range f.Values {
			name, key := p.valueName(f.Kind, value.Value)
			l := facetLink{Name: name, Count: max(value.Count, 0), Counted: value.Count != catalog.Uncounted, On: value.On}
			if value.On {
				key = ""
			}
			l.Address = p.Query.With(f.Kind, key).Address()
			if links.Values = append(links.Values, l); value.On {
				p.Chosen = append(p.Chosen, l)
			}
		}
		p.Facets = append(p.Facets, links)
	}
	for _, by := range catalog.SortOrders() {
		q := p.Query.Start()
		on := q.Sort.By == by
		l := sortLink{On: on, Up: on && q.Sort.Up, Name: sortNames[by][1]}
		if l.Up {
			l.Name = sortNames[by][0]
		}
		q.Sort = catalog.Sort{By: by, Up: on && !q.Sort.Up}
		l.Address = q.Address()
		p.Sorts = append(p.Sorts, l)
	}
	values := p.Query.Start().Values()
	for _, name := range []string{"creator", "format", "license", "platform", "subject", "free", "seeded", "sort", "order"} {
		if value := values.Get(name); value != "" {
			p.Hidden = append(p.Hidden, hiddenField{name, value})
		}
	}
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
