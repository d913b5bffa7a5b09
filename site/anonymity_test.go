package site

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAnonymousUploaderStaysAnonymous looks at every place that shows a torrent,
// as each who may not know, for the uploader's name and id.
func TestAnonymousUploaderStaysAnonymous(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.join("quillfeather", "")
		p := w.people["quillfeather"]
		_, id := w.upload("quillfeather", "A dataset from somebody who is shy", func(f url.Values) { f.Set("anonymous", "1") })
		pages := []string{"/", "/browse", "/browse?q=shy", "/groups/1", "/torrents/1/files", "/torrents/1/uploaded", "/swarm?t=1", "/members/user"}
		calls := []string{"/api/v1/torrents/1", "/api/v1/browse", "/api/v1/torrents/1/download"}
		for _, who := range []string{"user", "other"} {
			b := w.as(who)
			for _, path := range pages {
				if a := b.get(path); a.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(a.body), "quillfeather") {
					t.Errorf("%s sees the uploader on %s (status %d)", who, path, a.StatusCode)
				}
			}
			for _, path := range calls {
				a := w.as("anonymous").get(path, "Authorization", "Bearer "+w.people[who].token)
				if a.StatusCode != http.StatusOK || strings.Contains(strings.ToLower(a.body), "quillfeather") || strings.Contains(a.body, fmt.Sprintf(`"uploader_id":%d`, p.Member.ID)) {
					t.Errorf("%s sees the uploader at %s (status %d)", who, path, a.StatusCode)
				}
			}
			if a := b.get("/members/quillfeather"); strings.Contains(a.body, "somebody who is shy") || !strings.Contains(a.body, "0 uploads") {
				t.Errorf("%s sees the upload on the uploader's profile", who)
			}
			if a := b.get("/groups/1"); !strings.Contains(a.body, "Anonymous") {
				t.Errorf("%s is not told that the uploader is anonymous", who)
			}
		}
		for _, who := range []string{"quillfeather", "moderator"} {
			b := w.as(who)
			if a := b.get("/groups/1"); !strings.Contains(a.body, "/members/quillfeather") || !strings.Contains(a.body, "hidden") {
				t.Errorf("%s should see the uploader, and that others do not", who)
			}
			if a := b.get("/members/quillfeather"); !strings.Contains(a.body, "somebody who is shy") || !strings.Contains(a.body, "1 upload<") {
				t.Errorf("%s should see the upload on the profile", who)
			}
		}
		// Others may not learn it from what they may do, either.
		if a := w.as("user").get(fmt.Sprintf("/torrents/%d/edit", id)); a.StatusCode != http.StatusForbidden || strings.Contains(a.body, "quillfeather") {
			t.Errorf("status %d", a.StatusCode)
		}
	})
}
