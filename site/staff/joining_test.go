package staff_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// does sends the form of a command and must be led back.
func does(t *testing.T, b *sitetest.Browser, command, back string, values url.Values) {
	t.Helper()
	values.Set("back", back)
	if a := b.Post("/commands/"+command, values); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != back {
		t.Fatalf("%s: status %d to %s: %s", command, a.StatusCode, a.Header.Get("Location"), a.Page(t).Find("main").Text())
	}
}

// buttons are the commands that a page offers.
func buttons(t *testing.T, b *sitetest.Browser, path string) string {
	t.Helper()
	var out []string
	page := b.Get(path).Page(t)
	for _, n := range page.Find("main form[action^='/commands/']").Not("[action='/commands/undo']").EachIter() {
		out = append(out, strings.TrimPrefix(n.AttrOr("action", ""), "/commands/"))
	}
	return strings.Join(out, " ")
}

// TestApplicationsPage looks at applications, claims, notes, refuses, takes that back and lets
// somebody in, each by the buttons of the page.
func TestApplicationsPage(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	mod, sysop := w.As("moderator"), w.As("sysop")
	if got := mod.Get("/staff/applications").Page(t).Find("main").Text(); !strings.Contains(got, "Nobody can apply") || !strings.Contains(got, "Nobody waits") || strings.Contains(got, "Change how people join") {
		t.Errorf("without applications: %s", got)
	}
	w.Set("registration.mode", "application")
	for i := range 2 {
		f := invite.ApplyForm{Name: fmt.Sprint("hopeful", i+1), Email: "hopeful@lab.example", Answers: map[int64]string{1: "Yeast,\nand its <b>genome</b>.", 3: "By chance."}, Human: invite.Human{Stamp: w.Deps.Invites.Stamps().Stamp(w.Now())}}
		w.Pass(time.Minute)
		_, _, err := w.Deps.Invites.Apply(t.Context(), f)
		w.Must(err)
	}
	if rows := mod.Get("/staff/applications").Page(t).Find("tbody tr"); rows.Length() != 2 || !strings.Contains(rows.First().Text(), "hopeful1") || !strings.Contains(rows.First().Text(), "waits") {
		t.Errorf("the queue: %s", rows.Text())
	}
	const one = "/staff/applications/1"
	page := mod.Get(one).Page(t)
	if got := page.Find("main").Text(); !strings.Contains(got, "and its <b>genome</b>.") || !strings.Contains(got, "hopeful@lab.example") || !strings.Contains(got, "1 other application") || page.Find("main b").Length() != 0 {
		t.Errorf("one: %s", got)
	}
	id := func(more ...string) url.Values {
		v := url.Values{"id": {"1"}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	for _, step := range []struct {
		who, offered, does string
		values             url.Values
	}{
		{"moderator", "application-note application-claim", "application-claim", id()},
		{"sysop", "application-note application-release", "application-note", id("note", "I know <i>their</i> lab.")},
		{"moderator", "application-pass application-refuse application-note application-release", "application-refuse", id("wait", "2d", "reason", "say more")},
		{"moderator", "application-note application-reopen", "application-reopen", id()},
		{"moderator", "application-pass application-refuse application-note application-release", "application-pass", id()},
		{"sysop", "application-note application-reopen", "", nil},
	} {
		b := map[string]*sitetest.Browser{"moderator": mod, "sysop": sysop}[step.who]
		if got := buttons(t, b, one); got != step.offered {
			t.Errorf("before %s, %s has %s, want %s", step.does, step.who, got, step.offered)
		}
		if step.does != "" {
			does(t, b, step.does, one, step.values)
		}
	}
	if got := mod.Get(one).Page(t).Find("main").Text(); !strings.Contains(got, "I know <i>their</i> lab.") || !strings.Contains(got, "it waits to be used") {
		t.Errorf("decided: %s", got)
	}
	if rows := mod.Get("/staff/applications?show=passed").Page(t).Find("tbody tr"); rows.Length() != 1 || !strings.Contains(rows.Text(), "let in") {
		t.Errorf("let in: %s", rows.Text())
	}
	if got := mod.Get("/staff/applications?show=passed&from=1").Page(t).Find("main").Text(); !strings.Contains(got, "There are no more") {
		t.Errorf("behind the last: %s", got)
	}
	if got := mod.Get("/staff/applications/4711"); got.StatusCode != http.StatusNotFound {
		t.Errorf("no such application: status %d", got.StatusCode)
	}
}

// TestQuestionsPage adds, moves and removes what applicants are asked.
func TestQuestionsPage(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	mod := w.As("moderator")
	const path = "/staff/applications/questions"
	asked := func() (out []string) {
		list, err := w.Deps.Invites.Questions(t.Context())
		w.Must(err)
		for _, q := range list {
			out = append(out, q.Text)
		}
		return out
	}
	does(t, mod, "question-add", path, url.Values{"text": {"What is your <b>organism</b>?"}, "answer": {"optional"}, "place": {"1"}})
	page := mod.Get(path).Page(t)
	if row := page.Find("tbody tr").First(); !strings.Contains(row.Text(), "What is your <b>organism</b>?") || !strings.Contains(row.Text(), "may be left out") || row.Find("form").Length() != 2 {
		t.Errorf("the first: %s", row.Text())
	}
	does(t, mod, "question-move", path, url.Values{"id": {"4"}, "place": {"4"}})
	if list := asked(); len(list) != 4 || list[3] != "What is your <b>organism</b>?" {
		t.Errorf("moved: %q", list)
	}
	for _, id := range []string{"1", "2", "3"} {
		does(t, mod, "question-remove", path, url.Values{"id": {id}})
	}
	if got := buttons(t, mod, path); got != "question-remove question-add" {
		t.Errorf("with one question: %s", got)
	}
	does(t, mod, "question-remove", path, url.Values{"id": {"4"}})
	if got := mod.Get(path).Page(t).Find("main").Text(); !strings.Contains(got, "asked nothing") {
		t.Errorf("with none: %s", got)
	}
	for range invite.MaxQuestions {
		_, err := w.Deps.Invites.AddQuestion(t.Context(), invite.Question{Text: "And?"}, 0)
		w.Must(err)
	}
	if page := mod.Get(path).Page(t); page.Find("form[action='/commands/question-add']").Length() != 0 || !strings.Contains(page.Find("main").Text(), "Remove one") {
		t.Error("one more than there can be is offered")
	}
}

// TestTreePage shows a branch, hides figures, moves a branch and disables one, each after a
// question, and takes an invite back.
func TestTreePage(t *testing.T) {
	t.Parallel()
	w := sitetest.OnSQLite(t)
	mod := w.As("moderator")
	for _, n := range []string{"child", "grandchild"} {
		w.Join(n, "")
	}
	under := func(name, inviter string) {
		t.Helper()
		_, err := w.Deps.Invites.Move(t.Context(), w.People[name].Member.ID, w.People[inviter].Member.ID)
		w.Must(err)
	}
	const path = "/staff/members/user/tree"
	if got := mod.Get(path).Page(t).Find("main").Text(); !strings.Contains(got, "Nobody stands below") || !strings.Contains(got, "is not recorded") || !strings.Contains(got, "None was made yet") {
		t.Errorf("without a branch: %s", got)
	}
	under("child", "user")
	under("grandchild", "child")
	_, err := w.Deps.Invites.Make(t.Context(), w.People["user"].Member.ID, invite.New{Note: "a secret note"})
	w.Must(err)
	page := mod.Get(path).Page(t)
	if rows := page.Find("td.branch"); rows.Length() != 2 || rows.Last().Find(".step").Length() != 1 || rows.Last().Find("a").AttrOr("href", "") != "/staff/members/grandchild/tree" {
		t.Errorf("the branch: %s", rows.Text())
	}
	if strings.Contains(page.Find("main").Text(), "a secret note") || page.Find("form[action='/commands/invite-revoke']").Length() != 1 {
		t.Error("a member's note for themselves is shown, or their invite can't be taken back")
	}
	does(t, mod, "invite-revoke", path, url.Values{"id": {"1"}})
	if got := mod.Get(path).Page(t).Find("main").Text(); !strings.Contains(got, "taken back") {
		t.Errorf("after it was taken back: %s", got)
	}
	// What somebody hides is shown on request alone, and that is noted.
	w.Must(w.Deps.Members.SetHides(t.Context(), w.People["child"].Member.ID, 1|2|4))
	if got := mod.Get(path).Page(t).Find("tbody tr").First().Text(); !strings.Contains(got, "hidden") {
		t.Errorf("what is hidden: %s", got)
	}
	if page := mod.Get(path + "?private=yes").Page(t); strings.Contains(page.Find("tbody tr").First().Text(), "hidden") || page.Find(".tiles dt").Length() != 7 {
		t.Error("what is hidden is not shown to who may see it and asks")
	}
	// Surgery asks first.
	act := func(command string, values url.Values, question string) {
		t.Helper()
		values.Set("back", path)
		values.Set("name", "user")
		asked := mod.Post("/commands/"+command, values)
		if got := asked.Page(t).Find("main").Text(); !strings.Contains(got, question) {
			t.Fatalf("%s asks: %s", command, got)
		}
		if a := mod.Agree(t, asked); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != path {
			t.Fatalf("%s: %d to %s", command, a.StatusCode, a.Header.Get("Location"))
		}
	}
	act("branch-move", url.Values{"under": {"other"}}, "put user below other")
	if a := mod.Get(path).Page(t); a.Find(".lead a").Text() != "other" || a.Find("form[action='/commands/undo']").Length() != 1 {
		t.Error("it was not moved, or can't be taken back")
	}
	act("branch-disable", url.Values{"reason": {"they cheat together"}}, "disable 3 accounts")
	if got := mod.Get("/staff/members/other/tree").Page(t).Find("td .state.bad").Length(); got != 3 {
		t.Errorf("%d are disabled", got)
	}
	if got := buttons(t, mod, "/staff/members/sysop/tree"); got != "" {
		t.Errorf("on somebody above: %s", got)
	}
	if m, err := w.Deps.Members.ByName(t.Context(), "grandchild"); err != nil || m.Enabled() {
		t.Errorf("the last of the branch: %v", core.CodeOf(err))
	}
}
