package staff_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

func TestStaffPages(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		b := w.As("sysop")
		home := "/staff/members/newcomer"
		run := func(name string, form url.Values) sitetest.Answer {
			form.Set("back", home)
			return b.Post("/commands/"+name, form)
		}
		made := b.Follow(b.Post("/commands/member-create", url.Values{"name": {"newcomer"}, "email": {"n@lab.example"}, "class": {"Member"}, "back": {"/staff/members"}})).Page(t)
		var secrets []string
		made.Find(".flash code").Each(func(_ int, s *goquery.Selection) { secrets = append(secrets, s.Text()) })
		if len(secrets) != 3 || !strings.Contains(made.Find(".flash").Text(), "Account newcomer") {
			t.Fatalf("secrets %d, %s", len(secrets), made.Find(".flash").Text())
		}
		if m, err := w.Deps.Members.Login(t.Context(), "newcomer", secrets[0]); err != nil || m.Class.Name != "Member" {
			t.Errorf("log in as the newcomer: %v", err)
		}
		if a := b.Get("/staff/members/newcomer"); strings.Contains(a.Text, secrets[0]) {
			t.Error("the passphrase is shown a second time")
		}
		for name, form := range map[string]url.Values{"name": {"name": {"no spaces please"}, "class": {"User"}}, "email": {"name": {"fine"}, "email": {"nonsense"}, "class": {"User"}}} {
			if a := run("member-create", form); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name="+name+"][aria-invalid]").Length() != 1 {
				t.Errorf("%s: status %d", name, a.StatusCode)
			}
		}
		if a := run("member-create", url.Values{"name": {"NEWCOMER"}, "class": {"User"}}); a.StatusCode != http.StatusConflict {
			t.Errorf("a name that is taken: status %d", a.StatusCode)
		}
		newcomer := func(more url.Values) url.Values {
			more.Set("name", "newcomer")
			return more
		}
		if a := run("member-disable", newcomer(url.Values{"reason": {" "}})); a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("disabled without a reason: status %d", a.StatusCode)
		}
		asked := run("member-disable", newcomer(url.Values{"reason": {"two accounts"}}))
		if m, _ := w.Deps.Members.ByName(t.Context(), "newcomer"); !m.Enabled() || !strings.Contains(asked.Text, "This would disable newcomer") {
			t.Error("it was done without asking, or the question is missing")
		}
		b.Follow(b.Agree(t, asked))
		b.Follow(run("member-class", newcomer(url.Values{"class": {"elite"}})))
		done := b.Follow(run("member-restrict", newcomer(url.Values{"what": {"download"}, "reason": {"traded <keys>"}}))).Page(t)
		m, err := w.Deps.Members.ByName(t.Context(), "newcomer")
		if err != nil || m.Open() || m.ClosedWhy() != "two accounts" || m.Class.Name != "Elite" || len(m.Holding) != 2 {
			t.Errorf("member %+v (%v)", m, err)
		}
		undo := url.Values{"id": {done.Find(`.flash form[action="/commands/undo"] [name=id]`).AttrOr("value", "")}, "back": {home}}
		b.Follow(b.Post("/commands/undo", undo))
		if m, _ = w.Deps.Members.ByName(t.Context(), "newcomer"); len(m.Holding) != 1 {
			t.Error("the button of the page before did not undo it")
		}
		if a := b.Post("/commands/undo", undo); a.StatusCode != http.StatusConflict {
			t.Errorf("undone twice: status %d", a.StatusCode)
		}
		b.Follow(run("member-restrict", newcomer(url.Values{"what": {"download"}, "reason": {"traded <keys>"}})))
		b.Follow(run("member-enable", newcomer(url.Values{})))
		if m, _ = w.Deps.Members.ByName(t.Context(), "newcomer"); !m.Enabled() {
			t.Error("not enabled again")
		}
		var n int
		if err := w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE via = 'site' AND actor_name = 'sysop' AND outcome = 'done'").Scan(&n); err != nil || n != 7 {
			t.Errorf("%d rows in the audit log (%v), want 7", n, err)
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
		for name, form := range map[string]url.Values{
			"member-disable": {"reason": {"because"}}, "member-class": {"class": {"User"}}, "member-restrict": {"what": {"download"}, "reason": {"because"}},
		} {
			form.Set("name", target)
			if a := b.Post("/commands/"+name, form); a.StatusCode != http.StatusForbidden {
				t.Errorf("moderator: %s of %s: status %d, want 403", name, target, a.StatusCode)
			}
		}
	}
	for class, want := range map[string]int{"Moderator": 403, "Sysop": 403, "Bot": 403, "Elite": 303} {
		if a := b.Post("/commands/member-class", url.Values{"name": {"user"}, "class": {class}}); a.StatusCode != want {
			t.Errorf("give class %s: status %d, want %d", class, a.StatusCode, want)
		}
		made := b.Post("/commands/member-create", url.Values{"name": {"new_" + class}, "class": {class}})
		if made.StatusCode != want {
			t.Errorf("make a %s: status %d, want %d", class, made.StatusCode, want)
		}
	}
}

// TestPageOffersWhatMayBeDone looks for the buttons of a member's page.
func TestPageOffersWhatMayBeDone(t *testing.T) {
	w := sitetest.OnSQLite(t)
	offered := func(who, whom string) string {
		var out []string
		w.As(who).Get("/staff/members/" + whom).Page(t).Find(".acts form").Each(func(_ int, s *goquery.Selection) {
			out = append(out, strings.TrimPrefix(s.AttrOr("action", ""), "/commands/"))
		})
		return strings.Join(out, " ")
	}
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, w.People["other"].Member.ID, "a test"))
	all := "branch-move branch-disable invite-give freeleech-member irclog-forget member-class member-disable member-irckey member-announcekey member-recover member-warn member-restrict member-park permission-grant permission-withhold member-tell"
	for whom, want := range map[string]string{
		"user": all, "other": strings.Replace(strings.Replace(all, "branch-disable ", "", 1), "member-disable", "member-enable member-lift", 1),
		"sysop": "freeleech-member irclog-forget member-tell", // nobody acts on their betters; those are for anyone's sake
	} {
		got := strings.Fields(offered("moderator", whom))
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("moderator on %s (-want +got):\n%s", whom, diff)
		}
	}
}
