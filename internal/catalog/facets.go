package catalog

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// FacetKind is a part of a filter that is shown as a list of values with counts.
type FacetKind string

// The kinds, in the order in which they are shown.
const (
	FacetCategory FacetKind = "category" // a value is the id of a category
	FacetFormat   FacetKind = "format"
	FacetLicense  FacetKind = "license"
	FacetPlatform FacetKind = "platform"
	FacetSubject  FacetKind = "subject"
	FacetFree     FacetKind = "free"   // its one value is "1"
	FacetSeeded   FacetKind = "seeded" // likewise
)

var facetKinds = []FacetKind{FacetCategory, FacetFormat, FacetLicense, FacetPlatform, FacetSubject, FacetFree, FacetSeeded}

// yes is the value of a facet that holds or does not.
const yes = "1"

// Facet are the values of a part of a filter.
type Facet struct {
	Kind   FacetKind
	Values []FacetValue
}

// FacetValue is one value, and how many groups would be found with it, all other parts of
// the filter kept.
type FacetValue struct {
	Value string
	On    bool // the filter asks for it
	Count int  // Uncounted where counting would cost too much
}

// Uncounted is the count of a value that was not counted.
const Uncounted = -1

// Count is how many groups pass a filter.
type Count struct {
	N    int
	More bool // at least N: counting them all would cost too much
}

// Overview is what a filter finds, in numbers.
type Overview struct {
	Count  Count
	Facets []Facet // without those that have no values
}

// facetValues bounds the values of one facet: those that the filter asks for, and the most
// frequent.
const facetValues = 20

// Overview counts what a filter finds. In a catalogue of at most 5000 groups all is
// counted; in a larger one the values of categories alone have counts, where the filter
// asks for nothing else.
func (s *Store) Overview(ctx context.Context, f Filter) (Overview, error) {
	k, err := s.look(ctx, f)
	if err != nil {
		return Overview{}, err
	}
	return s.overview(ctx, f, k)
}

// overview is Overview for who has looked.
func (s *Store) overview(ctx context.Context, f Filter, k *look) (Overview, error) {
	if k == nil {
		return s.roughOverview(ctx, f)
	}
	if err := s.weigh(ctx, k, f, true); err != nil {
		return Overview{}, err
	}
	return Overview{Count: Count{N: len(k.passed)}, Facets: k.tally.facets()}, nil
}

// facetValuesOf has a value for each kind of facet, in the order of facetKinds, "" for none.
type facetValuesOf [7]string

// tally counts the values of facets.
type tally struct {
	filter  Filter
	asked   facetValuesOf // by the filter
	free    map[core.TorrentID]bool
	seeders swarmNumbers
	counts  [len(facetValuesOf{})]map[string]int
	seen    []facetOf // of the group that is added
}

// facetOf is a value of the facet with an index.
type facetOf struct {
	kind  int
	value string
}

func tallyOf(f Filter, seeders swarmNumbers) *tally {
	t := &tally{filter: f, asked: f.values(), free: f.freeSet(), seeders: seeders}
	for i := range t.counts {
		t.counts[i] = map[string]int{}
	}
	return t
}

// values are the values of a torrent of a group.
func (t *tally) values(g *onShelf, c *copyOnShelf) facetValuesOf {
	v := facetValuesOf{g.category, c.format, c.license, c.platform, g.subject}
	if t.isFree(c) {
		v[5] = yes
	}
	if t.seeders[c.id] > 0 {
		v[6] = yes
	}
	return v
}

func (t *tally) isFree(c *copyOnShelf) bool {
	return c.leech == core.LeechFree || t.free[c.id] || t.filter.FreeNow.All
}

// add counts a group once for each value that it would be found with, and returns the
// newest of its torrents that pass the filter as it is, 0 where none does. A torrent that
// fails one part of the filter alone counts for the values of that part.
func (t *tally) add(g *onShelf) (newest core.TorrentID) {
	t.seen = t.seen[:0]
	if t.filter.Year != 0 && g.year != t.filter.Year {
		return 0
	}
	for i := range g.torrents {
		c := &g.torrents[i]
		if !t.filter.fitsRest(c) {
			continue
		}
		values := t.values(g, c)
		failed, failures := 0, 0
		for k, asked := range t.asked {
			if asked != "" && asked != values[k] {
				failed, failures = k, failures+1
			}
		}
		switch failures {
		case 0:
			newest = max(newest, c.id)
			for k, value := range values {
				t.note(k, value)
			}
		case 1:
			t.note(failed, values[failed])
		}
	}
	return newest
}

// note counts a value of the group, unless it was counted for another torrent of it.
func (t *tally) note(k int, value string) {
	if value == "" || slices.Contains(t.seen, facetOf{k, value}) {
		return
	}
	t.seen = append(t.seen, facetOf{k, value})
	t.counts[k][value]++
}

