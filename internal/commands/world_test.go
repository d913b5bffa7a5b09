package commands_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/commands"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// world is a site with a clock that stands still until it is moved.
type world struct {
	*command.Registry
	deps    commands.Deps
	engine  command.Deps
	db      *db.DB
	members map[string]member.Created
	log     *bytes.Buffer

	sendsMail bool
	at        func(command.Point) // stops an act where it is; nil lets it go on

	clock *dbtest.Clock
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	w := openWorld(t, d)
	for _, seed := range []func(context.Context) error{w.deps.Members.Seed, w.deps.Catalog.Seed, w.deps.Clients.Seed, w.deps.IRC.Seed} {
		if err := seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// openWorld is a world on a database that one was made in already.
func openWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	w := &world{db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), members: map[string]member.Created{}, log: &bytes.Buffer{}}
	clock := core.Clock(w.clock.Now)
	events := eventlog.New(d, clock)
	bans := ban.NewStore(d, events, keys, clock)
	letters, err := mail.NewQueue(d, events, keys, clock, mail.Config{Host: "127.0.0.1", From: "noreply@bio.example", FromName: "BioTest", PerHour: 600},
		mail.Site{Name: "BioTest", URL: "https://bio.example"})
	if err != nil {
		t.Fatal(err)
	}
	w.deps = commands.Deps{
		Members: member.NewStore(d, events, keys, clock), Economy: economy.NewStore(d, events, clock, economy.DefaultConfig()),
		Catalog: catalog.NewStore(d, events, clock, catalog.Options{SiteName: "BioTest", SiteURL: "https://bio.example",
			Rules: catalog.Rules{MinTags: -1, MinTitle: -1, MinDescription: -1}}),
		Clients: client.NewStore(d, events, clock), Pages: pages.NewStore(d, clock), Schedule: schedule.NewStore(d, events, clock), Settings: setting.NewStore(d, events, clock), Transfer: transfer.NewStore(d),
		IRC: irc.NewStore(d, events, bans, clock), Bans: bans, History: irc.NewHistory(d, events, clock, irc.Retention{}), Audit: audit.New(d, clock), Events: events,
		Guard: guess.New(d, keys, clock, slog.New(slog.DiscardHandler)), Rates: rates.NewStore(d, events, keys, clock),
		Notices: notify.NewStore(d, keys, clock, notify.Options{}),
		Mail:    letters, NickLimit: 2, SiteURL: "https://bio.example",
	}
	w.deps.Invites = invite.NewStore(invite.Deps{DB: d, Log: events, Keys: keys, Clock: clock, Members: w.deps.Members, Links: credential.NewStore(d, keys, clock),
		Settings: w.deps.Settings, Guard: w.deps.Guard, SendsMail: func() bool { return w.sendsMail },
		Rules: func(ctx context.Context) (int64, error) { return w.deps.Pages.ShownRevision(ctx, "rules") }})
	w.deps.Support = support.NewStore(support.Deps{DB: d, Log: events, Keys: keys, Clock: clock, SendsMail: func() bool { return w.sendsMail }})
	w.deps.Recovery = recovery.New(d, w.deps.Members, credential.NewStore(d, keys, clock), letters, events, keys, clock)
	w.engine = command.Deps{DB: d, Keys: keys, Members: w.deps.Members, Catalog: w.deps.Catalog, Audit: w.deps.Audit, Events: events, Clock: clock,
		Log: slog.New(slog.NewTextHandler(w.log, nil)), At: func(p command.Point) {
			if w.at != nil {
				w.at(p)
			}
		}}
	if w.Registry, err = command.New(w.engine, commands.Families(w.deps)...); err != nil {
		t.Fatal(err)
	}
	return w
}

// join makes an account, once for each name.
func (w *world) join(t *testing.T, name, class string) member.Member {
	t.Helper()
	made, err := w.deps.Members.Create(t.Context(), member.New{Name: name, Class: class, Email: name + "@lab.example"})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	w.members[name] = made
	return made.Member
}

// actor is a member as they are now, on IRC.
func (w *world) actor(t *testing.T, name string) command.Actor {
	t.Helper()
	m, err := w.deps.Members.ByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return command.Of(m, audit.ViaIRC)
}

// upload adds a torrent with some random content.
func (w *world) upload(t *testing.T, by member.Member, title string, change ...func(*catalog.Upload)) catalog.Added {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data.fasta")
	if err := os.WriteFile(path, []byte(secret.RandomHex(20_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := metainfo.Build(t.Context(), path, metainfo.BuildOptions{Format: metainfo.V1, Private: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := w.deps.Catalog.Vocabulary(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	u := catalog.Upload{
		Uploader: by.ID, File: catalog.ReadFile(file, metainfo.Limits{}),
		GroupForm: catalog.GroupForm{Category: 1, Title: title, Subject: "Saccharomyces cerevisiae", Object: "S288C", Creators: []string{"A. Author"},
			Workgroup: "Lab", Location: "Here", Year: 2023, Identifier: "GCF_000146045.2", Tags: []string{"yeast", "genome", "s288c", "assembly", "reference"}, Description: "A dataset for a test of commands."},
		Torrent: catalog.TorrentForm{Platform: v.Platforms[0].Terms[0].Name, Format: v.Formats[0].Terms[0].Name, Archive: v.Archives[0].Terms[0].Name,
			Scope: v.Scopes[0].Terms[0].Name, License: v.Licenses[0].Terms[0].Name, Version: "1.0.0", Description: "All of it."},
	}
	for _, f := range change {
		f(&u)
	}
	added, err := w.deps.Catalog.Add(t.Context(), u)
	if err != nil {
		t.Fatalf("upload %q: %v", title, err)
	}
	return added
}

// do runs a line in private and expects it to succeed.
func (w *world) do(t *testing.T, a command.Actor, line string) command.Answer {
	t.Helper()
	reply, err := w.Execute(t.Context(), command.Request{Actor: a, Line: line})
	if err != nil {
		t.Fatalf("%s: %s: %v", a.Name, line, err)
	}
	return reply
}

// refuse runs a line and expects an error of the given code, which it returns
// as text.
func (w *world) refuse(t *testing.T, req command.Request, code core.Code) string {
	t.Helper()
	reply, err := w.Execute(t.Context(), req)
	if core.CodeOf(err) != code {
		t.Fatalf("%s: %s: got %v (code %q, reply %q), want code %q", req.Actor.Name, req.Line, err, core.CodeOf(err), reply.Lines, code)
	}
	return core.SafeText(err)
}

// confirmed runs a line that asks for a confirmation, and gives it.
func (w *world) confirmed(t *testing.T, a command.Actor, line string) command.Answer {
	t.Helper()
	reply := w.do(t, a, line)
	if reply.Pending == nil {
		t.Fatalf("%s: %s: no confirmation was asked for: %q", a.Name, line, reply.Lines)
	}
	return w.do(t, a, "confirm "+reply.Pending.Code)
}

func has(t *testing.T, lines []string, parts ...string) {
	t.Helper()
	text := strings.Join(lines, "\n")
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%q is missing in:\n%s", p, text)
		}
	}
}

// rows is the audit log, oldest first, one string for each row.
func (w *world) rows(t *testing.T) []string {
	t.Helper()
	entries, err := w.deps.Audit.Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		out = append(out, fmt.Sprintf("%s/%s: %s %s: %s", e.ActorName, e.Via, e.Command, e.Arguments, e.Outcome))
	}
	return out
}
