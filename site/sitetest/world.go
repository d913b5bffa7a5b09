// Package sitetest is a whole site on real stores, for the tests of the site and
// of its wings, and browsers that visit it. Only tests import it.
//
// Concurrency: a World belongs to its test; its clock may be read from anywhere.
package sitetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
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
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
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
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/site/web"
)

// Config is the site's configuration, for tests that change it: those of wings
// can't import the site itself.
type Config = site.Config

// World is a whole site on real stores, with one member of each role and a
// clock that stands still until it is moved.
type World struct {
	t      testing.TB
	DB     *db.DB
	Server *httptest.Server
	Room   *site.Room
	Deps   site.Deps // what Restart starts the site with
	Config Config    // likewise
	Bans   *ban.Store

	mu      sync.Mutex
	clock   *dbtest.Clock
	handler http.Handler

	People map[string]Person
	Post   *Post  // the way of mail, which leads nowhere
	torn   string // a folder for data
	told   int64  // the last event of which somebody was told
	NoMail bool   // the site can send no mail
	// More are addresses of pages besides those that the routes name, for tests that look at all.
	More []string
}

// Person is a member with all secrets.
type Person struct {
	member.Created
	Token string // with the scope upload
	Read  string // with the scope read
}

// Roles are who may come to a page. "anonymous" has no account.
var Roles = []string{"anonymous", "disabled", "user", "moderator", "sysop"}

func newWorld(t testing.TB, d *db.DB, change ...func(*Config)) *World {
	t.Helper()
	w := &World{t: t, DB: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), People: map[string]Person{}, torn: t.TempDir(), Post: &Post{Sends: true}}
	keys, err := secret.NewKeyring(make([]byte, 32))
	w.Must(err)
	if _, bench := t.(*testing.B); !bench {
		keys = keys.Cheaply()
	}
	events := eventlog.New(d, w.Now)
	c := site.DefaultConfig()
	c.Name, c.URL = "BioTorrents", "http://site.example"
	c.LoginAttempts, c.APIRequests = 1000, 10000
	for _, f := range change {
		f(&c)
	}
	deps := site.Deps{
		DB: d, Keys: keys, Members: member.NewStore(d, events, keys, w.Now), Rates: rates.New(w.Now), UploadDir: t.TempDir(), Guard: guess.New(d, keys, w.Now, slog.New(slog.DiscardHandler)),
		Catalog: catalog.NewStore(d, events, w.Now, catalog.Options{SiteName: c.Name, SiteURL: c.URL}),
		Economy: economy.NewStore(d, events, w.Now, economy.Config{Calendar: true}),
		Clients: client.NewStore(d, events, w.Now), Pages: pages.NewStore(d, w.Now), AnnounceURLs: []string{"http://tracker.example/{announce-key}/announce"}, Interval: 30 * time.Minute,
		IRC:   site.IRCInfo{Host: "irc.example", TLSPort: 7000, NickLimit: 2},
		Clock: w.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(),
	}
	letters, err := mail.NewQueue(d, events, keys, w.Now, mail.Config{Host: "127.0.0.1", From: "noreply@bio.example", FromName: "BioTest", PerHour: 600}, mail.Site{Name: "BioTest", URL: c.URL})
	w.Must(err)
	log, bans := audit.New(d, w.Now), ban.NewStore(d, events, keys, w.Now)
	w.Bans, deps.Bans = bans, ban.NewBook(bans)
	deps.Audit, deps.Events, deps.Schedule = log, events, schedule.NewStore(d, events, w.Now)
	deps.Notices = notify.NewStore(d, keys, w.Now, notify.Options{Carriers: map[notify.Way]notify.Carrier{notify.Mail: w.Post}})
	deps.Settings = setting.NewStore(d, events, w.Now)
	deps.Recovery = recovery.New(d, deps.Members, credential.NewStore(d, keys, w.Now), letters, events, keys, w.Now)
	deps.Invites = invite.NewStore(invite.Deps{DB: d, Log: events, Keys: keys, Clock: w.Now, Members: deps.Members, Links: credential.NewStore(d, keys, w.Now), Settings: deps.Settings,
		Guard: deps.Guard, SendsMail: func() bool { return !w.NoMail && letters.Configured() }, Rules: func(ctx context.Context) (int64, error) { return deps.Pages.ShownRevision(ctx, "rules") }})
	deps.Support = support.NewStore(support.Deps{DB: d, Log: events, Keys: keys, Clock: w.Now, SendsMail: func() bool { return !w.NoMail && letters.Configured() }})
	deps.Commands, err = command.New(command.Deps{DB: d, Keys: keys, Members: deps.Members, Catalog: deps.Catalog, Audit: log, Events: events, Clock: w.Now, Log: deps.Log},
		commands.Families(commands.Deps{Members: deps.Members, Recovery: deps.Recovery, Catalog: deps.Catalog, Economy: deps.Economy, Clients: deps.Clients, Pages: deps.Pages,
			Schedule: deps.Schedule, Settings: deps.Settings, Invites: deps.Invites, Support: deps.Support, Transfer: transfer.NewStore(d), IRC: irc.NewStore(d, events, bans, w.Now), Bans: bans,
			History: irc.NewHistory(d, events, w.Now, irc.Retention{}), Audit: log, Events: events, Guard: deps.Guard, Notices: deps.Notices, Rates: rates.NewStore(d, events, keys, w.Now), Mail: letters, NickLimit: 2, SiteURL: c.URL})...)
	w.Must(err)
	ctx := t.Context()
	w.Must(deps.Members.Seed(ctx))
	w.Must(deps.Catalog.Seed(ctx))
	w.Must(deps.Clients.Seed(ctx))
	w.Deps, w.Config = deps, c
	w.Restart()
	w.Server = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.Server.Close)
	for _, name := range []string{"user", "other", "moderator", "sysop", "disabled"} {
		class := map[string]string{"moderator": "Moderator", "sysop": "Sysop"}[name]
		w.Join(name, class)
	}
	return w
}

