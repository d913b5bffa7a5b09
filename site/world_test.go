package site

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

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a whole site on real stores, with one member of each role and a
// clock that stands still until it is moved.
type world struct {
	t      *testing.T
	db     *db.DB
	server *httptest.Server
	site   *server
	deps   Deps
	config Config

	mu    sync.Mutex
	clock time.Time

	people map[string]person
	torn   string // a folder for data
}

// person is a member with all secrets.
type person struct {
	member.Created
	token string // with the scope upload
	read  string // with the scope read
}

// roles are who may come to a page. "anonymous" has no account.
var roles = []string{"anonymous", "disabled", "user", "moderator", "sysop"}

func newWorld(t *testing.T, d *db.DB, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, db: d, clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), people: map[string]person{}, torn: t.TempDir()}
	keys, err := secret.NewKeyring(make([]byte, 32))
	w.must(err)
	events := eventlog.New(d, w.now)
	c := DefaultConfig()
	c.Name, c.URL = "BioTorrents", "http://site.example"
	c.LoginAttempts, c.APIRequests = 1000, 10000
	for _, f := range change {
		f(&c)
	}
	deps := Deps{
		DB: d, Keys: keys, Members: member.NewStore(d, events, keys, w.now), Guard: guess.New(d, keys, w.now),
		Catalog: catalog.NewStore(d, events, w.now, catalog.Options{SiteName: c.Name, SiteURL: c.URL}),
		Economy: economy.NewStore(d, events, w.now, economy.Config{Calendar: true}),
		Clients: client.NewStore(d, events, w.now), AnnounceURLs: []string{"http://tracker.example/{passkey}/announce"},
		IRC:   IRCInfo{Host: "irc.example", TLSPort: 7000, NickLimit: 2},
		Clock: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Metrics: prometheus.NewRegistry(),
	}
	ctx := t.Context()
	w.must(deps.Members.Seed(ctx))
	w.must(deps.Catalog.Seed(ctx))
	w.must(deps.Clients.Seed(ctx))
	w.deps, w.config = deps, c
	w.site, err = newServer(c, deps, newMeters(prometheus.NewRegistry()))
	w.must(err)
	h, err := w.site.handler()
	w.must(err)
	w.server = httptest.NewServer(h)
	t.Cleanup(w.server.Close)
	for _, name := range []string{"user", "other", "moderator", "sysop", "disabled"} {
		class := map[string]string{"moderator": "Moderator", "sysop": "Sysop"}[name]
		w.join(name, class)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}

func (w *world) join(name, class string) {
	w.t.Helper()
	ctx := w.t.Context()
	made, err := w.site.Members.Create(ctx, member.New{Name: name, Class: class})
	w.must(err)
	p := person{Created: made}
	p.token, err = w.site.Members.NewToken(ctx, made.Member.ID, "test", member.ScopeUpload)
	w.must(err)
	p.read, err = w.site.Members.NewToken(ctx, made.Member.ID, "test", member.ScopeRead)
	w.must(err)
	w.people[name] = p
}

// browser is a visitor with cookies. It does not follow redirects.
type browser struct {
	w *world
	c *http.Client
}

// as returns a browser that is logged in as a member, or not for "anonymous".
// "disabled" holds the session of an account that was disabled afterwards.
func (w *world) as(name string) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	b := &browser{w: w, c: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if name == "anonymous" {
		return b
	}
	p := w.people[name]
	ctx := w.t.Context()
	if name == "disabled" {
		w.must(w.site.Members.SetState(ctx, p.Member.ID, member.Enabled, ""))
	}
	token, err := w.site.Members.NewSession(ctx, p.Member.ID, "test browser")
	w.must(err)
	if name == "disabled" {
		w.must(w.site.Members.SetState(ctx, p.Member.ID, member.Disabled, "trading accounts"))
		w.must(w.db.Tx(ctx, func(tx *db.Tx) error { // as if disabling had not ended it
			_, err := tx.Insert(ctx, "session", db.Row{"token_mac", w.site.Keys.MAC("session", token), "member_id", p.Member.ID, "agent", "",
				"created_at", w.now().Unix(), "seen_at", w.now().Unix(), "expires_at", w.now().Add(time.Hour).Unix()})
			return err
		}))
	}
	u, err := url.Parse(w.server.URL)
	w.must(err)
	jar.SetCookies(u, []*http.Cookie{{Name: w.site.cookieName(sessionCookie), Value: token, Path: "/"}})
	return b
}

// answer is a response with its whole body.
type answer struct {
	*http.Response
	body string
}

