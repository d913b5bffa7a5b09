package catalog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// shelved fills a catalogue with 14 groups of all kinds, some of which are alike in size,
// seeders or snatches, and returns how each stands.
func shelved(t *testing.T, h house) map[core.GroupID]map[SortBy]int64 {
	t.Helper()
	stands := map[core.GroupID]map[SortBy]int64{}
	numbers := func(a Added, i int) {
		must(t, h.d.Tx(t.Context(), func(tx *db.Tx) error {
			if i%5 == 4 { // nobody has announced it
				return nil
			}
			if _, err := tx.Insert(t.Context(), "swarm_count", db.Row{"torrent_id", a.Torrent, "seeders", i % 3, "leechers", 1, "updated_at", 1}); err != nil {
				return err
			}
			_, err := tx.Insert(t.Context(), "transfer_torrent", db.Row{"torrent_id", a.Torrent, "uploaded", 0, "downloaded", 0, "snatches", i / 4})
			return err
		}))
		if i%5 != 4 {
			stands[a.Group][BySeeders] += int64(i % 3)
			stands[a.Group][BySnatches] += int64(i / 4)
		}
	}
	for i := range 14 {
		data := strings.Repeat("x", 3*(i/3)) + string(rune('a'+i))
		u := upload(1, fmt.Sprintf("Dataset number %d of %s", i, []string{"yeast", "phage"}[i%2]), makeTorrent("data", data))
		u.Torrent.License, u.Subject = []string{"CC0", "CC BY"}[i%2], []string{"", "Mus musculus", "Homo sapiens"}[i%3]
		a, err := h.Add(t.Context(), u)
		must(t, err)
		stands[a.Group] = map[SortBy]int64{ByTime: int64(a.Torrent), BySize: int64(len(data))}
		numbers(a, i)
		if i%4 == 1 { // another version in another format
			more := upload(1, "", makeTorrent("more", strings.ToUpper(data)))
			more.Group, more.Torrent.Format, more.Torrent.License = a.Group, "FASTQ", "CC BY"
			b, err := h.Add(t.Context(), more)
			must(t, err)
			stands[a.Group][ByTime], stands[a.Group][BySize] = int64(b.Torrent), 2*int64(len(data))
			numbers(b, i+1)
		}
		if i%7 == 0 {
			must(t, h.SetLeech(t.Context(), a.Torrent, core.LeechFree, "for the test"))
		}
	}
	for after, more := core.GroupID(0), true; more; more = after > 0 {
		var err error
		after, _, err = h.NoteSwarms(t.Context(), after, 5)
		must(t, err)
	}
	return stands
}

// filters are filters of all kinds.
func filters() map[string]Filter {
	return map[string]Filter{
		"all": {}, "a category": {Category: 1}, "another": {Category: 2}, "words": {Words: "yeast"}, "a beginning": {Words: "dataset numb"}, "of many words": {Words: "s"},
		"two formats": {Format: "FASTQ"}, "a licence": {License: "CC0"}, "format and licence": {Format: "FASTQ", License: "CC0"}, "organism": {Subject: "Homo sapiens"},
		"seeded": {Seeded: true}, "free": {Free: true}, "all free": {Free: true, FreeNow: FreeNow{All: true}}, "some free": {Free: true, FreeNow: FreeNow{Torrents: []core.TorrentID{2, 3, 999}}},
		"a tag and a platform": {Tags: []string{"phage"}, Platform: "Sanger"}, "nothing": {Words: "nowhere"}, "marks": {Words: "%"}, "much": {Words: "phage", License: "CC BY", Seeded: true, Subject: "Mus musculus"},
		"another year": {Year: 1950}, "a scope and an archive": {Scope: "Genome", Archive: "None", Creator: "Sanger, F."}, "its own state": {Leech: core.LeechFree},
	}
}

// sizes of catalogues: the same one is small, as large as a small one may be, and so large
// that it is never read as a whole.
var sizes = map[string]func(*Store){
	"small":                func(s *Store) { s.few, s.steps = 5000, steps },
	"just small":           func(s *Store) { s.few, s.steps = 14, steps },
	"large":                func(s *Store) { s.few, s.steps = 3, []int{2, 3, 100} },
	"with rare conditions": func(s *Store) { s.few, s.steps = 8, []int{100} },
}

