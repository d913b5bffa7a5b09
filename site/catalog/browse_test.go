package catalog_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/catalog"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestBrowse(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range catalog.PerPage + 2 {
			w.Upload("other", fmt.Sprintf("Dataset number %d about yeast", i), nil)
		}
		b := w.As("user")
		first := b.Get("/browse").Page(t)
		if n := first.Find(".dataset").Length(); n != catalog.PerPage {
			t.Errorf("%d datasets on the first page", n)
		}
		next, ok := first.Find("a[rel=next]").Attr("href")
		if !ok {
			t.Fatal("no link to the next page")
		}
		second := b.Get(next).Page(t)
		if n := second.Find(".dataset").Length(); n != 2 || second.Find("a[rel=next]").Length() != 0 {
			t.Errorf("%d datasets on the second page", n)
		}
		for query, want := range map[string]int{
			"q=number+7": 1, "q=NC_001416.1&tag=phage": catalog.PerPage, "category=graphs": 0, "category=sequences": catalog.PerPage, "category=nonsense": 0,
			"format=FASTA&license=CC0": catalog.PerPage, "license=MIT": 0, "tag=nothing": 0, "q=%3B+DROP+TABLE+torrent": 0, "before=x": catalog.PerPage,
			"creator=Frederick+Sanger": catalog.PerPage, "creator=Nobody": 0,
		} {
			a := b.Get("/browse?" + query)
			doc := a.Page(t)
			if n := doc.Find(".dataset").Length(); a.StatusCode != http.StatusOK || n != want {
				t.Errorf("%s: status %d, %d datasets, want %d", query, a.StatusCode, n, want)
			}
			if want == 0 && (doc.Find(".empty a[href='/browse']").Length() == 0 || doc.Find(".empty a[href='/upload']").Length() == 0) {
				t.Errorf("%s: the empty page does not say what to do next", query)
			}
		}
	})
}

// TestFacetsAndOrders follows the links of the page: each leads to what it says, and the
// rest of the query stays.
func TestFacetsAndOrders(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range 6 {
			w.Upload("other", fmt.Sprintf("Dataset number %d about yeast", i), func(form url.Values) {
				form.Set("license", []string{"CC0", "CC BY"}[i%2])
				form.Set("subject", []string{"Mus musculus", "Homo sapiens", "Danio rerio"}[i%3])
			})
		}
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for id := range 4 {
				if _, err := tx.Insert(t.Context(), "swarm_count", db.Row{"torrent_id", id + 1, "seeders", 3 - id, "leechers", 0, "updated_at", 1}); err != nil {
					return err
				}
			}
			return nil
		}))
		b := w.As("user")
		const start = "/browse?license=CC0&q=yeast"
		doc := b.Get(start).Page(t)
		if got := sitetest.Words(doc.Find("h1")); got != "“yeast” 3 datasets" {
			t.Errorf("found: %q", got)
		}
		if got := sitetest.Words(doc.Find(".chips")); got != "Take away the filter CC0 Take away the filter “yeast”" {
			t.Errorf("chips: %q", got)
		}
		facets := doc.Find(".facets li a")
		if facets.Length() < 7 {
			t.Fatalf("%d links: %q", facets.Length(), sitetest.Words(doc.Find(".facets")))
		}
		facets.Each(func(_ int, a *goquery.Selection) {
			address := a.AttrOr("href", "")
			count := sitetest.Words(a.Find(".count"))
			if a.AttrOr("aria-current", "") == "true" { // it leads to where this is left out
				count = "6"
			}
			got := b.Get(address).Page(t)
			if n := got.Find("tr.dataset").Length(); fmt.Sprint(n) != count || !strings.Contains(address, "q=yeast") {
				t.Errorf("%q leads to %s with %d datasets, want %s", sitetest.Words(a), address, n, count)
			}
		})
		var titles []string
		doc.Find("thead a").Each(func(_ int, a *goquery.Selection) {
			address := a.AttrOr("href", "")
			first := sitetest.Words(b.Get(address).Page(t).Find("tr.dataset .title").First())
			titles = append(titles, sitetest.Words(a)+" "+a.Parent().AttrOr("aria-sort", "-")+": "+first[:16])
			if !strings.Contains(address, "license=CC0") {
				t.Errorf("%s forgets the licence", address)
			}
		})
		want := []string{"Size -: Dataset number 4", "Seed -: Dataset number 0", "Done -: Dataset number 4", "Added descending: Dataset number 0"}
		if !slices.Equal(titles, want) {
			t.Errorf("orders: %q, want %q", titles, want)
		}
		page := b.Get("/browse?sort=seeders&order=up&seeded=1&free=1&platform=Sanger&subject=x").Page(t)
		for _, form := range []string{"form.find", "form.narrowing"} {
			for _, name := range []string{"sort", "order", "seeded", "free", "platform", "subject"} {
				if page.Find(form+" input[type=hidden][name="+name+"]").Length() != 1 {
					t.Errorf("%s forgets %s", form, name)
				}
			}
		}
	})
}

