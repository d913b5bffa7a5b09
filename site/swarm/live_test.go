package swarm_test

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestSwarmNumbers(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		w.Upload("other", "A dataset with a swarm", nil)
		gone := w.Gone()
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for _, q := range []string{"INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (1, 12, 3, 1), (2, 5, 5, 1)",
				"INSERT INTO transfer_torrent (torrent_id, uploaded, downloaded, snatches) VALUES (1, 0, 0, 1234)"} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			return nil
		}))
		b := w.As("user")
		live, ok := b.Get("/groups/1").Page(t).Find("[hx-get]").Attr("hx-get")
		if !ok {
			t.Fatal("the group's page does not ask for fresh numbers")
		}
		doc := b.Get(live + "&t=999&t=x&t=" + gone).Page(t)
		for id, want := range map[string]string{"#seeders-1": "12", "#leechers-1": "3", "#snatches-1": "1\u202f234"} {
			if got := doc.Find(id).Text(); got != want || doc.Find(id).AttrOr("hx-swap-oob", "") != "true" {
				t.Errorf("%s is %q, want %q", id, got, want)
			}
		}
		if n := doc.Find("span").Length(); n != 3 {
			t.Errorf("%d numbers, want 3: a deleted torrent has none", n)
		}
		if got := b.Get("/groups/1").Page(t).Find("#seeders-1").Text(); got != "12" {
			t.Errorf("the page itself shows %q seeders", got)
		}
	})
}
