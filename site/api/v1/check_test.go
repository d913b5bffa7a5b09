package v1_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/metainfo"
	v1 "github.com/caduceus-bio/caduceus/site/api/v1"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestCheckByAPI asks what an upload would change, and then uploads.
func TestCheckByAPI(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	bearer := []string{"Authorization", "Bearer " + w.People["user"].Token}
	raw := []byte("d4:infod6:lengthi5e4:name14:GO:0008150.tsv12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee\n")
	form := sitetest.Dataset("A dataset that a program asks about")
	form.Set("check", "true")
	a := b.Send("/api/v1/torrents", form, raw, bearer...)
	if a.StatusCode != http.StatusOK {
		t.Fatalf("status %d: %s", a.StatusCode, a.Text)
	}
	got := sitetest.Decode[v1.CheckAnswer](t, a)
	if !got.NewHash || got.Name != "GO:0008150.tsv" || got.FileCount != 1 || got.Size != 5 || len(got.Unfriendly) != 1 || got.Unfriendly[0].Count != 1 {
		t.Errorf("%+v", got)
	}
	for _, want := range []v1.Change{{"file", metainfo.Normalized, 1, false}, {"info.private", metainfo.Added, 1, true}, {"info.source", metainfo.Added, 1, true}} {
		if !slices.Contains(got.Changes, want) {
			t.Errorf("%+v lacks %+v", got.Changes, want)
		}
	}
	form.Set("title", "short")
	if a := b.Send("/api/v1/torrents", form, raw, bearer...); a.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("with a mistake: status %d", a.StatusCode)
	}
	if all, _, err := w.Deps.Catalog.Counts(t.Context()); all.Torrents != 0 || err != nil {
		t.Errorf("it was stored: %+v, %v", all, err)
	}
	form = sitetest.Dataset("A dataset that a program asks about")
	made := sitetest.Decode[v1.UploadAnswer](t, b.Send("/api/v1/torrents", form, raw, bearer...))
	if !slices.Equal(made.Changes, got.Changes) || len(made.Unfriendly) != 1 {
		t.Errorf("uploaded with %+v, asked before: %+v", made, got)
	}
	form.Set("check", "1")
	if a := b.Send("/api/v1/torrents", form, raw, bearer...); a.StatusCode != http.StatusConflict {
		t.Errorf("the same data: status %d", a.StatusCode)
	}
}