func TestOrders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		stands := shelved(t, h)
		for size, set := range sizes {
			set(h.Store)
			h.shelves.drop()
			for name, f := range filters() {
				all := ids(t, h.Store, f, Sort{}, 100)
				for _, o := range []Sort{{ByTime, true}, {BySize, false}, {BySize, true}, {BySeeders, false}, {BySeeders, true}, {BySnatches, false}, {BySnatches, true}} {
					want := slices.Clone(all)
					slices.SortFunc(want, func(a, b core.GroupID) int {
						return o.before(place{stands[a][o.By], a}, place{stands[b][o.By], b})
					})
					for _, limit := range []int{1, 3, 100} {
						if diff := gocmp.Diff(want, ids(t, h.Store, f, o, limit), cmpopts.EquateEmpty()); diff != "" {
							t.Errorf("%s, %s, %+v, %d on a page (-want +got):\n%s", size, name, o, limit, diff)
						}
					}
				}
			}
		}
	})
}

// ids lists all groups page by page.
func ids(t *testing.T, s *Store, f Filter, o Sort, limit int) (out []core.GroupID) {
	t.Helper()
	for from, pages := Cursor(""), 0; ; pages++ {
		l, err := s.List(t.Context(), Viewer{}, f, o, from, limit)
		if err != nil || len(l.Groups) > limit || pages > 100 || l.Next != "" && !l.Unfinished && len(l.Groups) < limit {
			t.Fatalf("%+v in order %+v from %q: %d groups, %+v, %v", f, o, from, len(l.Groups), l.Next, err)
		}
		for _, g := range l.Groups {
			out = append(out, g.ID)
		}
		if from = l.Next; from == "" {
			return out
		}
	}
}

func TestListFromNonsense(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		shelved(t, h)
		for size, set := range sizes {
			set(h.Store)
			h.shelves.drop()
			for _, from := range []Cursor{"x", ".", "1.", ".1", "1.2.3", "99999999999999999999.1", "'", "-1"} {
				for _, o := range []Sort{{}, {ByTime, true}, {BySize, false}, {"nonsense", false}} {
					l, err := h.List(t.Context(), Viewer{}, Filter{}, o, from, 100)
					if err != nil || len(l.Groups) != 14 && !strings.HasPrefix(string(from), "1") {
						t.Errorf("%s, %+v from %q: %d groups, %v", size, o, from, len(l.Groups), err)
					}
				}
			}
		}
	})
}

// TestFacetsCountWhatTheyLeadTo follows each value of each facet.
func TestFacetsCountWhatTheyLeadTo(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		shelved(t, h)
		for name, f := range filters() {
			o, err := h.Overview(t.Context(), f)
			must(t, err)
			if n := len(ids(t, h.Store, f, Sort{}, 100)); o.Count != (Count{N: n}) {
				t.Errorf("%s: counts %+v of %d", name, o.Count, n)
			}
			for _, facet := range o.Facets {
				for _, v := range facet.Values {
					if n := len(ids(t, h.Store, f.with(facet.Kind, v.Value), Sort{}, 100)); n != v.Count {
						t.Errorf("%s with %s %q: counts %d of %d", name, facet.Kind, v.Value, v.Count, n)
					}
					if asked := f.values()[slices.Index(facetKinds, facet.Kind)]; v.On != (asked == v.Value) {
						t.Errorf("%s: %s %q is on: %t", name, facet.Kind, v.Value, v.On)
					}
				}
			}
		}
		o, err := h.Overview(t.Context(), Filter{})
		must(t, err)
		var got []string
		for _, facet := range o.Facets {
			for _, v := range facet.Values {
				got = append(got, fmt.Sprintf("%s %s %d", facet.Kind, v.Value, v.Count))
			}
		}
		want := []string{"category 1 14", "format FASTA 14", "format FASTQ 4", "license CC BY 7", "license CC0 7", "platform Sanger 14",
			"subject Mus musculus 5", "subject Homo sapiens 4", "free 1 2", "seeded 1 9"}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("of all (-want +got):\n%s", diff)
		}
	})
}

// with is the filter with a value of a facet.
func (f Filter) with(k FacetKind, value string) Filter {
	switch k {
	case FacetCategory:
		f.Category, _ = strconv.ParseInt(value, 10, 64)
	case FacetFormat:
		f.Format = value
	case FacetLicense:
		f.License = value
	case FacetPlatform:
		f.Platform = value
	case FacetSubject:
		f.Subject = value
	case FacetFree:
		f.Free = true
	case FacetSeeded:
		f.Seeded = true
	}
	return f
}

