package site_test

import (
	"html"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	v1 "github.com/caduceus-bio/caduceus/site/api/v1"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestWhoseDownloadsAreOffReadsWhy switches somebody's downloads off, for a reason and, as
// an older release did, without one. The member and staff read why, since when in their
// zone, and what to do.
func TestWhoseDownloadsAreOffReadsWhy(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user := w.People["user"]
	const reason = `traded <b>keys</b> & "accounts"`
	w.Must(w.Deps.Members.SetAppearance(t.Context(), user.Member.ID, member.Appearance{Zone: "Asia/Tokyo"}))
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	w.Must(err)
	since := w.Now()
	w.Must(membertest.Begin(t.Context(), w.Deps.Members, user.Member.ID, member.NoDownload, reason))
	w.Pass(2 * time.Hour)
	banner := func(path string) string {
		return sitetest.Words(w.As("user").Get(path).Page(t).Find(".banner.held"))
	}
	want := "Staff gave this reason on " + since.In(tokyo).Format("2 Jan 2006, 15:04 MST") + ": “" + reason + "”."
	for _, path := range []string{"/", "/browse", "/settings", "/members/user", "/no-such-page"} {
		if got := banner(path); !strings.Contains(got, want) || !strings.Contains(got, "You can go on seeding") || !strings.Contains(got, "How to reach staff") {
			t.Errorf("%s says %q, want %q in it, and what to do", path, got, want)
		}
	}
	for who, path := range map[string]string{"user": "/", "sysop": "/staff/members/user"} {
		if a := w.As(who).Get(path); strings.Contains(a.Text, reason) || !strings.Contains(a.Text, html.EscapeString("<b>keys</b>")) {
			t.Errorf("%s: the reason is not escaped", path)
		}
	}
	staff := func() string {
		return sitetest.Words(w.As("sysop").Get("/staff/members/user").Page(t).Find("section[aria-labelledby=state]"))
	}
	if got, want := staff(), "Since "+since.UTC().Format("2 Jan 2006, 15:04 MST"); !strings.Contains(got, "downloads off "+reason) || !strings.Contains(got, want) {
		t.Errorf("staff read %q, want the reason and %q in it", got, want)
	}
	me := func() *v1.LeechOff {
		return sitetest.Decode[v1.MeAnswer](t, w.As("anonymous").Get("/api/v1/me", "Authorization", "Bearer "+user.Read)).LeechOff
	}
	if off := me(); off == nil || off.Reason != reason || off.Since == nil || off.Since.Unix() != since.Unix() {
		t.Errorf("the API says %+v", off)
	}

	w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE member_cause SET reason = '', starts_at = 0 WHERE member_id = ?", user.Member.ID)
		return err
	}))
	if got := banner("/"); !strings.Contains(got, "Your downloads are switched off. No reason was recorded; ask staff. You can go on seeding") || strings.Contains(got, "1970") {
		t.Errorf("without a reason: %q", got)
	}
	if got := staff(); !strings.Contains(got, "downloads off "+member.NoReason) || !strings.Contains(got, "Since when is not recorded") || strings.Contains(got, "1970") {
		t.Errorf("staff read %q without a reason", got)
	}
	if off := me(); off == nil || off.Reason != member.NoReason || off.Since != nil {
		t.Errorf("the API says %+v without a reason", off)
	}

	w.Must(membertest.End(t.Context(), w.Deps.Members, user.Member.ID, member.NoDownload))
	if got, off := banner("/"), me(); got != "" || off != nil {
		t.Errorf("switched on again: %q, %+v", got, off)
	}
}

// TestWhoWasDisabledReadsThatItIsOver has a client refused while the account was disabled:
// whoever reads a page is in again, and another client would help nothing.
func TestWhoWasDisabledReadsThatItIsOver(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{{Member: w.People["user"].Member.ID, At: w.Now().Add(-5 * time.Minute),
		Announces: 1, Client: "Transmission 4.0", Outcome: "disabled", Leech: core.LeechNormal}}))
	if got := sitetest.Words(w.As("user").Get("/").Page(t).Find(".banner.held strong")); got != "Your client was refused." {
		t.Errorf("the notice is titled %q", got)
	}
	for path, where := range map[string]string{"/": ".banner.held", "/me/torrents": ".notice"} {
		got := sitetest.Words(w.As("user").Get(path).Page(t).Find(where))
		if !strings.Contains(got, "Refused: the account is disabled. Your account is open again") || !strings.Contains(got, "How to reach staff") || strings.Contains(got, "Which clients") {
			t.Errorf("%s says %q", path, got)
		}
	}
}

// TestLongReasonFits reads a reason without a blank on a narrow screen.
func TestLongReasonFits(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Must(membertest.Begin(t.Context(), w.Deps.Members, w.People["user"].Member.ID, member.NoDownload, strings.Repeat("x", 255)))
	l := &looker{T: t, w: w, page: tab(t)} // which needs no axe
	for who, path := range map[string]string{"user": "/", "sysop": "/staff/members/user"} {
		l.become(who)
		l.open(path, 320, 700)
		l.lay(path + " as " + who + " at 320 pixels")
	}
}
