package catalog_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/text"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

func TestCostlyTextsAreRefused(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	raw := w.Torrent("costly", metainfo.V1, map[string]string{"a.fasta": "x"})
	table := strings.Repeat("|a", 3000) + "\n" + strings.Repeat("|-", 3000) + "\n" + strings.Repeat("a\n", 3000)
	for name, tt := range map[string]struct{ source, says string }{
		"a table of 3,000 columns and short rows": {table, "table cells"},
		"links without an end":                    {strings.Repeat("[a](b", 19_800), "opening brackets"},
		"too many characters":                     {strings.Repeat("菌", 100_001), "at most 100000 characters"},
	} {
		for _, field := range []string{"description", "torrent_description"} {
			form := sitetest.Dataset("A dataset with a costly text")
			form.Set(field, tt.source)
			a := b.Send("/upload", form, raw)
			page := a.Page(t)
			if said := page.Find("#f-" + field + "-error").Text(); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(said, tt.says) {
				t.Errorf("%s as %s: status %d, %q", name, field, a.StatusCode, said)
			}
			if kept := page.Find("#f-" + field).Text(); strings.TrimSpace(kept) != strings.TrimSpace(tt.source) {
				t.Errorf("%s as %s: the form comes back with %d bytes", name, field, len(kept))
			}
		}
	}
	if c, _, err := w.Deps.Catalog.Counts(t.Context()); err != nil || c.Torrents != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	group, torrent := w.Upload("user", "A dataset with a good text", nil)
	form := sitetest.Dataset("A dataset with a good text")
	form.Set("category", "1")
	form.Set("revision", "1")
	form.Set("description", table)
	if a := b.Post(fmt.Sprintf("/groups/%d/edit", group), form); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Page(t).Find("#f-description-error").Text(), "table cells") {
		t.Errorf("edit of the group: status %d", a.StatusCode)
	}
	form.Set("torrent_description", strings.Repeat("中", text.Note.Limits().Chars)) // nine bytes a character in the form
	if a := b.Post(fmt.Sprintf("/torrents/%d/edit", torrent), form); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the longest note: status %d", a.StatusCode)
	}
	hint := b.Get(fmt.Sprintf("/groups/%d/edit", group)).Page(t).Find("#f-description-hint").Text()
	if !strings.Contains(hint, web.Grouped(int64(text.Description.Limits().Chars))+" characters") {
		t.Errorf("the form says %q", hint)
	}
}

// TestPagesShowWhatIsStored puts HTML into the database that no renderer made.
func TestPagesShowWhatIsStored(t *testing.T) {
	w := sitetest.OnSQLite(t)
	group, _ := w.Upload("user", "A dataset with stored texts", nil)
	b := w.As("other")
	path := fmt.Sprintf("/groups/%d", group)
	store := func(renderer int64) {
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for _, table := range []string{"torrent_group", "torrent"} {
				if _, err := tx.Exec(t.Context(), "UPDATE "+table+" SET description = '*typed* <b>', description_html = '<p class=\"stored\">stored</p>', description_renderer = ?", renderer); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	store(text.Version)
	if n := b.Get(path).Page(t).Find(".stored").Length(); n != 2 {
		t.Errorf("%d stored texts are shown, want 2", n)
	}
	for _, renderer := range []int64{0, -text.Version, text.Version + 1} {
		store(renderer)
		page := b.Get(path).Page(t)
		if typed := page.Find("pre.typed"); typed.Length() != 2 || typed.First().Text() != "*typed* <b>" || page.Find(".stored").Length() != 0 {
			t.Errorf("renderer %d: %q", renderer, typed.Text())
		}
	}
}

func TestNotesOfManyVersions(t *testing.T) {
	w := sitetest.OnSQLite(t)
	group, _ := w.Upload("user", "A dataset of many versions", func(f url.Values) { f.Set("torrent_description", "Note number 0.") })
	for i := 1; i < 25; i++ {
		w.Upload("user", fmt.Sprintf("Version %d", i), func(f url.Values) {
			f.Set("group", fmt.Sprint(group))
			f.Set("torrent_description", fmt.Sprintf("Note number %d.", i))
		})
	}
	b := w.As("other")
	page := b.Get(fmt.Sprintf("/groups/%d", group)).Page(t)
	if n := strings.Count(page.Find(".parts .prose").Text(), "Note number"); n != 10 {
		t.Errorf("the page has %d notes, want 10", n)
	}
	next, seen := page.Find(`a[href*="/notes?before="]`).AttrOr("href", ""), 10
	for ; next != ""; next = page.Find(`a[rel="next"]`).AttrOr("href", "") {
		page = b.Get(next).Page(t)
		seen += page.Find("section.prose").Length()
	}
	if seen != 25 {
		t.Errorf("%d notes are reached, want 25", seen)
	}
	if a := b.Get("/groups/999/notes"); a.StatusCode != http.StatusNotFound {
		t.Errorf("no such group: status %d", a.StatusCode)
	}
}
