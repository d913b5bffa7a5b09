package site_test

import (
	"fmt"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// newMatrix furnishes a site: a victim with secrets, what the rows ask for, and everybody who
// may come.
func newMatrix(t *testing.T) *matrix {
	t.Helper()
	w := sitetest.OnSQLite(t)
	m := &matrix{t: t, w: w, handler: w.Server.Config.Handler, led: map[string]bool{}}
	for _, name := range []string{"victim", canaryShy, "asker", "spare", "target"} {
		w.Join(name, map[string]string{"asker": "Moderator"}[name])
	}
	w.Upload("victim", "A dataset of the victim", nil)
	w.Upload(canaryShy, "A dataset of somebody shy", func(form url.Values) { form.Set("anonymous", "on") })
	w.Upload("user", "A dataset of one's own", nil)
	w.Tracked()
	_, err := w.Deps.Commands.Execute(t.Context(), command.Request{Actor: command.Shell(), Command: "news add", Given: map[string]string{"title": "Some news", "text": "It has begun."}})
	w.Must(err)
	m.apply()
	m.write()
	m.plant()
	m.ban()
	m.require()
	m.roles = roles(t, w)
	for n, r := range m.roles {
		m.settle(n, r)
		if r.id == 0 {
			continue
		}
		name := fmt.Sprintf("role%d", n)
		for i := range 2 {
			w.Tell(name, notify.Note{Kind: notify.UploadEdited, Title: "It was edited.", Link: "/browse", Once: fmt.Sprint(i)})
		}
	}
	victim := w.People["victim"]
	m.victim = &role{name: "the victim", class: "User", cookie: running, token: "read", victim: true, id: victim.Member.ID, secret: victim.Read, origin: netip.MustParseAddrPort("198.18.1.1:4000")}
	m.exec("UPDATE member SET seen_at = ?", w.Now().Unix())
	m.exec("UPDATE api_token SET seen_at = ?", w.Now().Unix())
	m.count()
	return m
}

// require has the rules changed, and asks everybody to accept them.
func (m *matrix) require() {
	w, ctx := m.w, m.t.Context()
	now, err := w.Deps.Pages.Current(ctx, "rules")
	w.Must(err)
	_, err = w.Deps.Pages.Edit(ctx, "rules", pages.Draft{Title: now.Title, Source: now.Source + "\n\nLabel your data.", Summary: "One more", Base: now.Revision}, pages.By{ID: w.People["asker"].Member.ID, Name: "asker"})
	w.Must(err)
	m.rules, err = w.Deps.Pages.ShownRevision(ctx, "rules")
	w.Must(err)
	w.Set("rules.revision", fmt.Sprint(m.rules))
	w.Must(w.Deps.Invites.Accept(ctx, w.People["victim"].Member.ID, m.rules))
}

// apply has somebody apply who then follows that with a code.
func (m *matrix) apply() {
	w, ctx := m.w, m.t.Context()
	w.Set("registration.mode", "application")
	defer w.Set("registration.mode", "invite")
	list, err := w.Deps.Invites.Questions(ctx)
	w.Must(err)
	f := invite.ApplyForm{Name: "hopeful", Email: canaryApplied, Answers: map[int64]string{}, Human: m.human(), Place: "198.18.7.7"}
	for _, q := range list {
		f.Answers[q.ID] = canaryAnswer
	}
	a, code, err := w.Deps.Invites.Apply(ctx, f)
	w.Must(err)
	m.follow = code
	w.Must(w.Deps.Invites.AddNote(ctx, a.ID, invite.Person{ID: w.People["asker"].Member.ID, Name: "asker"}, canaryNote))
}

// human is what a form carries that a person has filled in.
func (m *matrix) human() invite.Human {
	return invite.Human{Stamp: m.w.Deps.Invites.Stamps().Stamp(m.w.Now().Add(-time.Minute))}
}

// codeOf is the code of a role's application, or one that there is not.
func (m *matrix) codeOf(r *role) string {
	if r.code {
		return m.follow
	}
	return secret.Token(len(m.follow))
}

// next is a number that was not given yet.
func (m *matrix) next() int {
	m.n++
	return m.n
}

// name is one that nobody has yet.
func (m *matrix) name() string { return fmt.Sprint("fresh", m.next()) }

// invite is the token of a new invite.
func (m *matrix) invite() string {
	made, err := m.w.Deps.Invites.Make(m.t.Context(), 0, invite.New{})
	m.w.Must(err)
	return made.Token
}

// waiting is the code of an act that waits for approval, asked for by somebody.
func (m *matrix) waiting(asker *role) string {
	w, ctx := m.w, m.t.Context()
	id, about := w.People["asker"].Member.ID, "target"
	if asker != nil {
		id, about = asker.id, "spare"
	}
	who, err := w.Deps.Members.ByID(ctx, id)
	w.Must(err)
	actor := command.Of(who, audit.ViaSite)
	list, err := w.Deps.Commands.Waiting(ctx, actor)
	w.Must(err)
	for _, a := range list {
		if a.Asker == who.Name {
			return a.Code
		}
	}
	asked, err := w.Deps.Commands.Execute(ctx, command.Request{Actor: actor, Command: "member recover", Given: map[string]string{"name": about, "reason": "lost it"}})
	w.Must(err)
	_, err = w.Deps.Commands.Execute(ctx, command.Request{Actor: actor, Line: "confirm " + asked.Pending.Code})
	w.Must(err)
	return m.waiting(asker)
}
