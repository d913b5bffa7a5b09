package house

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// TestThreeFaces does every act of staff in the shell, on IRC and by the buttons of the site,
// on three copies of one site. Each leaves the same rows in the audit log and in the event
// log, and at the end the tables hold the same.
func TestThreeFaces(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	people := foundSite(ctx, t)
	faces := []*face{openFace(ctx, t, people, "irc"), openFace(ctx, t, people, "site"), openFace(ctx, t, people, "shell")}
	seen := map[string]bool{}
	for i, a := range slices.Concat(staffActs, byWordOfTwo) {
		var first []string
		for _, f := range faces {
			rows, events := f.do(a)
			for _, e := range rows {
				seen[e.Command] = true
			}
			got := append(f.told(rows), events...)
			switch {
			case f.name == "shell" && a.apart != "":
			case len(rows) == 0:
				t.Errorf("%d, %s %s, %s: no row in the audit log", i, a.name, a.given, f.name)
			case first == nil:
				first = got
			default:
				if diff := cmp.Diff(first, got); diff != "" {
					t.Errorf("%d, %s %s (-%s +%s):\n%s", i, a.name, a.given, faces[0].name, f.name, diff)
				}
			}
		}
		if i == len(staffActs)-1 {
			for _, f := range faces[1:] {
				if diff := cmp.Diff(faces[0].tables(), f.tables()); diff != "" {
					t.Errorf("what the tables hold (-%s +%s):\n%s", faces[0].name, f.name, diff)
				}
			}
		}
	}
	for _, info := range faces[0].Commands.All() {
		reason, known := notOnAll[info.Name]
		done := seen[info.Name]
		if staffs := (info.Changes || info.Watched) && (info.Permission != "" || info.Any != nil || info.Shell); staffs && !done && !known {
			t.Errorf("%s is done on no face: give it a row in staffActs", info.Name)
		}
		if done && known && info.Form == "" {
			t.Errorf("%s is done although it can't be: %s", info.Name, reason)
		}
	}
}

// person is somebody of the staff.
type person struct{ name, password, ircKey string }

// founded is a site, to be copied.
type founded struct {
	dir   string
	staff []person // who acts, and who approves
}

// faceSettings are those of a site in a folder.
func faceSettings(dir, host string) Settings {
	s := DefaultSettings()
	s.House.DataDir, s.House.LogLevel, s.Ops.Listen = dir, "error", ""
	s.Site.Listen, s.Site.URL = host+":8080", "http://"+host+":8080"
	s.Tracker.Listen, s.Tracker.AnnounceURL = []string{host + ":34000"}, "http://"+host+":34000"
	s.IRC.ListenTLS, s.IRC.ListenPlain, s.Hermes.Server = "", host+":6667", host+":6667"
	s.IRC.LinesPerMinute, s.IRC.LinesBurst = 60_000, 1000
	s.Hermes.LinesPerMinute, s.Hermes.LinesBurst = 60_000, 1000
	s.Mail.Host, s.Mail.From = "127.0.0.1", "noreply@bio.example"
	s.Derive()
	return s
}

// foundSite makes the site that each face gets a copy of, with all that the acts are about.
func foundSite(ctx context.Context, t *testing.T) founded {
	t.Helper()
	f := founded{dir: t.TempDir()}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h, err := Open(ctx, faceSettings(f.dir, "127.0.0.1"), true)
	must(err)
	defer h.Close()
	first, err := h.SetUp(ctx)
	must(err)
	f.staff = []person{{first.Name, first.Password, first.IRCKey}}
	for _, n := range []member.New{{Name: "second", Class: "Sysop"}, {Name: "third", Class: "Sysop"}, {Name: "alice", Class: "User", Email: "alice@lab.example"},
		{Name: "ann", Class: "Power User", Email: "ann@lab.example"}, {Name: "cleo", Class: "User", Email: "cleo@lab.example"}} {
		made, err := h.Members.Create(ctx, n)
		must(err)
		if n.Name == "second" {
			f.staff = append(f.staff, person{n.Name, made.Password, made.IRCKey})
		}
	}
	must(h.furnish(ctx, t))
	return f
}

// face is a copy of the site, and who acts on it.
type face struct {
	*open
	name  string
	sysop core.MemberID
	web   []*browser // of who acts, and of who approves
	irc   []*talker
	shown *goquery.Document // by the site, after the act before
	entry int64             // the newest row of that act
}

