package catalog

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestBrowsePages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		var groups []core.GroupID
		for i := range 7 {
			groups = append(groups, h.add(t, 1, fmt.Sprintf("Dataset number %d", i)).Group)
		}
		u := upload(1, "", makeTorrent("newer", "newer")) // lifts group 2 to the top
		u.Group = groups[2]
		if _, err := h.Add(ctx, u); err != nil {
			t.Fatal(err)
		}
		want := []core.GroupID{groups[2], groups[6], groups[5], groups[4], groups[3], groups[1], groups[0]}
		for _, size := range []int{1, 2, 3, 7, 100} {
			var got []core.GroupID
			pages := 0
			for next := core.TorrentID(0); ; pages++ {
				p, err := h.Browse(ctx, Viewer{}, Filter{}, next, size)
				if err != nil {
					t.Fatal(err)
				}
				if len(p.Groups) > size {
					t.Fatalf("%d groups on a page of %d", len(p.Groups), size)
				}
				for _, g := range p.Groups {
					got = append(got, g.ID)
				}
				if next = p.Next; next == 0 {
					break
				}
				if pages == 0 { // what is added between two pages disturbs nothing
					h.add(t, 1, fmt.Sprintf("Added while paging by %d", size))
				}
			}
			got = slices.DeleteFunc(got, func(id core.GroupID) bool { return !slices.Contains(want, id) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", size, diff)
			}
		}
	})
}

func TestFilters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		add := func(title string, edit func(*Upload)) Added {
			u := upload(1, title, makeTorrent("f", title))
			u.Identifier = ""
			edit(&u)
			a, err := h.Add(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		add("Lambda phage genome", func(u *Upload) { u.Identifier = "NC_001416.1" })
		mouse := add("Mouse liver transcripts", func(u *Upload) {
			u.Torrent.Format, u.Torrent.License, u.Year = "FASTQ", "CC BY", 2020
			u.Tags, u.Creators = []string{"mouse", "liver", "rna", "mrna", "reads"}, []string{"Müller, Ö."}
		})
		add("Übersicht der Pfade", func(u *Upload) {
			u.Category, u.Torrent.Platform, u.Torrent.Format, u.Subject = 2, "Cytoscape", "SBML", "Mus musculus"
			u.Creators = []string{"Muller, O."}
		})
		if err := h.SetLeech(ctx, mouse.Torrent, core.LeechFree, "staff pick"); err != nil {
			t.Fatal(err)
		}
		all := []string{"Übersicht der Pfade", "Mouse liver transcripts", "Lambda phage genome"}
		for _, c := range []struct {
			f    Filter
			want []string
		}{
			{Filter{}, all},
			{Filter{Words: "mouse"}, all[1:2]}, {Filter{Words: "MOUSE Liver"}, all[1:2]}, {Filter{Words: "liver mou"}, all[1:2]},
			{Filter{Words: "mou liver"}, nil}, // only the last word may be unfinished
			{Filter{Words: "mouse nc"}, nil}, {Filter{Words: "übers"}, all[:1]}, {Filter{Words: "bacteriophage"}, all},
			{Filter{Words: "NC_001416"}, all[2:]}, {Filter{Words: "%"}, nil}, {Filter{Words: "' OR 1=1 --"}, nil},
			{Filter{Category: 2}, all[:1]}, {Filter{Tags: []string{"Mouse", "RNA"}}, all[1:2]}, {Filter{Tags: []string{"mouse", "phage"}}, nil},
			{Filter{Creator: "Müller, Ö."}, all[1:2]}, {Filter{Creator: "Muller, O."}, all[:1]}, {Filter{Format: "FASTQ"}, all[1:2]},
			{Filter{License: "CC0"}, []string{all[0], all[2]}}, {Filter{Platform: "Cytoscape"}, all[:1]}, {Filter{Year: 2020}, all[1:2]},
			{Filter{Leech: core.LeechFree}, all[1:2]}, {Filter{Archive: "ZIP"}, nil}, {Filter{Scope: "Genome", Words: "gen"}, all},
		} {
			p, err := h.Browse(ctx, Viewer{}, c.f, 0, 10)
			if err != nil {
				t.Fatalf("%+v: %v", c.f, err)
			}
			if diff := cmp.Diff(c.want, titles(p.Groups), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", c.f, diff)
			}
		}
		for terms, want := range map[string][]string{
			"NC_001416.1": all[2:], "nc_001416.1": all[2:], mouse.InfoHash.String(): all[1:2], "mus musc": all[:1], "nothing of the kind": nil,
		} {
			got, err := h.Search(ctx, Viewer{}, terms, 5)
			if diff := cmp.Diff(want, titles(got.Groups), cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Errorf("search %q (-want +got):\n%s%v", terms, diff, err)
			}
		}
		_, err := h.Search(ctx, Viewer{}, " \n", 5)
		wantCode(t, err, core.Invalid)
		if got, err := h.Search(ctx, Viewer{}, "phage", 1); err != nil || len(got.Groups) != 1 {
			t.Errorf("limit 1: %d, %v", len(got.Groups), err)
		}
	})
}

func TestSwarmNumbers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a := h.add(t, 1, "Lambda phage reference genome")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Insert(t.Context(), "swarm_count", db.Row{"torrent_id", a.Torrent, "seeders", 3, "leechers", 2, "updated_at", 1}); err != nil {
				return err
			}
			_, err := tx.Insert(t.Context(), "transfer_torrent", db.Row{"torrent_id", a.Torrent, "uploaded", 9, "downloaded", 9, "snatches", 4})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		got, err := h.Torrent(t.Context(), Viewer{}, a.Torrent)
		if err != nil || got.Seeders != 3 || got.Leechers != 2 || got.Snatches != 4 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestUploadsPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		var want []core.TorrentID
		for i := range 5 {
			a := h.add(t, core.MemberID(1+i%2), fmt.Sprintf("Dataset number %d", i))
			if i%2 == 0 {
				want = slices.Insert(want, 0, a.Torrent)
			}
		}
		var got []core.TorrentID
		for before := core.TorrentID(0); ; {
			list, err := h.Uploads(t.Context(), Viewer{}, 1, before, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, tt := range list {
				got, before = append(got, tt.ID), tt.ID
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
