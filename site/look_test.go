package site_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// axe-core comes from npm (scripts/pages), and is the file that we know.
const (
	npm     = "../scripts/pages/node_modules"
	axeFile = npm + "/axe-core/axe.min.js"
	axeSum  = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

// examples stand for what the patterns of addresses leave open.
var examples = map[string]string{
	":id": "1", ":name": "user", ":command": "member-create", ":token": "1", ":session": "1", ":fingerprint": strings.Repeat("ab", 32), ":nick": "other", ":page": "irc", ":number": "1",
}

// pagesOf are the addresses of all pages, each with one example.
func pagesOf(t testing.TB, w *sitetest.World) []string {
	t.Helper()
	routes, err := w.Room.Routes()
	w.Must(err)
	w.Pass(time.Hour) // links that there are not are guesses, after which one must wait
	out := slices.Clone(w.More)
	for _, r := range routes {
		if r.Method != http.MethodGet || r.Kind != web.Page || strings.Contains(r.Path, "*") || strings.HasSuffix(r.Path, ".txt") || strings.HasSuffix(r.Path, ".json") || strings.HasSuffix(r.Path, ".ico") {
			continue
		}
		parts := strings.Split(r.Path, "/")
		for i, p := range parts {
			if strings.HasPrefix(p, ":") {
				if examples[p] == "" {
					t.Fatalf("there is no example for %s of %s", p, r.Path)
				}
				parts[i] = examples[p]
			}
		}
		if path := strings.Join(parts, "/"); !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return append(out, "/no-such-page", "/browse?q=nothing-like-it", "/inbox?show=new", "/unsubscribe/"+w.Deps.Notices.Token(w.People["user"].Member.ID, notify.UploadDeleted, notify.Mail))
}

// looker is a browser that looks at pages as one role after the other.
type looker struct {
	*testing.T
	w    *sitetest.World
	page context.Context
	axe  string
}

func newLooker(t *testing.T, w *sitetest.World) *looker {
	t.Helper()
	l := &looker{T: t, w: w, page: tab(t)}
	raw, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatalf("%v (scripts/needs.sh test installs it)", err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != axeSum {
		t.Fatalf("%s is not the file that we know", axeFile)
	}
	l.axe = string(raw)
	return l
}

// become logs in as a role.
func (l *looker) become(role string) {
	l.Helper()
	jar := l.w.As(role).Client.Jar
	u, err := url.Parse(l.w.Server.URL)
	l.w.Must(err)
	if _, err := chromedp.Call(l.page, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		l.Fatal(err)
	}
	for _, c := range jar.Cookies(u) {
		if _, err := chromedp.Call(l.page, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: l.w.Server.URL}); err != nil {
			l.Fatal(err)
		}
	}
}

func (l *looker) scheme(name string) {
	l.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}, {Name: "prefers-reduced-motion", Value: "reduce"}}
	if _, err := chromedp.Call(l.page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		l.Fatal(err)
	}
}

func (l *looker) open(path string, width, height int64) {
	l.Helper()
	if err := chromedp.Do(l.page, chromedp.EmulateViewport(width, height), chromedp.Navigate(l.w.Server.URL+path)); err != nil {
		l.Fatalf("%s: %v", path, err)
	}
}

// violation is what axe has against a page.
type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Where []string `json:"where"`
}

// audit lets axe look at the page that is open.
func (l *looker) audit(where string) {
	l.Helper()
	if !ask[bool](l.T, l.page, "typeof axe === 'object'") {
		ask[bool](l.T, l.page, l.axe+"; true")
	}
	found, err := chromedp.Run(l.page, chromedp.Evaluate[[]violation](`axe.run(document, {resultTypes: ["violations"]}).then(r =>
		r.violations.map(v => ({id: v.id, help: v.help, where: v.nodes.slice(0, 3).map(n => n.html.slice(0, 160))})))`, chromedp.EvalAwaitPromise))
	if err != nil {
		l.Fatalf("%s: axe: %v", where, err)
	}
	for _, v := range found {
		l.Errorf("%s: %s: %s: %s", where, v.ID, v.Help, strings.Join(v.Where, "; "))
	}
}

