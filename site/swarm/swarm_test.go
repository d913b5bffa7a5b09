package swarm_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/swarm"
)

func TestAnnouncesPages(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range 3 {
			w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.Tracked()
		doc := w.As("user").Get("/announces").Page(t)
		rows := doc.Find(".announces tbody tr")
		if rows.Length() != 3 || doc.Find(".trouble tbody tr").Length() != 1 || doc.Find("details:not([open]) tbody tr").Length() != 1 {
			t.Fatalf("%d rows", rows.Length())
		}
		for i, want := range []string{"A torrent that is not known Refused: the torrent is not registered here", "Freeleech: the upload counts, the download does not. 4 announces", "Torrent 99, which is gone"} {
			if got := sitetest.Words(rows.Eq(i)); !strings.Contains(got, want) {
				t.Errorf("torrent %d: %q, want %q in it", i, got, want)
			}
		}
		if got := sitetest.Words(doc.Find("main details summary")); !strings.HasPrefix(got, "1 torrent with nothing to tell") {
			t.Errorf("quiet ones: %q", got)
		}
		rows = w.As("user").Get(rows.Eq(1).Find("small a").AttrOr("href", "")).Page(t).Find(".announces tbody tr")
		for i, want := range []string{"Freeleech: the upload counts, the download does not.", "All of it counts.", "the first announce of this client", "Counting starts over"} {
			if got := sitetest.Words(rows.Eq(i)); !strings.Contains(got, want) {
				t.Errorf("row %d: %q, want %q in it", i, got, want)
			}
		}
		if got := sitetest.Words(rows.First()); !strings.Contains(got, "A dataset, part 0") || !strings.Contains(got, "IPv4 and IPv6 others can't connect ↑ 3.00 GiB ↓ 1.00 GiB ↑ 3.00 GiB ↓ 0 B nothing") {
			t.Errorf("first row: %q", got)
		}
		if got := sitetest.Words(doc.Find(".notice")); !strings.Contains(got, "Others can't connect to you") || !strings.Contains(got, "forward it in your router") {
			t.Errorf("notice: %q", got)
		}
		if got := w.As("user").Get("/announces?torrent=1").Page(t).Find(".announces tbody tr").Length(); got != 4 {
			t.Errorf("%d rows of torrent 1", got)
		}
		if got := sitetest.Words(w.As("user").Get("/announces?torrent=99").Page(t).Find("main")); !strings.Contains(got, "torrent 99, which is gone") {
			t.Errorf("of a torrent that is gone: %q", got)
		}
		// Nobody sees another's, but staff.
		if got := sitetest.Words(w.As("other").Get("/announces").Page(t).Find(".empty")); !strings.Contains(got, "download it again") {
			t.Errorf("who announced nothing reads %q", got)
		}
		staff := w.As("moderator")
		if doc := staff.Get("/staff/members/user/announces").Page(t); doc.Find(".announces tbody tr").Length() != 3 || doc.Find("a[href='/staff/members/user/announces?torrent=1']").Length() != 1 || !strings.Contains(sitetest.Words(doc.Find(".notice")), "connect to user") {
			t.Errorf("staff see %q", sitetest.Words(doc.Find("main")))
		}
		if got := sitetest.Words(staff.Get("/torrents/1/announces").Page(t).Find(".announces tbody tr").First()); !strings.HasPrefix(got, "user Freeleech") {
			t.Errorf("of the torrent: %q", got)
		}
		for path, selector := range map[string]string{"/staff/members/user": "a[href='/staff/members/user/announces']", "/groups/1": "a[href='/torrents/1/announces']",
			"/staff/members": ".second-bar a[href='/staff/tracker']"} {
			if staff.Get(path).Page(t).Find(selector).Length() != 1 {
				t.Errorf("no link %s on %s", selector, path)
			}
		}
		if page := w.As("user").Get("/groups/1").Page(t); page.Find("a[href='/announces?torrent=1']").Length() != 1 || page.Find("a[href='/torrents/1/announces']").Length() != 0 {
			t.Error("a member's links on the page of a dataset are wrong")
		}
	})
}