// WithoutMail makes it a site that sends no mail.
func (w *World) WithoutMail() {
	w.t.Helper()
	w.NoMail = true
	q, err := mail.NewQueue(w.DB, w.Deps.Events, w.Deps.Keys, w.Now, mail.DefaultConfig(), mail.Site{Name: w.Config.Name, URL: w.Config.URL})
	w.Must(err)
	w.Deps.Recovery = recovery.New(w.DB, w.Deps.Members, credential.NewStore(w.DB, w.Deps.Keys, w.Now), q, w.Deps.Events, w.Deps.Keys, w.Now)
	w.Restart()
}

// Restart starts the site anew with w.Deps and w.Config, at the same address.
func (w *World) Restart() {
	w.t.Helper()
	w.Deps.Metrics = prometheus.NewRegistry()
	w.Room = site.New(w.Config, w.Deps)
	h, err := w.Room.Handler()
	w.Must(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = h
}

func (w *World) serve(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	h := w.handler
	w.mu.Unlock()
	h.ServeHTTP(rw, r)
}

// Must fails the test on an error.
func (w *World) Must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// Now is the site's time.
func (w *World) Now() time.Time { return w.clock.Now() }

// Set changes a setting of the site, as the shell does.
func (w *World) Set(name, value string) {
	w.t.Helper()
	_, _, err := w.Deps.Settings.Set(w.t.Context(), 0, name, value)
	w.Must(err)
}

// Pass moves the clock.
func (w *World) Pass(d time.Duration) { w.clock.Add(d) }

// Join makes a member, of the lowest class for "".
func (w *World) Join(name, class string) {
	w.t.Helper()
	ctx := w.t.Context()
	made, err := w.Deps.Members.Create(ctx, member.New{Name: name, Class: class})
	w.Must(err)
	p := Person{Created: made}
	p.Token, err = w.Deps.Members.NewToken(ctx, made.Member.ID, "test", member.ScopeUpload)
	w.Must(err)
	p.Read, err = w.Deps.Members.NewToken(ctx, made.Member.ID, "test", member.ScopeRead)
	w.Must(err)
	w.People[name] = p
}

// Browser is a visitor with cookies. It does not follow redirects.
type Browser struct {
	Client *http.Client
	w      *World
}

// As returns a browser that is logged in as a member, or not for "anonymous".
// "disabled" holds the session of an account that was disabled afterwards.
func (w *World) As(name string) *Browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.Must(err)
	b := w.With(jar)
	if name == "anonymous" {
		return b
	}
	p := w.People[name]
	ctx := w.t.Context()
	if name == "disabled" {
		w.Must(membertest.Enable(ctx, w.Deps.Members, p.Member.ID))
	}
	token, err := w.Deps.Members.NewSession(ctx, p.Member.ID, "test browser")
	w.Must(err)
	if name == "disabled" {
		w.Must(membertest.Disable(ctx, w.Deps.Members, p.Member.ID, "trading accounts"))
		w.Must(w.DB.Tx(ctx, func(tx *db.Tx) error { // as if disabling had not ended it
			_, err := tx.Insert(ctx, "session", db.Row{"token_mac", w.Deps.Keys.MAC("session", token), "member_id", p.Member.ID, "agent", "",
				"created_at", w.Now().Unix(), "seen_at", w.Now().Unix(), "expires_at", w.Now().Add(time.Hour).Unix()})
			return err
		}))
	}
	u, err := url.Parse(w.Server.URL)
	w.Must(err)
	jar.SetCookies(u, []*http.Cookie{{Name: web.Config{URL: w.Config.URL}.SessionCookie(), Value: token, Path: "/"}})
	return b
}

