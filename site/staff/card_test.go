package staff_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestCard reads the card of a member: notes, causes with their lifting, clients, uploads.
func TestCard(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		w.Upload("user", "A dataset <b>of</b> the user", nil)
		user := w.People["user"].Member
		w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{
			{Member: user.ID, Torrent: 1, Slot: transfer.Slot{Ring: 1}, At: w.Now().Add(-time.Hour), Announces: 1, Client: "Transmission 4.0", Outcome: transfer.Counted, Leech: core.LeechNormal},
			{Member: user.ID, At: w.Now(), Announces: 1, Client: "BadClient 1", Outcome: "client_refused", Leech: core.LeechNormal}}))
		w.Must(membertest.Begin(t.Context(), w.Deps.Members, user.ID, member.NoDownload, "traded keys"))
		w.Must(membertest.Begin(t.Context(), w.Deps.Members, user.ID, member.Warned, "was rude"))
		b := w.As("moderator")
		home := "/staff/members/user"

		// A note is written, shown as text, and taken away.
		if a := b.Post("/commands/note-add", url.Values{"name": {"user"}, "text": {" "}, "back": {home}}); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name=text][aria-invalid]").Length() != 1 {
			t.Errorf("an empty note: status %d", a.StatusCode)
		}
		page := b.Follow(b.Post("/commands/note-add", url.Values{"name": {"user"}, "text": {"shares a <b>lab</b> with other"}, "back": {home}})).Page(t)
		notes := page.Find("section[aria-labelledby=notes]")
		if got := sitetest.Words(notes); !strings.Contains(got, "shares a <b>lab</b> with other moderator,") {
			t.Errorf("notes: %s", got)
		}
		if got := page.Find(".acts form[action='/commands/note-add']").Length(); got != 0 {
			t.Error("the form of a note stands on the card twice")
		}
		form := notes.Find("form[action='/commands/note-remove']")
		page = b.Follow(b.Post("/commands/note-remove", url.Values{"name": {"user"}, "id": {form.Find("[name=id]").AttrOr("value", "")}, "back": {home}})).Page(t)
		if got := sitetest.Words(page.Find("section[aria-labelledby=notes]")); !strings.Contains(got, "Nothing is noted about user.") {
			t.Errorf("a removed note: %s", got)
		}

		// Each cause is lifted by itself, from the card and from the list.
		for _, path := range []string{home, "/staff/causes", "/staff/causes?effect=warned"} {
			want := map[string]int{home: 2, "/staff/causes": 2, "/staff/causes?effect=warned": 1}[path]
			if got := b.Get(path).Page(t).Find("a[href^='/commands/member-lift?']").Length(); got != want {
				t.Errorf("%s has %d links to lift, want %d", path, got, want)
			}
		}
		lift := page.Find("a[href*='member-lift']").First().AttrOr("href", "")
		asked := b.Get(lift).Page(t)
		b.Follow(b.Post("/commands/member-lift", url.Values{"name": {"user"}, "cause": {asked.Find("[name=cause]").AttrOr("value", "")}, "reason": {"served"}, "back": {home}}))
		if m, err := w.Deps.Members.ByName(t.Context(), "user"); err != nil || len(m.Holding) != 1 {
			t.Errorf("after lifting one: %+v, %v", m.Holding, err)
		}

		if got := sitetest.Words(page.Find("section[aria-labelledby=clients]")); !strings.Contains(got, "BadClient 1 just now refused Transmission 4.0 60 minutes ago") {
			t.Errorf("clients: %s", got)
		}
		if got := sitetest.Words(page.Find("section[aria-labelledby=uploads]")); !strings.Contains(got, "A dataset <b>of</b> the user") {
			t.Errorf("uploads: %s", got)
		}
		if got := sitetest.Words(page.Find("section[aria-labelledby=snatches]")); !strings.Contains(got, "No download is complete.") {
			t.Errorf("snatches: %s", got)
		}
	})
}