func TestAnnouncesInPages(t *testing.T) {
	w := sitetest.OnSQLite(t)
	var records []transfer.Record
	for i := range swarm.AnnouncesPerPage + 3 {
		records = append(records, transfer.Record{Member: w.People["user"].Member.ID, Torrent: core.TorrentID(i + 1), Slot: transfer.Slot{Ring: core.TorrentID(i + 1)},
			At: w.Now().Add(-time.Duration(i/2) * time.Hour), Announces: 1, Public: true, Reach: transfer.ReachOpen, Outcome: transfer.Counted})
	}
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), records))
	first := w.As("user").Get("/announces").Page(t)
	next := first.Find("a[rel=next]").AttrOr("href", "")
	if got := sitetest.Words(first.Find(".notice.good")); !strings.Contains(got, "Others can connect to you") {
		t.Errorf("notice: %q", got)
	}
	second := w.As("user").Get(next).Page(t)
	if n := second.Find(".announces tbody tr").Length(); n != 3 || second.Find("a[rel=next]").Length() != 0 || second.Find(".pages a[href='/announces']").Length() != 1 {
		t.Errorf("%d rows on the second page: %q", n, sitetest.Words(second.Find("main")))
	}
	if a := w.As("user").Get("/announces?from=nonsense&torrent=x"); a.StatusCode != http.StatusOK {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestEndangeredPage(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		if got := sitetest.Words(w.As("user").Get("/endangered").Page(t).Find(".empty")); !strings.Contains(got, "fewer than two seeders for 5 minutes") {
			t.Errorf("empty: %q", got)
		}
		for i := range 3 {
			w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.Tracked()
		doc := w.As("user").Get("/endangered").Page(t)
		rows := doc.Find(".torrents tbody tr")
		if rows.Length() != 2 || !strings.HasPrefix(sitetest.Words(rows.First()), "A dataset, part 1 you had all of it FASTA") || !strings.Contains(sitetest.Words(rows.First()), "none 3 days ago") ||
			!strings.Contains(sitetest.Words(rows.Last()), "one 2 hours ago") {
			t.Errorf("rows: %q", sitetest.Words(rows))
		}
		if got := sitetest.Words(w.As("other").Get("/endangered").Page(t).Find(".torrents")); strings.Contains(got, "you had") {
			t.Errorf("to others: %q", got)
		}
		last := w.As("user").Get(fmt.Sprintf("/endangered?from=1.%d.99", w.Now().Unix())).Page(t)
		if got := sitetest.Words(last.Find(".empty")); !strings.Contains(got, "There are no more") {
			t.Errorf("behind the end: %q", got)
		}
		if a := w.As("user").Get("/endangered?from=1.x.3"); a.StatusCode != http.StatusOK {
			t.Errorf("status %d", a.StatusCode)
		}
	})
}

