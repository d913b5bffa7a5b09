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

func TestUploadByForm(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		b := w.As("user")
		raw := w.Torrent("lambda", metainfo.Hybrid, map[string]string{"NC_001416.fasta": ">lambda\nGGGCGGCGACCT\n"})
		step2 := b.Send("/upload/check", url.Values{"category": {"sequences"}}, raw)
		if step2.StatusCode != http.StatusOK {
			t.Fatalf("check: status %d\n%s", step2.StatusCode, step2.Page(t).Find("main").Text())
		}
		doc := step2.Page(t)
		if got, _ := doc.Find("select[name=format] option[selected]").Attr("value"); got != "FASTA" {
			t.Errorf("detected format %q, want FASTA", got)
		}
		kept, _ := doc.Find("input[name=kept]").Attr("value")
		form := sitetest.Dataset("Enterobacteria phage lambda, complete genome")
		form.Set("kept", kept)
		done := b.Follow(b.Send("/upload", form, nil))
		main := done.Page(t).Find("main").Text()
		for _, want := range []string{"Now seed it", "announce was dropped", "New info-hash (v1)", "New info-hash (v2)"} {
			if !strings.Contains(main, want) {
				t.Errorf("the page after the upload lacks %q:\n%s", want, main)
			}
		}
		again := b.Send("/upload", form, nil)
		if again.StatusCode != http.StatusConflict || !strings.Contains(again.Text, `href="/groups/1#t1"`) {
			t.Errorf("the same data once more: status %d, want 409 with a link", again.StatusCode)
		}
		again = b.Send("/upload/check", url.Values{"category": {"graphs"}}, raw)
		if again.StatusCode != http.StatusConflict || !strings.Contains(again.Text, `href="/groups/1#t1"`) {
			t.Errorf("checking the same data: status %d, want 409 with a link", again.StatusCode)
		}
		group := b.Get("/groups/1")
		for _, want := range []string{"phage lambda, complete genome", "<strong>lambda</strong>", "NC_001416.fasta", "Frederick Sanger"} {
			if !strings.Contains(group.Text, want) {
				t.Errorf("the group's page lacks %q", want)
			}
		}
	})
}

func TestUploadKeepsWhatWasTyped(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	raw := w.Torrent("typed", metainfo.V1, map[string]string{"a.fasta": ">a\nACGT\n"})
	for field, bad := range map[string]string{
		"title": "short", "year": "82", "creators": " ", "workgroup": "", "tags": "one, two", "literature": "not a doi", "description": "x",
		"picture": "javascript:alert(1)", "platform": "Abacus", "format": "Scroll", "license": "", "scope": "", "version": "one", "mirrors": "gopher://x/y",
		"seqhash": "v1_nonsense",
	} {
		form := sitetest.Dataset("A dataset with one mistake in it")
		form.Set(field, bad)
		a := b.Send("/upload", form, raw)
		doc := a.Page(t)
		if a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: status %d, want 422", field, a.StatusCode)
			continue
		}
		if doc.Find(fmt.Sprintf("#problems a[href='#f-%s']", field)).Length() != 1 || doc.Find("#f-"+field).Length() != 1 {
			t.Errorf("%s: the summary does not lead to the field: %s", field, doc.Find("#problems").Text())
		}
		if kept, _ := doc.Find("input[name=kept]").Attr("value"); kept == "" {
			t.Errorf("%s: the file was lost", field)
		}
		for name, values := range form {
			if name == "category" {
				continue
			}
			if got := sitetest.Shown(doc, name); got != values[0] {
				t.Errorf("mistake in %s: field %s shows %q, want %q", field, name, got, values[0])
			}
		}
	}
	if a := b.Get("/browse"); !strings.Contains(a.Text, "The shelves are empty") {
		t.Error("a refused upload is in the catalogue")
	}
}

func TestUploadRefusesBadFiles(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.UploadLimit = 4096 })
	b := w.As("user")
	good := w.Torrent("good", metainfo.V1, map[string]string{"a": "b"})
	for name, raw := range map[string][]byte{
		"no file": nil, "not bencode": []byte("hello"), "trailing garbage": append(append([]byte{}, good...), 'x'),
		"path traversal": []byte("d4:infod5:filesld6:lengthi1e4:pathl2:..1:xeee4:name1:a12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"),
		"too large":      make([]byte, 5000),
	} {
		for _, path := range []string{"/upload/check", "/upload"} {
			a := b.Send(path, sitetest.Dataset("A dataset with a bad file"), raw)
			if a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#problems a[href='#f-torrent']").Length() != 1 {
				t.Errorf("%s to %s: status %d, problems %q", name, path, a.StatusCode, a.Page(t).Find("#problems").Text())
			}
		}
	}
	if a := b.Send("/upload", sitetest.Dataset("x"), make([]byte, 2<<20)); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a huge body: status %d, want 413", a.StatusCode)
	}
	if a := b.Do(b.Request(http.MethodPost, "/upload", strings.NewReader("junk"), "Content-Type", "multipart/form-data; boundary=x")); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a damaged form: status %d, want 422", a.StatusCode)
	}
	if a := b.Do(b.Request(http.MethodPost, "/upload", strings.NewReader("{}"), "Content-Type", "application/json")); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("JSON: status %d, want 415", a.StatusCode)
	}
}

func TestUploadIntoGroup(t *testing.T) {
	w := sitetest.OnSQLite(t)
	group, _ := w.Upload("user", "A dataset with two versions", nil)
	b := w.As("other")
	if a := b.Get(fmt.Sprintf("/upload?group=%d", group)); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "Add a version") {
		t.Fatalf("status %d", a.StatusCode)
	}
	raw := w.Torrent("second", metainfo.V2, map[string]string{"second.fasta.gz": "xyz"})
	form := url.Values{"group": {fmt.Sprint(group)}}
	step2 := b.Send("/upload/check", form, raw)
	if doc := step2.Page(t); step2.StatusCode != http.StatusOK || doc.Find("[name=title]").Length() != 0 || sitetest.Shown(doc, "archive") != "gzip" {
		t.Fatalf("status %d, archive %q", step2.StatusCode, sitetest.Shown(step2.Page(t), "archive"))
	}
	for k, v := range map[string]string{"platform": "Sanger", "format": "FASTA", "archive": "gzip", "scope": "Genome", "license": "MIT"} {
		form.Set(k, v)
	}
	if a := b.Send("/upload", form, raw); a.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d: %s", a.StatusCode, a.Page(t).Find("#problems").Text())
	}
	if n := b.Get(fmt.Sprintf("/groups/%d", group)).Page(t).Find("table.torrents tbody").Length(); n != 2 {
		t.Errorf("the group shows %d torrents, want 2", n)
	}
	form.Set("group", "999")
	if a := b.Send("/upload", form, raw); a.StatusCode != http.StatusNotFound {
		t.Errorf("into a group that is not there: status %d, want 404", a.StatusCode)
	}
}