// TestCardShowsNoAddress keeps addresses off the card: a look at them is a step of its own.
func TestCardShowsNoAddress(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for _, who := range []string{"user", "other"} {
		w.Deps.Members.Security().Note(security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr("203.0.113.77")}),
			security.Event{Member: w.People[who].Member.ID, Kind: security.LoggedIn})
	}
	b := w.As("moderator")
	if a := b.Get("/staff/members/user"); strings.Contains(a.Text, "203.0.113.77") {
		t.Error("the card shows an address")
	}
	if a := b.Post("/commands/member-near", url.Values{"name": {"user"}, "back": {"/staff/members/user"}}); !strings.Contains(a.Text, "203.0.113.77") || !strings.Contains(a.Text, ">other<") {
		t.Errorf("who is near: status %d, %s", a.StatusCode, sitetest.Words(a.Page(t).Find("main")))
	}
	var n int
	w.Must(w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE command = 'member near' AND actor_name = 'moderator' AND outcome = 'done'").Scan(&n))
	if n != 1 {
		t.Errorf("%d looks are in the audit log", n)
	}
}

// TestOwnNotesAreHidden has staff look at the cards of those who stand beside or above them.
func TestOwnNotesAreHidden(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for _, who := range []string{"moderator", "sysop"} {
		_, err := w.Deps.Members.AddNote(t.Context(), w.People[who].Member.ID, "a note that they must not read", member.By{Name: "shell"})
		w.Must(err)
		if a := w.As("moderator").Get("/staff/members/" + who); a.StatusCode != http.StatusOK || strings.Contains(a.Text, "must not read") || a.Page(t).Find("#notes").Length() != 0 {
			t.Errorf("a moderator reads what is noted about %s", who)
		}
	}
	if a := w.As("sysop").Get("/staff/members/moderator"); !strings.Contains(a.Text, "must not read") {
		t.Error("who stands above does not read the note")
	}
}

// TestFindByMore looks for members by client, inviter and duty, and not by an address: a look
// at one is noted.
func TestFindByMore(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user, other := w.People["user"].Member, w.People["other"].Member
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{{Member: user.ID, Torrent: 1, Slot: transfer.Slot{Ring: 1}, At: w.Now(), Client: "qBittorrent 5.0.1", Outcome: transfer.Counted}}))
	w.Must(w.Deps.Invites.Record(t.Context(), invite.Origin{Member: other.ID, Inviter: user.ID, Via: invite.ViaStaff}))
	w.Must(w.Deps.Members.SetSecondary(t.Context(), other.ID, "Donor", true))
	names := func(role, query string) string {
		t.Helper()
		a := w.As(role).Get("/staff/members?" + query)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", query, a.StatusCode)
		}
		return sitetest.Words(a.Page(t).Find("td.main"))
	}
	for query, want := range map[string]string{"client=QBITTORRENT": "user", "client=Transmission": "", "inviter=USER": "other", "inviter=other": "", "class=Donor": "other",
		"inviter=user&client=qB": "", "inviter=nobody": "", "name=user@lab.example": "", "name=203.0.113.77": ""} {
		if got := names("moderator", query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	page := w.As("moderator").Get("/staff/members?name=user@lab.example")
	if page.Page(t).Find("a[href^='/commands/member-at']").Length() != 2 || strings.Contains(page.Text, "lab.example") {
		t.Error("who writes an address is not sent to where one is looked for")
	}
	for _, p := range []core.Permission{core.TrackerRead, core.InviteManage} {
		w.Must(w.Deps.Members.SetClassPermission(t.Context(), "Moderator", p, false))
	}
	if all := names("moderator", ""); names("moderator", "client=qB&inviter=user") != all {
		t.Error("who may see neither announces nor the tree narrows the list by them")
	}
	if fields := w.As("moderator").Get("/staff/members").Page(t).Find("#client, #inviter").Length(); fields != 0 {
		t.Errorf("%d fields are shown to who may not use them", fields)
	}
	var n int
	w.Must(w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM security_log WHERE kind = 'looked' AND member_id = ?", user.ID).Scan(&n))
	if n != 1 {
		t.Errorf("whose invites were looked for is told so %d times", n)
	}
}
