package site_test

import (
	"fmt"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAnonymousUploaderStaysAnonymous looks at every place that shows a torrent,
// as each who may not know, for the uploader's name and id.
func TestAnonymousUploaderStaysAnonymous(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		w.Join("quillfeather", "")
		p := w.People["quillfeather"]
		_, id := w.Upload("quillfeather", "A dataset from somebody who is shy", func(f url.Values) { f.Set("anonymous", "1") })
		pages := []string{"/", "/browse", "/browse?q=shy", "/groups/1", "/torrents/1/files", "/torrents/1/uploaded", "/swarm?t=1", "/members/user"}
		calls := []string{"/api/v1/torrents/1", "/api/v1/browse", "/api/v1/torrents/1/download"}
		for _, who := range []string{"user", "other"} {
			b := w.As(who)
			for _, path := range pages {
				if a := b.Get(path); a.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(a.Text), "quillfeather") {
					t.Errorf("%s sees the uploader on %s (status %d)", who, path, a.StatusCode)
				}
			}
			for _, path := range calls {
				a := w.As("anonymous").Get(path, "Authorization", "Bearer "+w.People[who].Token)
				if a.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(a.Text), "quillfeather") || strings.Contains(a.Text, fmt.Sprintf(`"uploader_id":%d`, p.Member.ID)) {
					t.Errorf("%s sees the uploader at %s (status %d)", who, path, a.StatusCode)
				}
			}
			if a := b.Get("/members/quillfeather"); strings.Contains(a.Text, "somebody who is shy") || !strings.Contains(a.Text, "0 uploads") {
				t.Errorf("%s sees the upload on the uploader's profile", who)
			}
			if a := b.Get("/groups/1"); !strings.Contains(a.Text, "Anonymous") {
				t.Errorf("%s is not told that the uploader is anonymous", who)
			}
		}
		for _, who := range []string{"quillfeather", "moderator"} {
			b := w.As(who)
			if a := b.Get("/groups/1"); !strings.Contains(a.Text, "/members/quillfeather") || !strings.Contains(a.Text, "hidden") {
				t.Errorf("%s should see the uploader, and that others do not", who)
			}
			if a := b.Get("/members/quillfeather"); !strings.Contains(a.Text, "somebody who is shy") || !strings.Contains(a.Text, "1 upload<") {
				t.Errorf("%s should see the upload on the profile", who)
			}
		}
		// Others may not learn it from what they may do, either.
		if a := w.As("user").Get(fmt.Sprintf("/torrents/%d/edit", id)); a.StatusCode != http.StatusForbidden || strings.Contains(a.Text, "quillfeather") {
			t.Errorf("status %d", a.StatusCode)
		}
	})
}