// lay checks how the page that is open is laid out.
func (l *looker) lay(where string) {
	l.Helper()
	if ask[bool](l.T, l.page, "document.documentElement.scrollWidth > window.innerWidth") {
		widest := ask[string](l.T, l.page, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > window.innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("; ")`)
		l.Errorf("%s sticks out sideways: %s", where, widest)
	}
	if n := ask[int](l.T, l.page, "document.querySelectorAll('h1').length"); n != 1 {
		l.Errorf("%s has %d headings of the first rank", where, n)
	}
	if n := ask[int](l.T, l.page, "document.querySelectorAll('[tabindex]:not([tabindex=\"0\"]):not([tabindex=\"-1\"])').length"); n != 0 {
		l.Errorf("%s: the order of Tab is not the order of the page", where)
	}
	if err := chromedp.Do(l.page, chromedp.KeyEvent("\t")); err != nil { // from now on focus is shown, as for who uses the keyboard
		l.Fatal(err)
	}
	if hidden := ask[string](l.T, l.page, `[...document.querySelectorAll("a[href], button, input, select, textarea, summary")].filter(e => e.offsetParent && e.type !== "hidden").slice(0, 60).filter(e => {
		e.focus();
		const s = getComputedStyle(e), inside = e.closest(".pick");
		return document.activeElement === e && s.outlineStyle === "none" && !(inside && getComputedStyle(inside).outlineStyle !== "none");
	}).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("; ")`); hidden != "" {
		l.Errorf("%s: focus does not show on %s", where, hidden)
	}
}

var changing = regexp.MustCompile(`(value="[^"]*"|<code[^>]*>[^<]*|[0-9]+)`)

// shape is what a page is put together from, without what differs between members.
func shape(role string, a sitetest.Answer) string {
	return fmt.Sprint(a.StatusCode, changing.ReplaceAllString(strings.ReplaceAll(a.Text, role, "ROLE"), ""))
}

// furnished is a site with something on every page.
func furnished(t *testing.T, datasets int) *sitetest.World {
	t.Helper()
	w := sitetest.OnSQLite(t)
	names := []string{"Enterobacteria phage lambda, complete genome", "Saccharomyces cerevisiae S288C, reads of all chromosomes at two temperatures", "Phage T4 g.",
		"A dataset whose name is as long as a name may become, and then some, " + strings.Repeat("so that no table holds it in a line, ", 2) + "and it ends here"}
	for i := range datasets {
		name := fmt.Sprintf("Caenorhabditis elegans, single-cell atlas, part %d", i)
		if i < len(names) {
			name = names[i]
		}
		w.Upload([]string{"user", "other"}[i%2], name, nil)
	}
	w.Tracked()
	for path, form := range map[string]url.Values{
		"/settings/tokens": {"name": {"a script"}, "scope": {"read"}}, "/settings/irc/nicks": {"nick": {"other_nick"}},
	} {
		for _, role := range []string{"user", "moderator"} {
			w.As(role).Post(path, form)
		}
	}
	for _, role := range []string{"user", "moderator"} {
		w.Tell(role, notify.Note{Kind: notify.UploadDeleted, Title: "“Phage T4 g.” was deleted.", Text: "The reason given is: it is a duplicate. It is no longer served; ask staff if you think that this is wrong.", Link: "/help/staff", Once: "1"})
		w.Tell(role, notify.Note{Kind: notify.StaffMessage, Title: "moderator (staff) wrote to you.", Text: strings.Repeat("Astonishinglylongwordsoccur ", 30), Once: "2"})
		for i := range 8 {
			w.Tell(role, notify.Note{Kind: notify.SecretChanged, Title: "The IRC key was replaced.", Text: "It was done with your account.", Link: "/settings/security", Once: fmt.Sprint("k", i), Event: int64(i + 1)})
		}
	}
	_, err := w.Deps.Notices.MarkAllRead(t.Context(), w.People["user"].Member.ID, 2)
	w.Must(err)
	staff := pages.By{ID: w.People["moderator"].Member.ID, Name: "moderator"}
	now, err := w.Deps.Pages.Current(t.Context(), "irc")
	w.Must(err)
	_, err = w.Deps.Pages.Edit(t.Context(), "irc", pages.Draft{Title: "IRC here", Source: strings.Replace(now.Source, "IRC is our chat.", "Come and talk to us.", 1) + "\n\nOne line more.", Summary: "Said in our words"}, staff)
	w.Must(err)
	for _, title := range []string{"We are there", "The first hundred datasets"} {
		_, err = w.Deps.Pages.AddNews(t.Context(), pages.Draft{Title: title, Source: "Come in, and bring *data*.\n\n- one\n- two"}, staff)
		w.Must(err)
	}
	written(t, w)
	for value, lasts := range map[string]time.Duration{"203.0.113.0/24": 72 * time.Hour, "2001:db8:1234:5678:9abc:def0:1234:5678": 0, "*@throw-away.example.org": 0} {
		b, err := ban.New(ban.Draft{Value: value, Reason: "It floods the tracker from many clients, and answers no message", By: "moderator", For: lasts}, w.Now())
		w.Must(err)
		_, err = w.Bans.Add(t.Context(), b)
		w.Must(err)
	}
	joining(t, w)
	carded(t, w)
	return w
}

// joining lets people apply, and some be let in or refused; what they see is looked at, too.
func joining(t *testing.T, w *sitetest.World) {
	t.Helper()
	ctx, staff := t.Context(), invite.Person{ID: w.People["moderator"].Member.ID, Name: "moderator"}
	w.Set("registration.mode", "application")
	w.Set("application.wait", "365d")
	asked, err := w.Deps.Invites.Questions(ctx)
	w.Must(err)
	answers := map[int64]string{}
	for _, q := range asked {
		answers[q.ID] = "Yeast, and what its genome tells of the years in which nobody looked."
	}
	stamp := w.Deps.Invites.Stamps().Stamp(w.Now())
	w.Pass(time.Minute)
	apply := func(name, mail string) int64 {
		a, code, err := w.Deps.Invites.Apply(ctx, invite.ApplyForm{Name: name, Email: mail, Answers: answers, Human: invite.Human{Stamp: stamp}})
		w.Must(err)
		w.More = append(w.More, invite.StatePath+"/"+code)
		return a.ID
	}
	apply("waiting_long", "long@lab.example")
	for _, name := range []string{"refused", "passed", "mailed"} {
		mail := ""
		if name == "mailed" {
			mail = "mailed@lab.example"
		}
		id := apply(name, mail)
		_, err := w.Deps.Invites.Claim(ctx, id, staff)
		w.Must(err)
		if name == "refused" {
			_, err = w.Deps.Invites.Refuse(ctx, id, staff, "We could not tell from what you write which data you work with. Tell us more, and apply again.", -1)
		} else {
			_, _, err = w.Deps.Invites.Pass(ctx, id, staff)
		}
		w.Must(err)
	}
	w.Must(w.Deps.Invites.AddNote(ctx, 1, staff, "I know the lab that they name: "+strings.Repeat("Astonishinglylongwordsoccur", 4)))
	made, err := w.Deps.Invites.Make(ctx, w.People["user"].Member.ID, invite.New{Note: "for a colleague"})
	w.Must(err)
	w.More = append(w.More, invite.Address(made.Token))
}

// written are messages to staff: one of the member "user" with an answer, and a demand; and a
// branch of the invite tree below that member.
func written(t *testing.T, w *sitetest.World) {
	t.Helper()
	human := invite.Human{Stamp: w.Deps.Support.Stamps().Stamp(w.Now().Add(-time.Minute))}
	for _, f := range []support.Form{
		{Category: support.Question, Member: w.People["user"].Member.ID, Subject: "A dataset can't be downloaded", Text: "The tracker says that my client is refused.\n\nIt is the newest version, " + strings.Repeat("Astonishinglylongwordsoccur", 4), Human: human},
		{Category: support.Takedown, Email: "rights-and-permissions@yeast-press.example", Text: "The atlas is sold by us, and nobody was allowed to share it.", Human: human,
			Demand: support.Demand{Work: "The atlas of yeast, third edition", Where: "http://site.example/groups/1\nhttp://site.example/groups/2", Behalf: "The Yeast Press, whose counsel I am", Name: "Lena Aw", True: true}},
	} {
		_, err := w.Deps.Support.Open(t.Context(), f)
		w.Must(err)
	}
	for name, inviter := range map[string]string{"other": "user", "disabled": "user"} {
		_, err := w.Deps.Invites.Move(t.Context(), w.People[name].Member.ID, w.People[inviter].Member.ID)
		w.Must(err)
	}
	for i, inviter := range []string{"other", "novice1", "novice2"} {
		w.Join(fmt.Sprint("novice", i+1), "")
		_, err := w.Deps.Invites.Move(t.Context(), w.People[fmt.Sprint("novice", i+1)].Member.ID, w.People[inviter].Member.ID)
		w.Must(err)
	}
	_, _, err := w.Deps.Support.Reply(t.Context(), 1, support.Person{ID: w.People["moderator"].Member.ID, Name: "moderator"}, "Which client is it, and which version?\n\nThe rules list those that may announce.")
	w.Must(err)
}

// carded has staff concern themselves with members: what a card shows.
func carded(t *testing.T, w *sitetest.World) {
	t.Helper()
	user, mona := w.People["user"].Member.ID, member.By{ID: w.People["moderator"].Member.ID, Name: "moderator"}
	for _, text := range []string{"Wrote from the address of the institute that they share it with other, and that both upload from there.", "Asked to be left in peace until the end of the field season."} {
		_, err := w.Deps.Members.AddNote(t.Context(), user, text, mona)
		w.Must(err)
	}
	for _, c := range []member.NewCause{{Effect: member.Warned, Reason: "was rude to whoever asked about a dataset, and was asked twice to stop"}, {Effect: member.Granted, Permission: core.IRCVoice, Reason: "speaks at the meeting"}} {
		c.Member, c.By, c.For = user, mona, 7*24*time.Hour
		_, err := w.Deps.Members.BeginCause(t.Context(), c)
		w.Must(err)
	}
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{
		{Member: user, Torrent: 1, Slot: transfer.Slot{Ring: 1, Place: 4}, At: w.Now().Add(-time.Hour), Announces: 1, Client: "Transmission 4.0.6", Outcome: transfer.Counted, Leech: core.LeechNormal},
		{Member: user, Slot: transfer.Slot{Place: 4}, At: w.Now(), Announces: 1, Client: "BitTorrent 7.10", Outcome: "client_refused", Leech: core.LeechNormal}}))
}

// content is the part of a page that is not the same on all pages of a role.
func content(a sitetest.Answer) sitetest.Answer {
	if _, main, ok := strings.Cut(a.Text, "<main"); ok {
		a.Text, _, _ = strings.Cut(main, "</main>")
	}
	return a
}

// TestPagesAreAccessible lets axe look at every page, once for each role to whom its
// content looks different, on a desk in the light; and holds its layout on a narrow screen.
// What stands around the content is looked at with the first page of each role.
func TestPagesAreAccessible(t *testing.T) {
	w := furnished(t, 8)
	l := newLooker(t, w)
	l.scheme("light")
	shapes := map[string]bool{}
	for _, role := range []string{"anonymous", "user", "moderator", "sysop"} {
		l.become(role)
		b, around := w.As(role), false
		for _, path := range pagesOf(t, w) {
			a := b.Get(path)
			key := path + shape(role, content(a))
			if a.StatusCode == http.StatusSeeOther || shapes[key] && around {
				continue
			}
			shapes[key], around = true, true
			where := path + " as " + role
			l.open(path, 1280, 900)
			l.audit(where)
			if err := chromedp.Do(l.page, chromedp.EmulateViewport(320, 700)); err != nil {
				t.Fatal(err)
			}
			l.lay(where + " at 320 pixels")
			if err := chromedp.Do(l.page, chromedp.EmulateViewport(640, 700)); err != nil { // 1280 at 200 %
				t.Fatal(err)
			}
			if ask[bool](t, l.page, "document.documentElement.scrollWidth > window.innerWidth") {
				t.Errorf("%s sticks out sideways at 200 %%", where)
			}
		}
	}
}

// TestPagesAreGoodHTML lets html-validate read every page.
func TestPagesAreGoodHTML(t *testing.T) {
	if testing.Short() {
		t.Skip("-short leaves other people's programs out")
	}
	w := furnished(t, 8)
	dir, shapes := t.TempDir(), map[string]bool{}
	for _, role := range []string{"anonymous", "user", "sysop"} {
		b := w.As(role)
		for i, path := range pagesOf(t, w) {
			a := b.Get(path)
			if key := path + shape(role, a); a.StatusCode == http.StatusSeeOther || shapes[key] {
				continue
			} else {
				shapes[key] = true
			}
			name := fmt.Sprintf("%s-%02d%s.html", role, i, regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(path, "-"))
			w.Must(os.WriteFile(filepath.Join(dir, name), []byte(a.Text), 0o600))
		}
	}
	config, err := filepath.Abs("../scripts/pages/htmlvalidate.json")
	w.Must(err)
	cmd := exec.CommandContext(t.Context(), "node", npm+"/html-validate/bin/html-validate.mjs", "--config", config, "--formatter", "text", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("html-validate (scripts/needs.sh test installs it): %v\n%s", err, strings.ReplaceAll(string(out), dir+"/", ""))
	}
}