func TestFilesPage(t *testing.T) {
	w := sitetest.OnSQLite(t)
	files := map[string]string{}
	for i := range catalog.FilesPerPage + 30 {
		files[fmt.Sprintf("run%d/read%04d.fastq", i%3, i)] = fmt.Sprint(i)
	}
	form := sitetest.Dataset("A dataset of many files")
	if a := w.As("user").Send("/upload", form, w.Torrent("many", metainfo.V1, files)); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d", a.StatusCode)
	}
	b := w.As("other")
	group := b.Get("/groups/1").Page(t)
	if got := sitetest.Words(group.Find(".tree")); !strings.HasPrefix(got, "run0/ 177 files") || group.Find("details[open] .tree").Length() != 0 || group.Find("a[href='/torrents/1/files']").Length() != 1 {
		t.Errorf("the group shows %q", got)
	}
	listed := func(path string) map[string]bool {
		names := map[string]bool{}
		for range 3 {
			doc := b.Get(path).Page(t)
			doc.Find("span.leaf .path").Each(func(_ int, s *goquery.Selection) { names[s.Text()] = true })
			if path = doc.Find("a[rel=next]").AttrOr("href", ""); path == "" {
				break
			}
		}
		return names
	}
	top := b.Get("/torrents/1/files").Page(t).Find(".tree a")
	sum := 0
	top.Each(func(_ int, s *goquery.Selection) { sum += len(listed(s.AttrOr("href", ""))) })
	if top.Length() != 3 || sum != len(files) {
		t.Errorf("%d folders with %d files, want %d", top.Length(), sum, len(files))
	}
	inside := b.Get(top.Last().AttrOr("href", "")).Page(t)
	if got := sitetest.Words(inside.Find(".folders")); got != "many / run2" || inside.Find(".folders a[href='/torrents/1/files']").Length() != 1 {
		t.Errorf("the way to the folder is %q", got)
	}
	for part, want := range map[string]int{"READ00": 100, "run1/": 177, "fastq": len(files), "nothing": 0, "<b>": 0} {
		if got := listed("/torrents/1/files?" + url.Values{"q": {part}}.Encode()); len(got) != want {
			t.Errorf("%d files with %q in their path, want %d", len(got), part, want)
		}
	}
	for path, want := range map[string]string{"?after=99999": "no more files", "?q=nothing": "No file has “nothing”"} {
		if a := b.Get("/torrents/1/files" + path); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, want) {
			t.Errorf("%s: status %d, %s", path, a.StatusCode, a.Text)
		}
	}
	if a := b.Get("/torrents/1/files?folder=99"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a folder that is not there: status %d", a.StatusCode)
	}
	w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM torrent_folder")
		return err
	}))
	if got := listed("/torrents/1/files"); len(got) != len(files) || !strings.Contains(b.Get("/torrents/1/files").Text, "folders of this torrent are being made") {
		t.Errorf("before the folders are made: %d files", len(got))
	}
	if group := b.Get("/groups/1").Page(t); group.Find("a[href='/torrents/1/files']").Length() != 1 {
		t.Error("before the folders are made the group leads nowhere")
	}
}