// TestUploadsThatNobodySeedsAreEndangered looks at the page while no tracker has told
// anything, or not yet.
func TestUploadsThatNobodySeedsAreEndangered(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		const uploads = 67
		for i := range uploads {
			w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		look := func() (lead string, ids []string) {
			path := "/endangered"
			for path != "" {
				doc := w.As("user").Get(path).Page(t)
				lead += sitetest.Words(doc.Find(".lead + p"))
				doc.Find(".torrents tbody a.title").Each(func(_ int, s *goquery.Selection) { ids = append(ids, s.AttrOr("href", "")) })
				path = doc.Find("a[rel=next]").AttrOr("href", "")
			}
			slices.Sort(ids)
			return lead, slices.Compact(ids)
		}
		w.Pass(4 * time.Minute)
		if lead, ids := look(); lead != "" || len(ids) != 0 {
			t.Errorf("before the time that the page tells: %q, %d listed", lead, len(ids))
		}
		w.Pass(8 * time.Minute)
		if lead, ids := look(); !strings.HasPrefix(lead, "67 without a seeder, 0 with a single one.") || len(ids) != uploads {
			t.Errorf("12 minutes after the uploads: %q, %d listed", lead, len(ids))
		}
		store := transfer.NewStore(w.DB)
		seeded := func(id core.TorrentID) bool { return id%2 == 0 }
		for more := true; more; {
			var err error
			_, more, err = store.TakeNew(t.Context(), w.Now(), transfer.Patience, 20, seeded)
			w.Must(err)
		}
		if lead, ids := look(); !strings.HasPrefix(lead, "34 without a seeder") || len(ids) != 34 {
			t.Errorf("after the tracker knows that half are seeded: %q, %d listed", lead, len(ids))
		}
	})
}

func TestTrackerPage(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		staff := w.As("moderator")
		if got := sitetest.Words(staff.Get("/staff/tracker").Page(t).Find(".empty")); !strings.Contains(got, "No tracker has told anything") {
			t.Errorf("without a tracker: %q", got)
		}
		for i := range 3 {
			w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.Tracked()
		doc := staff.Get("/staff/tracker").Page(t)
		tiles := sitetest.Words(doc.Find("dl[aria-label=tracker]"))
		for _, want := range []string{"Announces a second 50.0 and 3.33 scrapes", "half within 18.0 µs, the slowest 31.0 ms", "Behind the event log 1.20 s event 812 of 815"} {
			if !strings.Contains(tiles, want) {
				t.Errorf("tiles: %q, want %q in it", tiles, want)
			}
		}
		if got := sitetest.Words(doc.Find("section[aria-label='tracker:b'] .state.bad")); !strings.HasPrefix(got, "silent since") {
			t.Errorf("the one that went: %q", got)
		}
		if doc.Find(".plot svg[role=img][aria-label] path.line").Length() != 7 || strings.Contains(doc.Find(".plot").Text(), "Nothing is known") {
			t.Errorf("plots: %q", sitetest.Words(doc.Find(".plots")))
		}
		if got := sitetest.Words(doc.Find("#refusals ~ .scroll tbody")); !strings.HasPrefix(got, "the announce key is not known unknown_key 5") {
			t.Errorf("refusals: %q", got)
		}
		if got := sitetest.Words(doc.Find("#unknown ~ .scroll tbody")); got != "abcd000000000000000000000000000000000000 10 to 12 3 minutes ago" {
			t.Errorf("not registered: %q", got)
		}
	})
}

