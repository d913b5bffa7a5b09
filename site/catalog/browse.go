package catalog

import (
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
	Formats    []catalog.Family
	Licenses   []catalog.Family
	Groups     []groupRow
	Next       string // address of the page after this one, "" when there is none
	First      string // address of the first page, "" when this is it
	Unfinished bool   // older ones were not looked at
	Swarm      string // what the live numbers are asked for
}

var browseView = web.NewView[browsePage]("browse")

// groupRow is a group in a list.
type groupRow struct {
	catalog.Group
	Rows []web.TorrentRow
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
	if p.Formats, err = h.Catalog.AllTerms(v.Context(), catalog.KindFormat); err != nil {
		return err
	}
	if p.Licenses, err = h.Catalog.AllTerms(v.Context(), catalog.KindLicense); err != nil {
		return err
	}
	found, err := h.Catalog.Browse(v.Context(), v.Viewer(), p.Query.Filter(p.Categories), p.Query.Before, perPage)
	if err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p.Groups = h.groupRows(v, schedule, found.Groups)
	p.Swarm = web.SwarmAddress(found.Groups...)
	p.Unfinished = found.Unfinished
	if found.Next > 0 {
		p.Next = p.Query.Address(found.Next)
	}
	if p.Query.Before > 0 {
		p.First = p.Query.Address(0)
	}
	return browseView.OK(v, p)
}

func (h handlers) groupRows(v *web.Visit, schedule economy.Schedule, groups []catalog.Group) []groupRow {
	out := make([]groupRow, len(groups))
	for i, g := range groups {
		out[i] = groupRow{Group: g, Rows: web.Rows(v, schedule, g.Torrents, h.Clock())}
	}
	return out
}
