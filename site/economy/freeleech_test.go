package economy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	economywing "github.com/caduceus-bio/caduceus/site/economy"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestFreeleech(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Upload("other", "A dataset for the equinox", nil)
	b := w.As("user")
	banner := func() string {
		return strings.Join(strings.Fields(b.Get("/browse").Page(t).Find(".banner").Text()), " ")
	}
	if got := banner(); got != "" {
		t.Errorf("on an ordinary day: %q", got)
	}
	rows := b.Get("/freeleech").Page(t).Find("main tbody tr")
	if rows.Length() != 8 || !strings.Contains(rows.First().Text(), "March equinox") || !strings.Contains(rows.First().Text(), "20 Mar 2026, 00:00 UTC") {
		t.Errorf("calendar: %s", rows.Text())
	}
	w.Pass(time.Date(2026, 3, 19, 1, 0, 0, 0, time.UTC).Sub(w.Now()))
	if got := banner(); !strings.Contains(got, "Freeleech begins in 23 hours, at 20 Mar 2026, 00:00 UTC: March equinox") {
		t.Errorf("the day before: %q", got)
	}
	w.Pass(24 * time.Hour)
	if got := banner(); !strings.Contains(got, "Freeleech for everyone until 21 Mar 2026, 00:00 UTC: March equinox") {
		t.Errorf("on the day: %q", got)
	}
	if got := b.Get("/groups/1").Page(t).Find(".badge.free").Text(); !strings.Contains(got, "until 21 Mar 2026, 00:00 UTC") {
		t.Errorf("badge %q", got)
	}
	cal := sitetest.Decode[economywing.FreeleechAnswer](t, w.As("anonymous").Get("/freeleech.json"))
	if len(cal.Active) != 1 || cal.Active[0].Key != "calendar:2026-03" || len(cal.Coming) != 8 || cal.Coming[0].Key != "calendar:2026-06" {
		t.Errorf("calendar %+v", cal)
	}
	w.Pass(24 * time.Hour)
	if got := banner(); got != "" {
		t.Errorf("the day after: %q", got)
	}
	me := w.People["user"].Member.ID
	_, err := w.Deps.Economy.Open(t.Context(), economy.Window{Source: economy.SourceStaff, State: core.LeechFree, Member: me,
		Ends: w.Now().Add(time.Hour), Reason: "Thanks for curating"}, 1)
	w.Must(err)
	if got := banner(); !strings.Contains(got, "Freeleech for you until") || !strings.Contains(got, "Thanks for curating") {
		t.Errorf("a window of the member alone: %q", got)
	}
	if got := b.Get("/freeleech").Page(t).Find("main table").First().Text(); !strings.Contains(got, "Thanks for curating") || !strings.Contains(got, "every torrent") {
		t.Errorf("the member's own windows: %q", got)
	}
	if got := w.As("other").Get("/freeleech").Page(t).Text(); strings.Contains(got, "curating") || strings.Contains(got, "Freeleech for you") {
		t.Error("another member is told of it")
	}
	_, err = w.Deps.Economy.Open(t.Context(), economy.Window{Source: economy.SourceStaff, State: core.LeechNeutral, Ends: w.Now().Add(time.Hour), Reason: "Maintenance"}, 1)
	w.Must(err)
	if got := banner(); !strings.Contains(got, "Neutral leech for everyone") || !strings.Contains(got, "Maintenance") {
		t.Errorf("a staff window: %q", got)
	}
}