func TestLargeCataloguesAreCountedInPart(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		shelved(t, h)
		h.few = 5
		for _, c := range []struct {
			f    Filter
			want Count
		}{
			{Filter{}, Count{N: 14}}, {Filter{Category: 1}, Count{N: 14}}, {Filter{Category: 2}, Count{}}, {Filter{Words: "nowhere"}, Count{}}, {Filter{Words: "%"}, Count{}},
			{Filter{Format: "FASTQ"}, Count{N: 4}}, {Filter{Words: "yeast"}, Count{N: 5, More: true}}, {Filter{Platform: "Sanger"}, Count{N: 5, More: true}},
			{Filter{Format: "FASTQ", Words: "yeast"}, Count{}}, {Filter{Format: "FASTQ", Words: "phage"}, Count{N: 4}},
		} {
			o, err := h.Overview(t.Context(), c.f)
			if err != nil || o.Count != c.want {
				t.Errorf("%+v: %+v, %v, want %+v", c.f, o.Count, err, c.want)
			}
			for _, facet := range o.Facets {
				for _, v := range facet.Values {
					if counted := v.Count != Uncounted; counted != (facet.Kind == FacetCategory && len(c.f.Words+c.f.Format+c.f.Platform) == 0) {
						t.Errorf("%+v: %s %q has the count %d", c.f, facet.Kind, v.Value, v.Count)
					}
				}
			}
		}
		o, err := h.Overview(t.Context(), Filter{License: "strange", Seeded: true})
		on := 0
		for _, facet := range o.Facets {
			for _, v := range facet.Values {
				if v.On {
					on++
				}
			}
		}
		if err != nil || on != 2 {
			t.Errorf("%d values are on: %+v, %v", on, o, err)
		}
	})
}

// TestChangesReachTheShelf changes the catalogue through the store itself and through
// that of another process.
func TestChangesReachTheShelf(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		other := open(t, d)
		count := func(f Filter) int {
			t.Helper()
			o, err := h.Overview(t.Context(), f)
			must(t, err)
			return o.Count.N
		}
		a := h.add(t, 1, "Dataset number one")
		if n := count(Filter{}); n != 1 {
			t.Errorf("after an upload: %d", n)
		}
		must(t, h.SetLeech(t.Context(), a.Torrent, core.LeechFree, "for the test"))
		if n := count(Filter{Free: true}); n != 1 {
			t.Errorf("after it became free: %d", n)
		}
		must(t, h.Delete(t.Context(), 1, a.Torrent, "for the test"))
		if n := count(Filter{}); n != 0 {
			t.Errorf("after it was deleted: %d", n)
		}
		other.add(t, 1, "Dataset number two")
		h.clock.Add(shelfAge - time.Second)
		before := count(Filter{})
		h.clock.Add(time.Second)
		if after := count(Filter{}); before != 0 || after != 1 {
			t.Errorf("after an upload elsewhere: %d, then %d", before, after)
		}
	})
}

// TestOrdersReadFewRows walks in orders in which most groups are alike.
func TestOrdersReadFewRows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		h.few = 20
		generate(t, d, planGroups, 5)
		for _, by := range SortOrders() {
			for _, up := range []bool{false, true} {
				from := place{0, planGroups / 2}
				switch by {
				case ByTime:
					from = place{planGroups, 0}
				case BySize:
					from = place{1000, planGroups / 2}
				}
				err := h.onOneConnection(t.Context(), func(s *Store, tx *db.Tx) error {
					o := Sort{By: by, Up: up}
					before := rowsRead(t, tx)
					q, _ := Filter{}.query()
					list, end, err := s.walkBy(t.Context(), q, o, from, 5)
					if err != nil || len(list) != 5 || end != from || !slices.IsSortedFunc(list, o.before) || o.before(from, list[0]) >= 0 {
						t.Errorf("%+v: %+v, %+v, %v", o, list, end, err)
					}
					if read := rowsRead(t, tx) - before; read > 150 {
						t.Errorf("%+v: %d rows were read", o, read)
					}
					return nil
				})
				must(t, err)
			}
		}
	})
}
