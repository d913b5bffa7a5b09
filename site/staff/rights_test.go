package staff_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/command/commandtest"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// rights is a site with somebody of each kind, who are held against the engine.
type rights struct {
	*sitetest.World
	t       *testing.T
	group   core.GroupID
	torrent core.TorrentID
}

// visitors may visit pages. The dataset belongs to "other"; "aide" is a user with a
// secondary class that permits what moderators may do.
var visitors = []string{"user", "other", "aide", "moderator", "sysop"}

func newRights(t *testing.T) *rights {
	t.Helper()
	w := &rights{World: sitetest.OnSQLite(t), t: t}
	for _, name := range []string{"aide", "victim", "closed"} {
		w.Join(name, "")
	}
	w.Must(commandtest.Promote(t.Context(), w.Deps.Members, w.People["aide"].Member.ID))
	w.Must(membertest.Disable(t.Context(), w.Deps.Members, w.People["closed"].Member.ID, "for the test"))
	_, err := w.Deps.Members.EnsureBot(t.Context(), "key-of-the-bot")
	w.Must(err)
	w.group, w.torrent = w.Upload("other", "A dataset of somebody", nil)
	return w
}

// actor is a member as they are now, on the site.
func (w *rights) actor(name string) command.Actor {
	return command.Of(w.member(name), audit.ViaSite)
}

func (w *rights) member(name string) member.Member {
	w.t.Helper()
	m, err := w.Deps.Members.ByName(w.t.Context(), name)
	w.Must(err)
	return m
}

// denials counts the rows of what somebody was denied by the site.
func (w *rights) denials(name, command string) (n int) {
	w.t.Helper()
	w.Must(w.DB.QueryRowContext(w.t.Context(), "SELECT COUNT(*) FROM audit WHERE via = 'site' AND outcome = 'denied' AND actor_id = ? AND command = ?",
		w.People[name].Member.ID, command).Scan(&n))
	return n
}

func (w *rights) orders() []commandtest.Order {
	return commandtest.Orders(w.Deps.Commands, commandtest.Names{Member: "victim", Torrent: fmt.Sprint(w.torrent), Class: "User"})
}

// TestPagesOfCommandsAreTheEngines asks for the page of each command and sends its form, as
// everybody, and holds what comes of it against what the engine says.
func TestPagesOfCommandsAreTheEngines(t *testing.T) {
	w := newRights(t)
	for _, who := range visitors {
		b := w.As(who)
		for _, o := range w.orders() {
			info, err := w.Deps.Commands.Named(w.actor(who), o.Name)
			page, wanted := b.Get(web.CommandAddress(o.Name)).StatusCode, http.StatusOK
			switch {
			case err != nil:
				wanted = http.StatusNotFound
			case info.Form != "": // it has another page
				wanted = http.StatusSeeOther
			}
			if page != wanted {
				t.Errorf("%s asks for the page of %s: status %d, want %d", who, o.Name, page, wanted)
			}
			denied := commandtest.Denied(o.Ask(t.Context(), w.Deps.Commands, w.actor(who), command.Private))
			before := w.denials(who, o.Name)
			form := url.Values{"back": {"/"}}
			for name, value := range o.Given {
				form.Set(name, value)
			}
			status, rows := b.Post(web.CommandAddress(o.Name), form).StatusCode, w.denials(who, o.Name)-before
			if (status == http.StatusForbidden) != denied || (rows == 1) != denied || rows > 1 {
				t.Errorf("%s runs %s %v: denied by the engine: %t; status %d and %d rows of a denial", who, o.Name, o.Given, denied, status, rows)
			}
		}
	}
	for _, who := range []string{"anonymous", "disabled"} {
		b := w.As(who)
		for _, o := range w.orders() {
			for _, a := range []sitetest.Answer{b.Get(web.CommandAddress(o.Name)), b.Post(web.CommandAddress(o.Name), url.Values{})} {
				if !strings.HasPrefix(a.Header.Get("Location"), "/login") {
					t.Errorf("%s %s %s: status %d, want the login page", who, a.Request.Method, o.Name, a.StatusCode)
				}
			}
		}
	}
}

// drawn are the commands with a button on a page, of the forms that name a subject.
func drawn(page *goquery.Document, value string) []string {
	var out []string
	page.Find(`form[action^="/commands/"]`).Each(func(_ int, s *goquery.Selection) {
		if s.Find(`input[type=hidden][value="`+value+`"]`).Length() > 0 {
			out = append(out, web.CommandName(strings.TrimPrefix(s.AttrOr("action", ""), "/commands/")))
		}
	})
	slices.Sort(out)
	return out
}

// runs are the actions that the engine would run on a subject.
func (w *rights) runs(a command.Actor, s command.Subject, first command.Type) []string {
	w.t.Helper()
	var out []string
	for _, info := range w.Deps.Commands.All() {
		if !info.Changes || info.Subject() != first {
			continue
		}
		ok, err := commandtest.RunsOn(w.t.Context(), w.Deps.Commands, a, info, s)
		w.Must(err)
		if ok {
			out = append(out, info.Name)
		}
	}
	slices.Sort(out)
	return out
}

