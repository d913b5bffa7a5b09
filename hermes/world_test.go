package hermes

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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

// site is what the bot tells of: a database with members and datasets.
type site struct {
	t      *testing.T
	db     *db.DB
	deps   Deps
	events *eventlog.Log
	log    *lockedBuffer
	alice  member.Member

	clock *dbtest.Clock
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.String()
}

func newSite(t *testing.T, d *db.DB) *site {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	s := &site{t: t, db: d, log: &lockedBuffer{}, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	clock := core.Clock(s.clock.Now)
	s.events = eventlog.New(d, clock)
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	s.deps = Deps{
		Events: s.events, Members: member.NewStore(d, s.events, keys, clock), Rates: rates.New(clock), Guard: guess.New(d, keys, clock, slog.New(slog.DiscardHandler)),
		Economy: economy.NewStore(d, s.events, clock, economy.DefaultConfig()),
		Catalog: catalog.NewStore(d, s.events, clock, catalog.Options{SiteName: "BioTest", SiteURL: "https://bio.example",
			Rules: catalog.Rules{MinTags: -1, MinTitle: -1, MinDescription: -1}}),
		SiteURL: "https://bio.example", Clock: clock, Log: logger,
	}
	clients := client.NewStore(d, s.events, clock)
	letters, err := mail.NewQueue(d, s.events, keys, clock, mail.Config{Host: "127.0.0.1", From: "noreply@bio.example", FromName: "BioTest", PerHour: 600}, mail.Site{Name: "BioTest", URL: "https://bio.example"})
	if err != nil {
		t.Fatal(err)
	}
	log, bans := audit.New(d, clock), ban.NewStore(d, s.events, keys, clock)
	desk := recovery.New(d, s.deps.Members, credential.NewStore(d, keys, clock), letters, s.events, keys, clock)
	settings, articles := setting.NewStore(d, s.events, clock), pages.NewStore(d, clock)
	invites := invite.NewStore(invite.Deps{DB: d, Log: s.events, Keys: keys, Clock: clock, Members: s.deps.Members, Links: credential.NewStore(d, keys, clock), Settings: settings,
		Guard: s.deps.Guard, Rules: func(ctx context.Context) (int64, error) { return articles.ShownRevision(ctx, "rules") }})
	s.deps.Commands, err = command.New(command.Deps{DB: d, Keys: keys, Members: s.deps.Members, Catalog: s.deps.Catalog, Audit: log, Events: s.events, Clock: clock, Log: logger},
		commands.Families(commands.Deps{Members: s.deps.Members, Recovery: desk, Catalog: s.deps.Catalog, Economy: s.deps.Economy, Clients: clients, Pages: articles,
			Schedule: schedule.NewStore(d, s.events, clock), Settings: settings, Invites: invites, Support: support.NewStore(support.Deps{DB: d, Log: s.events, Keys: keys, Clock: clock}), Transfer: transfer.NewStore(d), IRC: irc.NewStore(d, s.events, bans, clock), Bans: bans,
			History: irc.NewHistory(d, s.events, clock, irc.Retention{}), Audit: log, Events: s.events,
			Guard: s.deps.Guard, Notices: notify.NewStore(d, keys, clock, notify.Options{}), Rates: rates.NewStore(d, s.events, keys, clock), Mail: letters, SiteURL: "https://bio.example"})...)
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []func(context.Context) error{s.deps.Members.Seed, s.deps.Catalog.Seed, clients.Seed} {
		if err := seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.alice = s.join("alice", "User")
	s.tracked("tracker")
	return s
}

func (s *site) join(name, class string) member.Member {
	s.t.Helper()
	made, err := s.deps.Members.Create(s.t.Context(), member.New{Name: name, Class: class})
	if err != nil {
		s.t.Fatal(err)
	}
	return made.Member
}

// tracked says that a tracker serves everything that is there.
func (s *site) tracked(cursor string) {
	s.t.Helper()
	last, err := s.events.Last(s.t.Context())
	if err == nil {
		err = s.events.Advance(s.t.Context(), cursor, last)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// upload adds a dataset; the tracker doesn't know it yet.
func (s *site) upload(title string, change ...func(*catalog.Upload)) catalog.Added {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "data.fasta")
	if err := os.WriteFile(path, []byte(secret.RandomHex(20_000)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	file, err := metainfo.Build(s.t.Context(), path, metainfo.BuildOptions{Format: metainfo.V1, Private: true})
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := s.deps.Catalog.Vocabulary(s.t.Context(), 1)
	if err != nil {
		s.t.Fatal(err)
	}
	u := catalog.Upload{
		Uploader: s.alice.ID, File: catalog.ReadFile(file, metainfo.Limits{}),
		GroupForm: catalog.GroupForm{Category: 1, Title: title, Subject: "Saccharomyces cerevisiae", Creators: []string{"A. Author"}, Workgroup: "Lab",
			Location: "Here", Year: 2023, Tags: []string{"yeast", "genome", "s288c", "assembly", "reference"}, Description: "A dataset for a test of announces."},
		Torrent: catalog.TorrentForm{Platform: v.Platforms[0].Terms[0].Name, Format: v.Formats[0].Terms[0].Name, Archive: v.Archives[0].Terms[0].Name,
			Scope: v.Scopes[0].Terms[0].Name, License: v.Licenses[0].Terms[0].Name},
	}
	for _, f := range change {
		f(&u)
	}
	added, err := s.deps.Catalog.Add(s.t.Context(), u)
	if err != nil {
		s.t.Fatalf("upload %q: %v", title, err)
	}
	return added
}

// append adds an event.
func (s *site) append(body eventlog.Body) {
	s.t.Helper()
	err := s.db.Tx(s.t.Context(), func(tx *db.Tx) error {
		_, err := s.events.Append(s.t.Context(), tx, body)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// running is a bot that runs.
type running struct {
	t      *testing.T
	cancel context.CancelFunc
	ended  chan error
	ready  chan struct{}
	counts *prometheus.Registry
}

// counted waits until a counter of commands, by result, has reached n.
func (r *running) counted(result string, n float64) {
	r.t.Helper()
	for limit := time.Now().Add(20 * time.Second); r.codes()[result] < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			r.t.Fatalf("there are not %v commands that are %s", n, result)
		}
	}
}

// codes are the counts of commands, by what came of them.
func (r *running) codes() map[string]float64 {
	r.t.Helper()
	families, err := r.counts.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == "hermes_commands_total" {
				out[m.Label[0].GetValue()] = m.Counter.GetValue()
			}
		}
	}
	return out
}

// start runs a bot against f until the test ends or stop is called.
func (s *site) start(f *fakeIRC, change ...func(*Config)) *running {
	s.t.Helper()
	cfg := DefaultConfig()
	cfg.Server, cfg.KeyFile = f.addr, filepath.Join(s.t.TempDir(), "key")
	cfg.LinesPerMinute, cfg.LinesBurst = 60_000, 1000
	for _, c := range change {
		c(&cfg)
	}
	if err := cfg.Validate(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(cfg.KeyFile, []byte("the-key-of-the-bot\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
	deps := s.deps
	counts := prometheus.NewRegistry()
	deps.Metrics = counts
	ctx, cancel := context.WithCancel(s.t.Context())
	r := &running{t: s.t, cancel: cancel, ended: make(chan error, 1), ready: make(chan struct{}), counts: counts}
	room := New(cfg, deps)
	room.pace = 5 * time.Millisecond
	go func() { r.ended <- room.Run(ctx, func() { close(r.ready) }) }()
	s.t.Cleanup(r.stop)
	return r
}

// stop ends the bot and holds it to the five seconds that a room has.
func (r *running) stop() {
	r.t.Helper()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			r.t.Errorf("the room ended with %v", err)
		}
		r.ended <- nil
	case <-time.After(5 * time.Second):
		r.t.Error("the room did not end within 5 seconds")
	}
}