func (a answer) page(t *testing.T) *goquery.Document {
	t.Helper()
	d, err := goquery.NewDocumentFromReader(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *browser) do(r *http.Request) answer {
	b.w.t.Helper()
	res, err := b.c.Do(r)
	b.w.must(err)
	body, err := io.ReadAll(res.Body)
	b.w.must(err)
	b.w.must(res.Body.Close())
	return answer{res, string(body)}
}

func (b *browser) request(method, path string, body io.Reader, headers ...string) *http.Request {
	b.w.t.Helper()
	r, err := http.NewRequestWithContext(b.w.t.Context(), method, b.w.server.URL+path, body)
	b.w.must(err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func (b *browser) get(path string, headers ...string) answer {
	b.w.t.Helper()
	return b.do(b.request(http.MethodGet, path, nil, headers...))
}

func (b *browser) post(path string, form url.Values, headers ...string) answer {
	b.w.t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return b.do(b.request(http.MethodPost, path, strings.NewReader(form.Encode()), headers...))
}

// send posts a multipart form with a .torrent in it (none when it is nil).
func (b *browser) send(path string, form url.Values, torrent []byte, headers ...string) answer {
	b.w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for key, values := range form {
		for _, v := range values {
			b.w.must(m.WriteField(key, v))
		}
	}
	if torrent != nil {
		part, err := m.CreateFormFile("torrent", "data.torrent")
		b.w.must(err)
		_, err = part.Write(torrent)
		b.w.must(err)
	}
	b.w.must(m.Close())
	return b.do(b.request(http.MethodPost, path, &body, append([]string{"Content-Type", m.FormDataContentType()}, headers...)...))
}

// follow asks for the page that a redirect leads to.
func (b *browser) follow(a answer) answer {
	b.w.t.Helper()
	if a.StatusCode != http.StatusSeeOther {
		b.w.t.Fatalf("status %d, want a redirect:\n%s", a.StatusCode, a.body)
	}
	return b.get(a.Header.Get("Location"))
}

// torrent makes a .torrent of files with the given contents.
func (w *world) torrent(name string, f metainfo.Format, files map[string]string) []byte {
	w.t.Helper()
	dir := filepath.Join(w.torn, name)
	for path, content := range files {
		full := filepath.Join(dir, path)
		w.must(os.MkdirAll(filepath.Dir(full), 0o700))
		w.must(os.WriteFile(full, []byte(content), 0o600))
	}
	raw, err := metainfo.Build(w.t.Context(), dir, metainfo.BuildOptions{Format: f, Announce: [][]string{{"http://elsewhere.example/announce"}}, Comment: "made at home"})
	w.must(err)
	return raw
}

// dataset is a form that is right in every field.
func dataset(title string) url.Values {
	return url.Values{
		"category": {"sequences"}, "title": {title}, "subject": {"Escherichia phage Lambda"}, "object": {"cI857"},
		"creators": {"Frederick Sanger\nA. R. Coulson"}, "workgroup": {"MRC Laboratory"}, "location": {"Cambridge"}, "year": {"1982"},
		"identifier": {"NC_001416.1"}, "tags": {"phage, lambda, genome, dna, reference"}, "literature": {"10.1016/0022-2836(82)90546-0"},
		"description": {"The complete genome of bacteriophage **lambda**, in one contig."}, "platform": {"Sanger"}, "format": {"FASTA"},
		"archive": {"None"}, "scope": {"Genome"}, "license": {"CC0"}, "version": {"1.0.0"}, "torrent_description": {"As deposited."},
	}
}

// upload uploads a dataset as somebody and returns its ids.
func (w *world) upload(who, title string, change func(url.Values)) (core.GroupID, core.TorrentID) {
	w.t.Helper()
	form := dataset(title)
	if change != nil {
		change(form)
	}
	raw := w.torrent(strings.ReplaceAll(title, "/", "-"), metainfo.Hybrid, map[string]string{"genome.fasta": ">" + title + "\nACGT\n", "doc/readme.txt": title})
	var group, torrent int64
	a := w.as(who).send("/upload", form, raw)
	if a.StatusCode != http.StatusSeeOther {
		w.t.Fatalf("upload of %s: status %d\n%s", title, a.StatusCode, a.page(w.t).Find("main").Text())
	}
	_, err := fmt.Sscanf(a.Header.Get("Location"), "/torrents/%d/uploaded", &torrent)
	w.must(err)
	err = w.db.QueryRowContext(context.WithoutCancel(w.t.Context()), "SELECT group_id FROM torrent WHERE id = ?", torrent).Scan(&group)
	w.must(err)
	return core.GroupID(group), core.TorrentID(torrent)
}

// each runs a test on both engines.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newWorld(t, d)) })
}

// onSQLite runs a test on the embedded engine alone: what the pages do does not
// depend on it.
func onSQLite(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	return newWorld(t, dbtest.SQLite(t), change...)
}