// TestButtonsAreDrawnWhereTheEngineRuns compares the buttons about members and torrents, and
// the links to commands beside them, with what the engine would run, for everybody on
// everybody.
func TestButtonsAreDrawnWhereTheEngineRuns(t *testing.T) {
	w := newRights(t)
	for _, who := range visitors {
		b, actor := w.As(who), w.actor(who)
		found, err := w.Deps.Catalog.Torrent(t.Context(), command.Viewer(actor), w.torrent)
		w.Must(err)
		torrent := command.Subject{Torrent: &found}
		page := b.Get(fmt.Sprintf("/groups/%d", w.group)).Page(t)
		if diff := cmp.Diff(w.runs(actor, torrent, command.TypeTorrent), drawn(page, torrent.Value())); diff != "" {
			t.Errorf("%s on the torrent (-runs +drawn):\n%s", who, diff)
		}
		w.links(who, page)
		list := b.Get("/staff/members")
		if list.StatusCode != http.StatusOK {
			continue // it is for staff
		}
		w.links(who, list.Page(t))
		for _, whom := range []string{"victim", "closed", "aide", "moderator", "sysop", member.BotName} {
			m := w.member(whom)
			page := b.Get("/staff/members/" + whom).Page(t)
			if diff := cmp.Diff(w.runs(actor, command.Subject{Member: &m}, command.TypeMember), drawn(page, m.Name)); diff != "" {
				t.Errorf("%s on %s (-runs +drawn):\n%s", who, whom, diff)
			}
			w.links(who, page, "member security", "member near", "member addresses", "member causes")
			tree := w.order("invite tree")
			tree.Given["name"] = m.Name
			if runs, linked := !commandtest.Denied(tree.Ask(t.Context(), w.Deps.Commands, actor, command.Private)), page.Find(`a[href="/staff/members/`+m.Name+`/tree"]`).Length() > 0; runs != linked {
				t.Errorf("%s on the page of %s: the tree may be seen: %t, is linked: %t", who, whom, runs, linked)
			}
		}
	}
}

// TestNoPageOffersWhatTheEngineDenies visits each page as everybody, and holds the buttons
// and links to commands that are drawn there against what the engine says.
func TestNoPageOffersWhatTheEngineDenies(t *testing.T) {
	w := newRights(t)
	routes, err := w.Room.Routes()
	w.Must(err)
	for _, who := range visitors {
		b, buttons := w.As(who), 0
		for _, r := range routes {
			path := strings.NewReplacer(":name", "victim", ":id", "1", ":page", "rules").Replace(r.Path)
			if r.Method != http.MethodGet || r.Kind != web.Page || strings.ContainsAny(path, ":*") || path == "/staff/components" { // which shows specimens
				continue
			}
			a := b.Get(path)
			if a.StatusCode != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
				continue
			}
			page := a.Page(t)
			w.links(who, page)
			page.Find(`form[action^="/commands/"]`).Each(func(_ int, s *goquery.Selection) {
				o := w.order(web.CommandName(strings.TrimPrefix(s.AttrOr("action", ""), "/commands/")))
				s.Find("input[type=hidden]").Each(func(_ int, f *goquery.Selection) {
					if name := f.AttrOr("name", ""); name != "back" {
						o.Given[name] = f.AttrOr("value", "")
					}
				})
				buttons++
				if err := o.Ask(t.Context(), w.Deps.Commands, w.actor(who), command.Private); commandtest.Denied(err) {
					t.Errorf("%s is offered %s %v on %s: %v", who, o.Name, o.Given, path, err)
				}
			})
		}
		if staff := slices.Contains([]string{"aide", "moderator", "sysop"}, who); staff && buttons < 20 {
			t.Errorf("%s has seen %d buttons", who, buttons)
		}
	}
}

// links follows the links to commands on a page, with the arguments that they fill in, and
// makes sure that each of some commands is linked just where it would run.
func (w *rights) links(who string, page *goquery.Document, wanted ...string) {
	w.t.Helper()
	linked := map[string]bool{}
	name := strings.TrimSpace(page.Find("h1").Text())
	page.Find(`a[href^="/commands/"]`).Each(func(_ int, s *goquery.Selection) {
		u, err := url.Parse(s.AttrOr("href", ""))
		w.Must(err)
		o := w.order(web.CommandName(strings.TrimPrefix(u.Path, "/commands/")))
		for key := range u.Query() {
			if key != "back" {
				o.Given[key] = u.Query().Get(key)
			}
		}
		linked[o.Name] = true
		if err := o.Ask(w.t.Context(), w.Deps.Commands, w.actor(who), command.Private); commandtest.Denied(err) {
			w.t.Errorf("%s is shown %s: %v", who, u, err)
		}
	})
	for _, c := range wanted {
		o := w.order(c)
		o.Given["name"] = name
		if runs := !commandtest.Denied(o.Ask(w.t.Context(), w.Deps.Commands, w.actor(who), command.Private)); runs != linked[c] {
			w.t.Errorf("%s on the page of %s: %s runs: %t, is linked: %t", who, name, c, runs, linked[c])
		}
	}
}

// order is a command with arguments that fit.
func (w *rights) order(name string) commandtest.Order {
	w.t.Helper()
	orders := w.orders()
	i := slices.IndexFunc(orders, func(o commandtest.Order) bool { return o.Name == name })
	if i < 0 {
		w.t.Fatalf("there is no command %q", name)
	}
	return orders[i]
}
