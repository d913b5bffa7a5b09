package catalog_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

const unsorted = "d4:infod4:name3:aux6:lengthi5e6:pieces20:aaaaaaaaaaaaaaaaaaaa12:piece lengthi270544ee8:announce3:urle\n"

// TestWhatChangesIsSaidBefore looks at the second step of an upload, before anything is
// stored.
func TestWhatChangesIsSaidBefore(t *testing.T) {
	w := sitetest.OnSQLite(t)
	doc := w.As("user").Send("/upload/check", url.Values{"category": {"sequences"}}, []byte(unsorted)).Page(t)
	for part, want := range map[string][]string{
		"#changes": {"another info-hash", "the info will be written in the prescribed form", "info.private will be added", "info.source will be added",
			"without effect", "announce will be dropped", "the file will be written in the prescribed form"},
		"#names": {"Windows", "a name is reserved on Windows: aux"},
	} {
		got := sitetest.Words(doc.Find(part))
		for _, text := range want {
			if !strings.Contains(got, text) {
				t.Errorf("%s: %q lacks %q", part, got, text)
			}
		}
	}
	friendly := w.Torrent("friendly", metainfo.V1, map[string]string{"a.fasta": ">a\nACGT\n"})
	if doc := w.As("user").Send("/upload/check", url.Values{"category": {"sequences"}}, friendly).Page(t); doc.Find("#names").Length() != 0 || doc.Find("#changes").Length() != 1 {
		t.Errorf("of a friendly one: %q", sitetest.Words(doc.Find("main")))
	}
}

func TestNamesMayBeRefused(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.WindowsNames = metainfo.NamesRefuse })
	for _, path := range []string{"/upload/check", "/upload"} {
		a := w.As("user").Send(path, sitetest.Dataset("A dataset that Windows can't store"), []byte(unsorted))
		if got := a.Page(t).Find("#problems").Text(); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got, `"aux": a name is reserved on Windows`) {
			t.Errorf("%s: status %d, %q", path, a.StatusCode, got)
		}
	}
}

// TestLimitsOfAFileAreOneSetting tries both limits on both ways.
func TestLimitsOfAFileAreOneSetting(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.UploadFiles, c.UploadLimit = 3, 64<<20 })
	b := w.As("user")
	files := map[string]string{}
	for i := range 4 {
		files[fmt.Sprintf("f%d.fasta", i)] = "ACGT"
	}
	four := w.Torrent("four", metainfo.V1, files)
	if a := b.Send("/upload/check", url.Values{"category": {"sequences"}}, four); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "more than 3 files; pack them into archives") {
		t.Errorf("four files: status %d", a.StatusCode)
	}
	const pieces = 600_000 // 12 MB, more than the default takes
	large := fmt.Sprintf("d4:infod6:lengthi%de4:name5:large12:piece lengthi16384e6:pieces%d:%see", pieces*16384, pieces*20, strings.Repeat("abcdefghijklmnopqrst", pieces))
	if a := b.Send("/upload/check", url.Values{"category": {"sequences"}}, []byte(large)); a.StatusCode != http.StatusOK {
		t.Errorf("12 MB by form: status %d, %q", a.StatusCode, a.Page(t).Find("#problems").Text())
	}
	form := sitetest.Dataset("A dataset of many pieces")
	form.Set("check", "true")
	if a := w.As("anonymous").Send("/api/v1/torrents", form, []byte(large), "Authorization", "Bearer "+w.People["user"].Token); a.StatusCode != http.StatusOK {
		t.Errorf("12 MB by API: status %d, %s", a.StatusCode, a.Text)
	}
	if page := sitetest.Words(b.Get("/upload").Page(t).Find("#torrent-hint")); !strings.Contains(page, "64.00 MiB and 3 files") {
		t.Errorf("the page says %q", page)
	}
}