// TestOwnTorrents looks at the four lists of a member.
func TestOwnTorrents(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range 3 {
			w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.Tracked()
		user := w.People["user"].Member.ID
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for torrent, left := range map[int]int{1: 0, 3: 5} {
				_, err := tx.Insert(t.Context(), "transfer_member_torrent", db.Row{"member_id", int64(user), "torrent_id", torrent, "uploaded", 7, "downloaded", 0, "raw_up", 7,
					"raw_down", 3, "seedtime", 0, "bytes_left", left, "active", 1, "first_at", 1, "last_at", w.Now().Add(-4 * time.Minute).Unix(), "snatched_at", 0})
				if err != nil {
					return err
				}
			}
			return nil
		}))
		look := func(who, list string) (rows, lead string) {
			doc := w.As(who).Get("/me/torrents?list=" + list).Page(t)
			if on := doc.Find(".tabs a[aria-current=page]"); doc.Find(".tabs a").Length() != 4 || on.Length() != 1 {
				t.Errorf("%s of %s has %d tabs", list, who, on.Length())
			}
			return sitetest.Words(doc.Find(".own tbody tr")), sitetest.Words(doc.Find(".lead"))
		}
		rows, lead := look("user", "seeding")
		if !strings.HasPrefix(rows, "A dataset, part 0") || !strings.Contains(rows, "Others can't reach this client") || !strings.Contains(rows, "forward it in your router") ||
			!strings.Contains(rows, "3 B of the download do not count: freeleech") || lead != "1 torrent seeding, 1 leeching." {
			t.Errorf("seeding: %q, %q", lead, rows)
		}
		if rows, _ := look("user", "leeching"); !strings.HasPrefix(rows, "A dataset, part 2") || !strings.Contains(rows, "5 B of") {
			t.Errorf("leeching: %q", rows)
		}
		if rows, _ := look("user", "taken"); rows != "" {
			t.Errorf("taken: %q", rows)
		}
		if rows, _ := look("other", "uploaded"); strings.Count(rows, "never all announces of A dataset") != 3 || !strings.Contains(rows, "You uploaded it, and nobody seeds it. Seed it") {
			t.Errorf("uploaded: %q", rows)
		}
		if doc := w.As("user").Get("/me/torrents").Page(t); doc.Find(".notice").Length() != 0 {
			t.Errorf("a notice: %q", sitetest.Words(doc.Find(".notice")))
		}
		w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{{Member: user, Slot: transfer.Slot{Place: 7}, At: w.Now(), Announces: 1, Client: "Oldie 0.1", Outcome: "client_refused"}}))
		if got := sitetest.Words(w.As("user").Get("/me/torrents").Page(t).Find(".notice")); !strings.Contains(got, "Oldie 0.1 is not on the list of allowed clients, or too old. Take a client from the list") {
			t.Errorf("whose client is refused reads %q", got)
		}
		for range 3 { // the key of a client that was heard of before
			w.Pass(time.Minute)
		}
		if a := w.As("user").Post("/settings/announce-key", url.Values{"sure": {"yes"}}); a.StatusCode != http.StatusSeeOther && a.StatusCode != http.StatusOK {
			t.Fatalf("a new key: status %d", a.StatusCode)
		}
		if rows, lead := look("user", "seeding"); !strings.Contains(rows, "You have a new announce key since") || !strings.Contains(rows, "Download the .torrent file again") {
			t.Errorf("after a new key: %q, %q", lead, rows)
		}
		w.Pass(25 * time.Hour)
		if _, lead := look("user", "seeding"); lead != "1 torrent seeding, 1 leeching, 2 in trouble." {
			t.Errorf("when nothing was heard for long: %q", lead)
		}
	})
}

// TestRefusedClientsAreToldOnEveryPage shows why nothing works, and what to do, wherever the
// member is; nobody else sees it.
func TestRefusedClientsAreToldOnEveryPage(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset that is refused", nil)
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{{Member: w.People["user"].Member.ID, At: w.Now().Add(-5 * time.Minute),
		Announces: 1, Client: "Vuze 5.7", Outcome: "client_refused", Leech: core.LeechNormal}}))
	w.Must(membertest.Begin(t.Context(), w.Deps.Members, w.People["user"].Member.ID, member.NoDownload, "traded accounts"))
	for _, path := range []string{"/", "/browse", "/settings", "/no-such-page"} {
		got := sitetest.Words(w.As("user").Get(path).Page(t).Find(".banner.held"))
		for _, want := range []string{"Your downloads are switched off.", "Your client is refused.", "Refused: Vuze 5.7 is not on the list", "Take a client from the list of allowed ones", "Which clients are allowed"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s says %q, want %q in it", path, got, want)
			}
		}
	}
	if w.As("other").Get("/").Page(t).Find(".banner.held").Length() != 0 {
		t.Error("another member is told")
	}
	w.Pass(25 * time.Hour)
	if got := sitetest.Words(w.As("user").Get("/").Page(t).Find(".banner.held")); strings.Contains(got, "refused") {
		t.Errorf("a day later: %q", got)
	}
}
