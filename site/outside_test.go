package site

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// tracked fills in what a tracker would have told: a day of minutes, announces of
// user to torrent 1, and two torrents in danger. There must be three torrents.
func (w *world) tracked() {
	w.t.Helper()
	store, now, ctx := w.site.transfer, w.now(), w.t.Context()
	for i := range 24 * 12 { // each fifth minute will do
		at := now.Add(-time.Duration(i) * 5 * time.Minute).Truncate(time.Minute)
		wave := 1 + 0.6*math.Sin(float64(i)/40)
		m := transfer.Minute{
			Tracker: "tracker", Start: at.Add(-time.Minute), Seconds: 60, Announces: int64(3000 * wave), Scrapes: 200, Refused: 30, Refusals: map[string]int64{"disabled": 10, "unknown_passkey": 20},
			Seeders: int(40_000 * wave), Leechers: int(3000 * wave), Peers4: 39_000, Peers6: 9000, Torrents: 5120,
			P50: time.Duration(18*wave) * time.Microsecond, P99: time.Duration(400*wave) * time.Microsecond, Worst: 31 * time.Millisecond,
			Unwritten: 340, FlushAge: 4 * time.Second, EventRead: 812, EventLast: 815, EventLag: 1200 * time.Millisecond,
		}
		w.must(store.WriteMinute(ctx, m))
		if i > 100 && i < 110 { // another one, that went
			m.Tracker = "tracker:b"
			w.must(store.WriteMinute(ctx, m))
		}
	}
	w.must(store.Watch(ctx, []transfer.Watched{{Torrent: 2, Seeders: 0, Since: now.Add(-72 * time.Hour)}, {Torrent: 3, Seeders: 1, Since: now.Add(-2 * time.Hour)}}))
	w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Insert(ctx, "transfer_member_torrent", db.Row{"member_id", int64(w.people["user"].Member.ID), "torrent_id", 2, "uploaded", 0, "downloaded", 0, "raw_up", 0,
			"raw_down", 0, "seedtime", 0, "bytes_left", 0, "active", 0, "first_at", 1, "last_at", now.Add(-72 * time.Hour).Unix(), "snatched_at", 0})
		return err
	}))
	var records []transfer.Record
	place := 0
	note := func(minutes int, change func(r *transfer.Record)) {
		r := transfer.Record{
			Member: w.people["user"].Member.ID, Torrent: 1, Slot: transfer.Slot{Ring: 1, Place: place}, At: now.Add(-time.Duration(minutes) * time.Minute), Announces: 1,
			Client: "Transmission 4.0.6", V4: true, Public: true, Reach: transfer.ReachClosed, Leech: core.LeechNormal, Outcome: transfer.Counted,
		}
		change(&r)
		place++
		records = append(records, r)
	}
	note(4, func(r *transfer.Record) {
		r.Announced = transfer.Amount{Up: 3 * core.GiB, Down: core.GiB}
		r.Credited, r.Leech, r.V6 = transfer.Amount{Up: 3 * core.GiB}, core.LeechFree, true
	})
	note(35, func(r *transfer.Record) {
		r.Announced = transfer.Amount{Up: 5 * core.MiB, Down: 900 * core.MiB}
		r.Credited, r.Left, r.Event = r.Announced, core.GiB, "completed"
	})
	note(66, func(r *transfer.Record) { r.Outcome, r.Event, r.Left = transfer.First, "started", 2*core.GiB })
	note(97, func(r *transfer.Record) { r.Outcome = transfer.Restarted })
	note(400, func(r *transfer.Record) {
		r.Slot.Ring, r.Torrent, r.Outcome, r.Announces, r.Reach = 0, 0, "unknown_torrent", 3, ""
	})
	note(500, func(r *transfer.Record) { r.Torrent, r.Slot.Ring = 99, 99 })
	w.must(store.Write(ctx, records))
}

