package staff_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestStaffPages(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		b := w.As("sysop")
		made := b.Follow(b.Post("/staff/members/new", url.Values{"name": {"newcomer"}, "email": {"n@lab.example"}, "class": {"Member"}})).Page(t)
		var secrets []string
		made.Find(".flash code").Each(func(_ int, s *goquery.Selection) { secrets = append(secrets, s.Text()) })
		if len(secrets) != 4 || secrets[0] != "newcomer" {
			t.Fatalf("secrets %d", len(secrets))
		}
		if m, err := w.Deps.Members.Login(t.Context(), "newcomer", secrets[1]); err != nil || m.Class.Name != "Member" {
			t.Errorf("log in as the newcomer: %v", err)
		}
		if a := b.Get("/staff/members/newcomer"); strings.Contains(a.Text, secrets[1]) {
			t.Error("the passphrase is shown a second time")
		}
		for name, form := range map[string]url.Values{"name": {"name": {"no spaces please"}, "class": {"User"}}, "email": {"name": {"fine"}, "email": {"nonsense"}, "class": {"User"}}} {
			if a := b.Post("/staff/members/new", form); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("#f-"+name+"[aria-invalid]").Length() != 1 {
				t.Errorf("%s: status %d", name, a.StatusCode)
			}
		}
		if a := b.Post("/staff/members/new", url.Values{"name": {"NEWCOMER"}, "class": {"User"}}); a.StatusCode != http.StatusConflict {
			t.Errorf("a name that is taken: status %d", a.StatusCode)
		}
		if a := b.Post("/staff/members/newcomer/state", url.Values{"state": {"disabled"}, "reason": {" "}}); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("disabled without a reason: status %d", a.StatusCode)
		}
		b.Follow(b.Post("/staff/members/newcomer/state", url.Values{"state": {"disabled"}, "reason": {"two accounts"}}))
		b.Follow(b.Post("/staff/members/newcomer/class", url.Values{"class": {"elite"}}))
		b.Follow(b.Post("/staff/members/newcomer/leech", url.Values{"state": {"off"}}))
		m, err := w.Deps.Members.ByName(t.Context(), "newcomer")
		if err != nil || m.State != member.Disabled || m.StateReason != "two accounts" || m.Class.Name != "Elite" || m.CanLeech {
			t.Errorf("member %+v (%v)", m, err)
		}
		b.Follow(b.Post("/staff/members/newcomer/state", url.Values{"state": {"enabled"}}))
		if m, _ = w.Deps.Members.ByName(t.Context(), "newcomer"); !m.Enabled() {
			t.Error("not enabled again")
		}
		var n int
		if err := w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE via = 'site' AND actor_name = 'sysop' AND outcome = 'done'").Scan(&n); err != nil || n != 5 {
			t.Errorf("%d rows in the audit log (%v), want 5", n, err)
		}
		if list := b.Get("/staff/members").Text; !strings.Contains(list, "newcomer") || !strings.Contains(list, ">disabled<") {
			t.Error("the list lacks somebody")
		}
	})
}

func TestNobodyActsOnTheirBetters(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Join("equal", "Moderator")
	b := w.As("moderator")
	for _, target := range []string{"sysop", "equal", "moderator"} {
		for path, form := range map[string]url.Values{
			"/state": {"state": {"disabled"}, "reason": {"because"}}, "/class": {"class": {"User"}}, "/leech": {"state": {"off"}},
		} {
			if a := b.Post("/staff/members/"+target+path, form); a.StatusCode != http.StatusForbidden {
				t.Errorf("moderator on %s%s: status %d, want 403", target, path, a.StatusCode)
			}
		}
	}
	for class, want := range map[string]int{"Moderator": 422, "Sysop": 422, "Bot": 422, "Elite": 303} {
		if a := b.Post("/staff/members/user/class", url.Values{"class": {class}}); a.StatusCode != want {
			t.Errorf("give class %s: status %d, want %d", class, a.StatusCode, want)
		}
		made := b.Post("/staff/members/new", url.Values{"name": {"new_" + class}, "class": {class}})
		if made.StatusCode != want {
			t.Errorf("make a %s: status %d, want %d", class, made.StatusCode, want)
		}
	}
}
