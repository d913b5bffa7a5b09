package tracker

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/wire/wiretest"
)

// world is a complete tracker on real stores and a real socket. The test's own address is
// a trusted proxy, so that clients can have any address.
type world struct {
	t       testing.TB
	d       *db.DB
	events  *eventlog.Log
	members *member.Store
	clients *client.Store
	catalog *catalog.Store
	economy *economy.Store
	bans    *ban.Store
	banned  *ban.Book // as last loaded
	room    *Room
	size    int64        // of the torrents that are added
	ahead   atomic.Int64 // how far the room's clock is ahead, a time.Duration
	url     string
	stop    func()
}

func testConfig() Config {
	c := DefaultConfig()
	c.Listen = []string{"127.0.0.1:0"}
	c.TrustedProxies = []string{"127.0.0.1"}
	c.FlushEvery = config.D(50 * time.Millisecond)
	c.ClientsURL = "https://site.example/rules/clients"
	return c
}

// newWorld makes the stores; open starts the tracker.
func newWorld(t testing.TB, d *db.DB, c Config) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	if c.JournalDir == "" {
		c.JournalDir = t.TempDir()
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, d: d, events: eventlog.New(d, time.Now), size: 1000}
	w.members = member.NewStore(d, w.events, keys, time.Now)
	w.clients = client.NewStore(d, w.events, time.Now)
	w.catalog = catalog.NewStore(d, w.events, time.Now, catalog.Options{SiteName: "Test", SiteURL: "https://site.example"})
	w.economy = economy.NewStore(d, w.events, time.Now, economy.Config{})
	w.bans = ban.NewStore(d, w.events, keys, w.now)
	w.banned = ban.NewBook(w.bans)
	for _, seed := range []func(context.Context) error{w.members.Seed, w.clients.Seed} {
		if err := seed(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	w.room = New(c, Deps{DB: d, Rates: rates.New(time.Now), Events: w.events, Members: w.members, Torrents: w.catalog, Clients: w.clients, Economy: w.economy, Bans: w.banned,
		Clock: w.now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	return w
}

// now is the room's time. pass advances it.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) pass(d time.Duration) { w.ahead.Add(int64(d)) }

// until waits for something that the room does by itself.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// open runs the room until the test's end or w.stop.
func (w *world) open() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- w.room.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		w.t.Fatalf("the room did not open: %v", err)
	}
	w.url = "http://" + w.room.Addrs()[0].String()
	closed := false
	w.stop = func() {
		w.t.Helper()
		if closed {
			return
		}
		closed = true
		cancel()
		begun := time.Now()
		if err := <-done; err != nil {
			w.t.Errorf("the room ended with %v", err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			w.t.Errorf("draining took %v", took)
		}
	}
	w.t.Cleanup(w.stop)
}

func (w *world) member(name string) member.Created {
	w.t.Helper()
	c, err := w.members.Create(w.t.Context(), member.New{Name: name, Password: "correct horse battery staple"})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// torrent adds a torrent whose hashes begin with the given bytes.
func (w *world) torrent(leech core.Leech, hashes ...byte) core.TorrentID {
	w.t.Helper()
	row := db.Row{"group_id", 1, "uploader_id", 1, "anonymous", 0, "platform", "", "format", "", "archive", "", "scope", "", "license", "",
		"version", "", "annotated", 0, "description", "", "seqhash", "", "leech", string(leech), "leech_reason", "", "name", "",
		"source", "", "size", w.size, "file_count", 1, "piece_length", 16384, "created_at", 1, "updated_at", 1,
		"deleted_at", 0, "deleted_by", 0, "delete_reason", ""}
	for i, h := range hashes {
		v := hash(h)
		row = append(row, []string{"info_hash", "announce_hash_2"}[i], v[:])
	}
	var id int64
	w.tx(func(tx *db.Tx) (err error) {
		if id, err = tx.Insert(w.t.Context(), "torrent", row); err != nil {
			return err
		}
		_, err = w.events.Append(w.t.Context(), tx, eventlog.TorrentAdded{Torrent: core.TorrentID(id), Group: 1})
		return err
	})
	return core.TorrentID(id)
}

func (w *world) deleteTorrent(id core.TorrentID, reason string) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error {
		if _, err := tx.Exec(w.t.Context(), "UPDATE torrent SET deleted_at = ?, delete_reason = ? WHERE id = ?", time.Now().Unix(), reason, id); err != nil {
			return err
		}
		_, err := w.events.Append(w.t.Context(), tx, eventlog.TorrentDeleted{Torrent: id, Group: 1})
		return err
	})
}

func (w *world) tx(f func(tx *db.Tx) error) {
	w.t.Helper()
	if err := w.d.Tx(w.t.Context(), f); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// followed waits until the tracker has read every event.
func (w *world) followed() {
	w.t.Helper()
	last, err := w.events.Last(w.t.Context())
	w.must(err)
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	if err := w.events.WaitFor(ctx, roster.Consumer, last); err != nil {
		w.t.Fatalf("the tracker is behind event %d: %v", last, err)
	}
}

func hash(first byte) core.InfoHash { return core.InfoHash{first, '%', 0xff, '&', 19: first} }

// client is one BitTorrent client of a member.
type btClient struct {
	w           *world
	announceKey string
	id          string // peer-id
	ip          string
	params      map[string]string // sent each time
}

// client makes a client; n tells clients apart.
func (w *world) client(announceKey string, n int) *btClient {
	return &btClient{w: w, announceKey: announceKey, id: fmt.Sprintf("-TR3000-%012d", n), ip: fmt.Sprintf("44.0.%d.%d", n/250, n%250+1),
		params: map[string]string{"port": "51413", "compact": "1"}}
}

// get asks path with a raw query from the client's address and decodes the answer.
func (c *btClient) get(path, query string) map[string]any {
	c.w.t.Helper()
	v, err := c.try(path, query)
	if err != nil {
		c.w.t.Fatal(err)
	}
	return v
}

func (c *btClient) try(path, query string) (map[string]any, error) {
	req, err := http.NewRequestWithContext(c.w.t.Context(), http.MethodGet, c.w.url+path+"?"+query, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Forwarded-For", "6.6.6.6, "+c.ip)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if cerr := res.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK || res.ContentLength != int64(len(body)) || res.Header.Get("Content-Type") != "text/plain" {
		return nil, fmt.Errorf("%s with %d bytes announced, %d sent: %q", res.Status, res.ContentLength, len(body), body)
	}
	v, err := wiretest.Decode(body)
	if err != nil {
		return nil, err
	}
	return v.(map[string]any), nil
}

func (c *btClient) query(h core.InfoHash, event string, up, down, left int64) string {
	q := url.Values{"info_hash": {string(h[:])}, "peer_id": {c.id}, "uploaded": {strconv.FormatInt(up, 10)},
		"downloaded": {strconv.FormatInt(down, 10)}, "left": {strconv.FormatInt(left, 10)}}
	if event != "" {
		q.Set("event", event)
	}
	for k, v := range c.params {
		q.Set(k, v)
	}
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

// announce announces and expects an answer.
func (c *btClient) announce(h core.InfoHash, event string, up, down, left int64) map[string]any {
	c.w.t.Helper()
	got := c.get("/"+c.announceKey+"/announce", c.query(h, event, up, down, left))
	if why, failed := got["failure reason"]; failed {
		c.w.t.Fatalf("announce refused: %s", why)
	}
	return got
}

// refused announces and expects a failure, of which it returns the reason.
func (c *btClient) refused(h core.InfoHash, event string, left int64) string {
	c.w.t.Helper()
	got := c.get("/"+c.announceKey+"/announce", c.query(h, event, 0, 0, left))
	why, _ := got["failure reason"].(string)
	if why == "" {
		c.w.t.Fatalf("the announce was answered: %v", got)
	}
	if diff := cmp.Diff([]string{"failure reason", "interval", "retry in"}, slices.Sorted(maps.Keys(got))); diff != "" {
		c.w.t.Errorf("keys of a failure\n%s", diff)
	}
	return why
}

// scrape returns the sizes of a swarm as "seeders/leechers/downloads".
func (c *btClient) scrape(h core.InfoHash) string {
	c.w.t.Helper()
	got := c.get("/"+c.announceKey+"/scrape", "info_hash="+url.QueryEscape(string(h[:])))
	files, _ := got["files"].(map[string]any)
	f, ok := files[string(h[:])].(map[string]any)
	if !ok {
		return fmt.Sprintf("nothing: %v", got)
	}
	return fmt.Sprintf("%d/%d/%d", f["complete"], f["incomplete"], f["downloaded"])
}

// peers lists the addresses in an answer, sorted.
func peers(t testing.TB, reply map[string]any) []string {
	t.Helper()
	raw, _ := reply["peers"].(string)
	var out []string
	for ; len(raw) >= 6; raw = raw[6:] {
		out = append(out, fmt.Sprintf("%d.%d.%d.%d:%d", raw[0], raw[1], raw[2], raw[3], int(raw[4])<<8|int(raw[5])))
	}
	if raw != "" {
		t.Errorf("%d bytes over in peers", len(raw))
	}
	slices.Sort(out)
	return out
}

// rows reads a table of whole numbers.
func (w *world) rows(width int, query string, args ...any) [][]int64 {
	w.t.Helper()
	got, err := db.All(w.t.Context(), w.d, func(s db.Scanner) ([]int64, error) {
		row, ptrs := make([]int64, width), make([]any, width)
		for i := range row {
			ptrs[i] = &row[i]
		}
		return row, s.Scan(ptrs...)
	}, query, args...)
	w.must(err)
	return got
}