// words is the text of all that was selected, with blanks between its elements.
func words(s *goquery.Selection) string {
	var b strings.Builder
	var walk func(s *goquery.Selection)
	walk = func(s *goquery.Selection) {
		s.Contents().Each(func(_ int, c *goquery.Selection) {
			if goquery.NodeName(c) == "#text" {
				b.WriteString(c.Text() + " ")
				return
			}
			walk(c)
		})
	}
	walk(s)
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestAnnouncesPages(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for i := range 3 {
			w.upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.tracked()
		doc := w.as("user").get("/announces").page(t)
		rows := doc.Find(".announces tbody tr")
		if rows.Length() != 6 {
			t.Fatalf("%d rows", rows.Length())
		}
		for i, want := range []string{"Freeleech: the upload counts, the download does not.", "All of it counts.", "the first announce of this client",
			"Counting begins anew", "A torrent that is not known Refused: the torrent is not registered here", "Torrent 99, which is gone"} {
			if got := words(rows.Eq(i)); !strings.Contains(got, want) {
				t.Errorf("row %d: %q, want %q in it", i, got, want)
			}
		}
		if got := words(rows.First()); !strings.Contains(got, "A dataset, part 0") || !strings.Contains(got, "IPv4 and IPv6 others can't connect ↑ 3.00 GiB ↓ 1.00 GiB ↑ 3.00 GiB ↓ 0 B nothing") {
			t.Errorf("first row: %q", got)
		}
		if got := words(doc.Find(".notice")); !strings.Contains(got, "Others can't connect to you") || !strings.Contains(got, "forward it in your router") {
			t.Errorf("notice: %q", got)
		}
		if got := w.as("user").get("/announces?torrent=1").page(t).Find(".announces tbody tr").Length(); got != 4 {
			t.Errorf("%d rows of torrent 1", got)
		}
		if got := words(w.as("user").get("/announces?torrent=99").page(t).Find("main")); !strings.Contains(got, "torrent 99, which is gone") {
			t.Errorf("of a torrent that is gone: %q", got)
		}
		// Nobody sees another's, but staff.
		if got := words(w.as("other").get("/announces").page(t).Find(".empty")); !strings.Contains(got, "download it again") {
			t.Errorf("who announced nothing reads %q", got)
		}
		staff := w.as("moderator")
		if doc := staff.get("/staff/members/user/announces").page(t); doc.Find(".announces tbody tr").Length() != 6 || !strings.Contains(words(doc.Find(".notice")), "connect to user") {
			t.Errorf("staff see %q", words(doc.Find("main")))
		}
		if got := words(staff.get("/torrents/1/announces").page(t).Find(".announces tbody tr").First()); !strings.HasPrefix(got, "user Freeleech") {
			t.Errorf("of the torrent: %q", got)
		}
		for path, selector := range map[string]string{"/staff/members/user": "a[href='/staff/members/user/announces']", "/groups/1": "a[href='/torrents/1/announces']",
			"/staff/members": "a[href='/staff/tracker']"} {
			if staff.get(path).page(t).Find(selector).Length() != 1 {
				t.Errorf("no link %s on %s", selector, path)
			}
		}
		if page := w.as("user").get("/groups/1").page(t); page.Find("a[href='/announces?torrent=1']").Length() != 1 || page.Find("a[href='/torrents/1/announces']").Length() != 0 {
			t.Error("a member's links on the page of a dataset are wrong")
		}
	})
}

func TestAnnouncesInPages(t *testing.T) {
	w := onSQLite(t)
	var records []transfer.Record
	for i := range announcesPerPage + 3 {
		records = append(records, transfer.Record{Member: w.people["user"].Member.ID, Torrent: core.TorrentID(i + 1), Slot: transfer.Slot{Ring: core.TorrentID(i + 1)},
			At: w.now().Add(-time.Duration(i/2) * time.Hour), Announces: 1, Public: true, Reach: transfer.ReachOpen, Outcome: transfer.Counted})
	}
	w.must(w.site.transfer.Write(t.Context(), records))
	first := w.as("user").get("/announces").page(t)
	next := first.Find("a[rel=next]").AttrOr("href", "")
	if got := words(first.Find(".notice.good")); !strings.Contains(got, "Others can connect to you") {
		t.Errorf("notice: %q", got)
	}
	second := w.as("user").get(next).page(t)
	if n := second.Find(".announces tbody tr").Length(); n != 3 || second.Find("a[rel=next]").Length() != 0 || second.Find(".pages a[href='/announces']").Length() != 1 {
		t.Errorf("%d rows on the second page: %q", n, words(second.Find("main")))
	}
	if a := w.as("user").get("/announces?from=nonsense&torrent=x"); a.StatusCode != http.StatusOK {
		t.Errorf("status %d", a.StatusCode)
	}
}

func TestEndangeredPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		if got := words(w.as("user").get("/endangered").page(t).Find(".empty")); !strings.Contains(got, "fewer than two seeders") {
			t.Errorf("empty: %q", got)
		}
		for i := range 3 {
			w.upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.tracked()
		doc := w.as("user").get("/endangered").page(t)
		rows := doc.Find(".torrents tbody tr")
		if rows.Length() != 2 || !strings.HasPrefix(words(rows.First()), "A dataset, part 1 you had all of it FASTA") || !strings.Contains(words(rows.First()), "none 3 days ago") ||
			!strings.Contains(words(rows.Last()), "one 2 hours ago") {
			t.Errorf("rows: %q", words(rows))
		}
		if got := words(w.as("other").get("/endangered").page(t).Find(".torrents")); strings.Contains(got, "you had") {
			t.Errorf("to others: %q", got)
		}
		last := w.as("user").get(fmt.Sprintf("/endangered?from=1.%d.99", w.now().Unix())).page(t)
		if got := words(last.Find(".empty")); !strings.Contains(got, "There are no more") {
			t.Errorf("behind the end: %q", got)
		}
		if a := w.as("user").get("/endangered?from=1.x.3"); a.StatusCode != http.StatusOK {
			t.Errorf("status %d", a.StatusCode)
		}
	})
}

func TestTrackerPage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		staff := w.as("moderator")
		if got := words(staff.get("/staff/tracker").page(t).Find(".empty")); !strings.Contains(got, "No tracker has told anything") {
			t.Errorf("without a tracker: %q", got)
		}
		for i := range 3 {
			w.upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
		}
		w.tracked()
		doc := staff.get("/staff/tracker").page(t)
		tiles := words(doc.Find("dl[aria-label=tracker]"))
		for _, want := range []string{"Announces a second 50.0 and 3.33 scrapes", "half within 18.0 µs, the slowest 31.0 ms", "Behind the event log 1.20 s event 812 of 815"} {
			if !strings.Contains(tiles, want) {
				t.Errorf("tiles: %q, want %q in it", tiles, want)
			}
		}
		if got := words(doc.Find("section[aria-label='tracker:b'] .badge.bad")); !strings.HasPrefix(got, "silent since") {
			t.Errorf("the one that went: %q", got)
		}
		if doc.Find(".plot svg[role=img][aria-label] path.line").Length() != 7 || strings.Contains(doc.Find(".plot").Text(), "Nothing is known") {
			t.Errorf("plots: %q", words(doc.Find(".plots")))
		}
		if got := words(doc.Find("#refusals ~ .scroll tbody")); !strings.HasPrefix(got, "the passkey is not known unknown_passkey 5") {
			t.Errorf("refusals: %q", got)
		}
	})
}

func TestPlot(t *testing.T) {
	moments := []moment{{}, {known: true, announces: 10}, {known: true, announces: 40}, {}, {known: true, announces: 20}}
	s := series{"A", func(m moment) float64 { return m.announces }}
	p := newPlot("Title", "what", perSecond, moments, s)
	if l := p.Lines[0]; l.Path != "M250.0 75.0h0L500.0 0.0M1000.0 50.0h0" || l.Most != "40.0" || l.Last != "20.0" || p.Top != "40.0" || p.Low != "0" || p.Empty {
		t.Errorf("%+v", p)
	}
	log := newPlot("", "", duration, []moment{{known: true, announces: 1}, {known: true, announces: 100}, {known: true, announces: 10_000}}, s)
	if l := log.Lines[0]; l.Path != "M0.0 100.0h0L500.0 50.0L1000.0 0.0" || l.Most != "10.0 ms" || log.Low != "1.00 µs" {
		t.Errorf("%+v", log)
	}
	if p := newPlot("", "", whole, make([]moment, 3), s); !p.Empty || p.Lines[0].Path != "" || p.Lines[0].Last != "" {
		t.Errorf("of nothing: %+v", p)
	}
}
