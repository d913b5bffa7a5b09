package catalog_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

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
	if n := group.Find(".tree .leaf").Length(); n != catalog.FilesShown || group.Find("a[href='/torrents/1/files']").Length() != 1 {
		t.Errorf("the group shows %d files", n)
	}
	names := map[string]bool{}
	path := "/torrents/1/files"
	for range 3 {
		doc := b.Get(path).Page(t)
		doc.Find(".leaf .path").Each(func(_ int, s *goquery.Selection) { names[s.Text()] = true })
		if path = doc.Find("a[rel=next]").AttrOr("href", ""); path == "" {
			break
		}
	}
	if len(names) != len(files) {
		t.Errorf("%d files on all pages, want %d", len(names), len(files))
	}
	if a := b.Get("/torrents/1/files?after=99999"); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "no more files") {
		t.Errorf("behind the end: status %d", a.StatusCode)
	}
}