// openFace copies the site and serves what a face needs of it.
func openFace(ctx context.Context, t *testing.T, from founded, name string) *face {
	t.Helper()
	rooms := map[string][]string{"irc": {"ircd", "hermes"}, "site": {"site"}}[name]
	dir := filepath.Join(t.TempDir(), "var")
	if err := os.CopyFS(dir, os.DirFS(from.dir)); err != nil {
		t.Fatal(err)
	}
	host := anyHost()
	o := &open{t: t, ctx: ctx, irc: host + ":6667"}
	var err error
	o.House, err = Open(ctx, faceSettings(dir, host), false)
	o.must(err)
	t.Cleanup(o.Close)
	began := time.Now() // nobody is too fast for a clock that runs a thousand times as fast
	o.rates = rates.New(func() time.Time { return began.Add(1000 * time.Since(began)) })
	if rooms != nil {
		o.serve(rooms)
	}
	sysop, err := o.Members.ByName(ctx, sysopName)
	o.must(err)
	f := &face{open: o, name: name, sysop: sysop.ID}
	for _, p := range from.staff {
		switch name {
		case "irc":
			f.irc = append(f.irc, o.talks(p))
		case "site":
			jar, err := cookiejar.New(nil)
			o.must(err)
			b := &browser{o, &http.Client{Jar: jar}}
			b.submit(b.get("/login").Find("form[action='/login']"), url.Values{"name": {p.name}, "password": {p.password}})
			f.web = append(f.web, b)
		}
	}
	return f
}

// do does one act, and returns the rows that it left in the audit log and the events.
func (f *face) do(a staffAct) (rows []audit.Entry, events []string) {
	f.t.Helper()
	if f.name == "shell" && a.apart != "" && a.name != "member recover" {
		return nil, nil
	}
	who := 0
	given, err := a.arguments()
	f.must(err)
	name := a.name
	info, err := f.Commands.Lookup(name)
	f.must(err)
	switch name {
	case "undo":
		given.Set("id", fmt.Sprint(f.entry))
		e, err := f.audit.ByID(f.ctx, f.entry)
		f.must(err)
		name = e.UndoWith
	case "approve", "pending drop":
		list, err := f.Commands.Waiting(f.ctx, command.Shell())
		f.must(err)
		given.Set("code", list[len(list)-1].Code)
		if name == "approve" {
			who, name = 1, "member recover"
		}
	}
	for arg := range given {
		if !slices.ContainsFunc(info.Args, func(a command.Arg) bool { return a.Name == arg }) {
			f.t.Fatalf("%s has no argument %s", a.name, arg)
		}
	}
	lastRow, lastEvent := f.newest()
	switch f.name {
	case "shell":
		f.inShell(a.line(info, given))
	case "irc":
		f.irc[who].asks(a.line(info, given), func() bool { now, _ := f.newest(); return now > lastRow })
	default:
		f.onPage(f.web[who], a, given)
	}
	entries, err := f.audit.Recent(f.ctx, 20)
	f.must(err)
	for _, e := range slices.Backward(entries) {
		if e.ID > lastRow && (strings.HasPrefix(name+" ", e.Command+" ") || e.Command == a.name) {
			rows = append(rows, e)
			f.entry = e.ID
		}
	}
	return rows, f.events(lastEvent)
}

// newest are the ids of the newest row of the audit log and of the newest event.
func (f *face) newest() (row, event int64) {
	f.t.Helper()
	f.must(f.DB.QueryRowContext(f.ctx, "SELECT COALESCE(MAX(id), 0) FROM audit").Scan(&row))
	f.must(f.DB.QueryRowContext(f.ctx, "SELECT last_id FROM event_sequence WHERE id = 1").Scan(&event))
	return row, event
}

var (
	anInstant = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d( UTC)?)?`)
	aCode     = regexp.MustCompile(`\b[0-9A-F]{4}\b`)
)

// told is what rows of the audit log say, apart from when, where and under which code. The
// shell has no name of its own.
func (f *face) told(rows []audit.Entry) (out []string) {
	for _, e := range rows {
		if f.name == "shell" && e.ActorID == 0 && e.ActorName == "shell" {
			e.ActorID, e.ActorName = f.sysop, sysopName
			e.Detail = strings.ReplaceAll(e.Detail, "by shell", "by "+sysopName)
		}
		if string(e.Via) != f.name {
			f.t.Errorf("%s: the row says %q: %s", f.name, e.Via, e)
		}
		s := fmt.Sprintf("%s (%d): %s %s | %s | %s: %s | undo: %s", e.ActorName, e.ActorID, e.Command, e.Arguments, e.Subject, e.Outcome, e.Detail, e.UndoWith)
		s = strings.NewReplacer("("+f.name+")", "(FACE)", f.Settings.Site.URL, "SITE").Replace(entry.ReplaceAllString(s, "ENTRY"))
		out = append(out, aCode.ReplaceAllString(anInstant.ReplaceAllString(s, "WHEN"), "CODE"))
	}
	return out
}

// inShell runs a line as caduceus do does.
func (f *face) inShell(line string) {
	f.t.Helper()
	c := command.Local{Registry: f.Commands}
	for {
		r, err := c.Do(f.ctx, command.ControlRequest{Line: line})
		f.must(errors.Join(err, r.Err()))
		if r.Agree == "" {
			return
		}
		line = r.Agree
	}
}