// facets are the counts in order: the most frequent values, and those that are asked for.
func (t *tally) facets() (out []Facet) {
	for k, kind := range facetKinds {
		f := Facet{Kind: kind}
		if on := t.asked[k]; on != "" && t.counts[k][on] == 0 {
			f.Values = append(f.Values, FacetValue{Value: on, On: true})
		}
		for value, n := range t.counts[k] {
			f.Values = append(f.Values, FacetValue{Value: value, On: value == t.asked[k], Count: n})
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int {
			return cmp.Or(cmp.Compare(flag(b.On), flag(a.On)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		if f.Values = limited(f.Values, facetValues); len(f.Values) > 0 {
			out = append(out, f)
		}
	}
	return out
}

// values are what the filter asks for, by facet.
func (f Filter) values() facetValuesOf {
	v := facetValuesOf{"", f.Format, f.License, f.Platform, f.Subject}
	if f.Category != 0 {
		v[0] = strconv.FormatInt(f.Category, 10)
	}
	if f.Free {
		v[5] = yes
	}
	if f.Seeded {
		v[6] = yes
	}
	return v
}

// fitsRest reports whether a torrent meets what the filter asks for beside its facets.
func (f Filter) fitsRest(c *copyOnShelf) bool {
	return (f.Archive == "" || f.Archive == c.archive) && (f.Scope == "" || f.Scope == c.scope) && (f.Leech == "" || f.Leech == c.leech)
}

func (f Filter) freeSet() map[core.TorrentID]bool {
	set := make(map[core.TorrentID]bool, len(f.FreeNow.Torrents))
	for _, id := range f.FreeNow.Torrents {
		set[id] = true
	}
	return set
}

// roughOverview is Overview of a large catalogue.
func (s *Store) roughOverview(ctx context.Context, f Filter) (o Overview, err error) {
	if o.Count, err = s.roughCount(ctx, f); err != nil {
		return o, fmt.Errorf("count what a filter finds: %w", err)
	}
	_, by, err := s.Counts(ctx)
	if err != nil {
		return o, err
	}
	q, possible := f.query()
	categories := Facet{Kind: FacetCategory}
	for id, c := range by {
		v := FacetValue{Value: strconv.FormatInt(id, 10), On: id == f.Category, Count: Uncounted}
		if possible && q.inOrder() {
			v.Count = c.Groups
		}
		if c.Groups > 0 || v.On {
			categories.Values = append(categories.Values, v)
		}
	}
	slices.SortFunc(categories.Values, func(a, b FacetValue) int {
		return cmp.Or(cmp.Compare(flag(b.On), flag(a.On)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	o.Facets = append(o.Facets, categories)
	asked := f.values()
	for k, kind := range facetKinds[1:] {
		facet := Facet{Kind: kind}
		if on := asked[k+1]; on != "" {
			facet.Values = append(facet.Values, FacetValue{Value: on, On: true, Count: Uncounted})
		} else if kind == FacetFree || kind == FacetSeeded {
			facet.Values = append(facet.Values, FacetValue{Value: yes, Count: Uncounted})
		}
		if termed := (map[FacetKind]Kind{FacetFormat: KindFormat, FacetLicense: KindLicense, FacetPlatform: KindPlatform})[kind]; termed != "" {
			if err := s.addTerms(ctx, &facet, termed); err != nil {
				return o, err
			}
		}
		if len(facet.Values) > 0 {
			o.Facets = append(o.Facets, facet)
		}
	}
	return o, nil
}

// addTerms adds the first terms of a vocabulary to a facet, which were not counted.
func (s *Store) addTerms(ctx context.Context, f *Facet, k Kind) error {
	families, err := s.AllTerms(ctx, k)
	if err != nil {
		return err
	}
	for _, family := range families {
		for _, term := range family.Terms {
			if len(f.Values) < facetValues && !slices.ContainsFunc(f.Values, func(v FacetValue) bool { return v.Value == term.Name }) {
				f.Values = append(f.Values, FacetValue{Value: term.Name, Count: Uncounted})
			}
		}
	}
	return nil
}

// roughCount counts what the indexes and the sums tell, and otherwise among some groups.
func (s *Store) roughCount(ctx context.Context, f Filter) (Count, error) {
	q, possible := f.query()
	switch {
	case !possible:
		return Count{}, nil
	case q.inOrder():
		all, by, err := s.Counts(ctx)
		if q.category != 0 {
			all = by[q.category]
		}
		return Count{N: all.Groups}, err
	}
	some := condition{source: "SELECT group_id FROM group_live"}
	n := s.few + 1
	if sources := q.sources(); len(sources) > 0 {
		var err error
		if some, n, err = s.rarest(ctx, sources); err != nil || n == 0 {
			return Count{}, err
		}
	}
	hits, err := s.findAmong(ctx, q, some, cursor(0), s.few)
	return Count{N: len(hits), More: n > s.few}, err
}