// With returns a browser that has some cookies.
func (w *World) With(jar http.CookieJar) *Browser {
	return &Browser{w: w, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Answer is a response with its whole body.
type Answer struct {
	*http.Response
	Text string
}

// Page is the answer as HTML.
func (a Answer) Page(t testing.TB) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(a.Text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Do sends a request.
func (b *Browser) Do(r *http.Request) Answer {
	b.w.t.Helper()
	res, err := b.Client.Do(r)
	b.w.Must(err)
	body, err := io.ReadAll(res.Body)
	b.w.Must(err)
	b.w.Must(res.Body.Close())
	return Answer{res, string(body)}
}

// Request makes a request; headers are names and values by turns.
func (b *Browser) Request(method, path string, body io.Reader, headers ...string) *http.Request {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.Server.URL+path, body)
	b.w.Must(err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// Get asks for a page.
func (b *Browser) Get(path string, headers ...string) Answer {
	b.w.t.Helper()
	return b.Do(b.Request(http.MethodGet, path, nil, headers...))
}

// Post sends a form.
func (b *Browser) Post(path string, form url.Values, headers ...string) Answer {
	b.w.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return b.Do(b.Request(http.MethodPost, path, strings.NewReader(form.Encode()), headers...))
}

// Send posts a multipart form with a .torrent in it (none when it is nil).
func (b *Browser) Send(path string, form url.Values, torrent []byte, headers ...string) Answer {
	b.w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for key, values := range form {
		for _, v := range values {
			b.w.Must(m.WriteField(key, v))
		}
	}
	if torrent != nil {
		part, err := m.CreateFormFile("torrent", "data.torrent")
		b.w.Must(err)
		_, err = part.Write(torrent)
		b.w.Must(err)
	}
	b.w.Must(m.Close())
	return b.Do(b.Request(http.MethodPost, path, &body, append([]string{"Content-Type", m.FormDataContentType()}, headers...)...))
}

// Agree presses the button of a page that asks whether to go ahead.
func (b *Browser) Agree(t *testing.T, asked Answer) Answer {
	t.Helper()
	form := url.Values{}
	question := asked.Page(t).Find("main form").Has(`input[name="code"], input[name="sure"]`)
	question.Find("input").Each(func(_ int, s *goquery.Selection) {
		form.Add(s.AttrOr("name", ""), s.AttrOr("value", ""))
	})
	if question.Length() != 1 || asked.StatusCode != http.StatusOK {
		t.Fatalf("the page does not ask: status %d", asked.StatusCode)
	}
	return b.Post(question.AttrOr("action", ""), form)
}

// Follow asks for the page that a redirect leads to.
func (b *Browser) Follow(a Answer) Answer {
	b.w.t.Helper()
	if a.StatusCode != http.StatusSeeOther {
		b.w.t.Fatalf("status %d, want a redirect:\n%s", a.StatusCode, a.Text)
	}
	return b.Get(a.Header.Get("Location"))
}

// Torrent makes a .torrent of files with the given contents.
func (w *World) Torrent(name string, f metainfo.Format, files map[string]string) []byte {
	w.t.Helper()
	dir := filepath.Join(w.torn, name)
	for path, content := range files {
		full := filepath.Join(dir, path)
		w.Must(os.MkdirAll(filepath.Dir(full), 0o700))
		w.Must(os.WriteFile(full, []byte(content), 0o600))
	}
	raw, err := metainfo.Build(w.t.Context(), dir, metainfo.BuildOptions{Format: f, Announce: [][]string{{"http://elsewhere.example/announce"}}, Comment: "made at home"})
	w.Must(err)
	return raw
}

// Dataset is a form that is right in every field.
func Dataset(title string) url.Values {
	return url.Values{
		"category": {"sequences"}, "title": {title}, "subject": {"Escherichia phage Lambda"}, "object": {"cI857"},
		"creators": {"Frederick Sanger\nA. R. Coulson"}, "workgroup": {"MRC Laboratory"}, "location": {"Cambridge"}, "year": {"1982"},
		"identifier": {"NC_001416.1"}, "tags": {"phage, lambda, genome, dna, reference"}, "literature": {"10.1016/0022-2836(82)90546-0"},
		"description": {"The complete genome of bacteriophage **lambda**, in one contig."}, "platform": {"Sanger"}, "format": {"FASTA"},
		"archive": {"None"}, "scope": {"Genome"}, "license": {"CC0"}, "version": {"1.0.0"}, "torrent_description": {"As deposited."},
	}
}

// Upload uploads a dataset as somebody and returns its ids.
func (w *World) Upload(who, title string, change func(url.Values)) (core.GroupID, core.TorrentID) {
	w.t.Helper()
	form := Dataset(title)
	if change != nil {
		change(form)
	}
	raw := w.Torrent(strings.ReplaceAll(title, "/", "-"), metainfo.Hybrid, map[string]string{"genome.fasta": ">" + title + "\nACGT\n", "doc/readme.txt": title})
	var group, torrent int64
	a := w.As(who).Send("/upload", form, raw)
	if a.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("upload of %s: status %d\n%s", title, a.StatusCode, a.Page(w.t).Find("main").Text())
	}
	_, err := fmt.Sscanf(a.Header.Get("Location"), "/torrents/%d/uploaded", &torrent)
	w.Must(err)
	err = w.DB.QueryRowContext(context.WithoutCancel(w.t.Context()), "SELECT group_id FROM torrent WHERE id = ?", torrent).Scan(&group)
	w.Must(err)
	return core.GroupID(group), core.TorrentID(torrent)
}

// Gone uploads a dataset, deletes its torrent and returns the torrent's id.
func (w *World) Gone() string {
	w.t.Helper()
	_, id := w.Upload("other", "A dataset that is deleted again", nil)
	w.Must(w.Deps.Catalog.Delete(w.t.Context(), w.People["other"].Member.ID, id, "uploaded by mistake"))
	return fmt.Sprint(id)
}

// Each runs a test on both engines.
func Each(t *testing.T, test func(t *testing.T, w *World)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newWorld(t, d)) })
}

// OnSQLite runs a test or a benchmark on the embedded engine alone: what the pages do does not
// depend on it.
func OnSQLite(t testing.TB, change ...func(*Config)) *World {
	t.Helper()
	return newWorld(t, dbtest.SQLite(t), change...)
}
