package ocelot

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

const (
	sitePassword   = "0123456789abcdef0123456789abcdef"
	reportPassword = "fedcba9876543210fedcba9876543210"
)

// world is a server on a database. Gazelle speaks to it as in PHP.
type world struct {
	t     *testing.T
	d     *db.DB
	store *Store
	clock *dbtest.Clock
	s     *Server
	stop  func()
}

func newWorld(t *testing.T, d *db.DB) *world {
	w := &world{t: t, d: d, clock: dbtest.NewClock(time.Unix(1_800_000_000, 0))}
	w.store = NewStore(d, eventlog.New(d, w.clock.Now), w.clock.Now)
	w.open()
	return w
}

// open starts the server, again if it was stopped.
func (w *world) open() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	s, err := Open(ctx, "127.0.0.1:0", Options{
		Store: w.store, SitePassword: sitePassword, ReportPassword: reportPassword,
		Followed: func(context.Context, int64) error { return nil },
		Stats: func() Stats {
			return Stats{Started: w.clock.Now().Add(-90061 * time.Second), Opened: 5, Open: 2, Announces: 10, Answered: 7, Scrapes: 3, Seeders: 4, Leechers: 6}
		},
		Interval: 30 * time.Minute, ShortestInterval: 10 * time.Minute, LongestInterval: time.Hour, Rates: rates.New(w.clock.Now), Clock: w.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.s = s
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("the server ended with %v", err)
		}
	})
	w.t.Cleanup(w.stop)
}

// send sends what Gazelle's Tracker class sends (there is no Host header), and
// takes the answer apart as it does.
func (w *world) send(get string) (data string, ok bool) {
	w.t.Helper()
	conn, err := net.Dial("tcp", w.s.Addr().String())
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := io.WriteString(conn, "GET /"+get+" HTTP/1.1\r\nConnection: Close\r\n\r\n"); err != nil {
		w.t.Fatal(err)
	}
	raw, err := io.ReadAll(conn)
	if err != nil {
		w.t.Fatal(err)
	}
	response := string(raw)
	start, end := strings.Index(response, "\r\n\r\n")+4, strings.LastIndex(response, "\n")
	if end > start {
		data = response[start:end]
	}
	if response[end+1:] == "success" {
		return data, true
	}
	return response[start:], false
}

// update sends one action with parameters in turn.
func (w *world) update(action string, p ...string) (string, bool) {
	w.t.Helper()
	get := sitePassword + "/update?action=" + action
	for i := 0; i+1 < len(p); i += 2 {
		get += "&" + p[i] + "=" + p[i+1]
	}
	return w.send(get)
}

func (w *world) success(action string, p ...string) {
	w.t.Helper()
	if got, ok := w.update(action, p...); !ok || got != "" {
		w.t.Fatalf("%s %q: %q, success %v", action, p, got, ok)
	}
}

func (w *world) failure(want, action string, p ...string) {
	w.t.Helper()
	if got, ok := w.update(action, p...); ok || !strings.HasPrefix(got, "d14:failure reason") || !strings.Contains(got, want) {
		w.t.Errorf("%s %q: %q, success %v; want %q", action, p, got, ok, want)
	}
}

func passkey(n int) string { return fmt.Sprintf("%032d", n) }

func hash(n byte) core.InfoHash { return core.InfoHash{n, '+', '%', '&', 0, 0xff, '=', ' ', 19: n} }

func enc(hs ...core.InfoHash) (out string) {
	for _, h := range hs {
		for _, b := range h {
			out += fmt.Sprintf("%%%02X", b)
		}
	}
	return out
}

// state is all that the roster would read.
func (w *world) state() string {
	w.t.Helper()
	var b strings.Builder
	members, err := w.store.RosterPage(w.t.Context(), 0, 100)
	w.must(err)
	for _, m := range members {
		_, _ = fmt.Fprintf(&b, "member %d %s leech=%v\n", m.ID, strings.TrimLeft(m.AnnounceKey, "0"), len(m.Phases) == 0)
	}
	torrents, err := w.store.TrackerPage(w.t.Context(), 0, 100)
	w.must(err)
	schedule, err := w.store.Schedule(w.t.Context())
	w.must(err)
	for _, tt := range torrents {
		_, _ = fmt.Fprintf(&b, "torrent %d hash=%d %s", tt.ID, tt.Hashes[0][0], tt.Leech)
		if tt.Deleted {
			_, _ = fmt.Fprintf(&b, " deleted: %s", tt.DeleteReason)
		}
		for _, m := range members {
			if schedule.Effective(tt.Leech, tt.ID, m.ID, w.clock.Now()).State != tt.Leech {
				_, _ = fmt.Fprintf(&b, " token=%d", m.ID)
			}
		}
		b.WriteByte('\n')
	}
	rules, err := w.store.Rules(w.t.Context())
	w.must(err)
	for _, r := range rules {
		_, _ = fmt.Fprintf(&b, "client %s\n", r.Prefix)
	}
	return b.String()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	if diff := cmp.Diff(strings.Join(lines, "\n")+"\n", w.state()); diff != "" {
		w.t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestUpdates(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for n := 1; n <= 4; n++ {
			w.success("add_user", "id", fmt.Sprint(n), "passkey", passkey(n))
		}
		for n := byte(1); n <= 4; n++ {
			w.success("add_torrent", "id", fmt.Sprint(10+n), "info_hash", enc(hash(n)), "freetorrent", fmt.Sprint(n%3))
		}
		w.success("add_whitelist", "peer_id", "-TR3")
		w.success("add_whitelist", "peer_id", "-UM1")
		w.success("add_token", "info_hash", enc(hash(3)), "userid", "2")
		w.success("add_token", "info_hash", enc(hash(3)), "userid", "1")
		start := []string{"member 1 1 leech=true", "member 2 2 leech=true", "member 3 3 leech=true", "member 4 4 leech=true",
			"torrent 11 hash=1 free", "torrent 12 hash=2 neutral", "torrent 13 hash=3 normal token=1 token=2", "torrent 14 hash=4 free", "client -TR3", "client -UM1"}
		w.want(start...)

		// The same again changes nothing: Gazelle repeats what it heard no answer to.
		w.success("add_user", "id", "4", "passkey", passkey(4))
		w.success("add_torrent", "id", "13", "info_hash", enc(hash(3)), "freetorrent", "0")
		w.success("add_whitelist", "peer_id", "-TR3")
		w.success("add_token", "info_hash", enc(hash(3)), "userid", "1")
		w.want(start...)

		w.success("change_passkey", "oldpasskey", passkey(1), "newpasskey", passkey(101))
		w.success("change_passkey", "oldpasskey", passkey(1), "newpasskey", passkey(101))
		w.success("update_user", "passkey", passkey(2), "can_leech", "0")
		w.success("remove_user", "passkey", passkey(3))
		w.success("remove_user", "passkey", passkey(3))
		w.success("update_torrent", "info_hash", enc(hash(1)), "freetorrent", "2")
		w.success("update_torrents", "info_hashes", enc(hash(2), hash(4)), "freetorrent", "1")
		w.success("remove_token", "info_hash", enc(hash(3)), "userid", "1")
		w.success("remove_token", "info_hash", enc(hash(3)), "userid", "1")
		w.success("edit_whitelist", "old_peer_id", "-UM1", "new_peer_id", "-UM3")
		w.success("remove_whitelist", "peer_id", "-TR3")
		w.success("delete_torrent", "info_hash", enc(hash(1)), "id", "11", "reason", "4")
		w.success("delete_torrent", "info_hash", enc(hash(1)), "id", "11", "reason", "4")
		w.want("member 1 101 leech=true", "member 2 2 leech=false", "member 4 4 leech=true", "torrent 11 hash=1 neutral deleted: bad tags",
			"torrent 12 hash=2 free", "torrent 13 hash=3 normal token=2", "torrent 14 hash=4 free", "client -UM3")

		w.success("remove_users", "passkeys", passkey(101)+passkey(4))
		w.success("delete_torrent", "info_hash", enc(hash(3)), "reason", "-1")
		w.success("add_user", "id", "3", "passkey", passkey(33), "can_leech", "0", "visible", "0")
		w.want("member 2 2 leech=false", "member 3 33 leech=false", "torrent 11 hash=1 neutral deleted: bad tags",
			"torrent 12 hash=2 free", "torrent 13 hash=3 normal deleted: ", "torrent 14 hash=4 free", "client -UM3")

		// What a restart finds is what there was.
		before := w.state()
		w.stop()
		w.store = NewStore(d, eventlog.New(d, w.clock.Now), w.clock.Now)
		w.open()
		w.want(strings.TrimSuffix(before, "\n"))
		if got, ok := w.update("info_torrent", "info_hash", enc(hash(2))); !ok || got != "12 id\nfree leech\n0 deleted" {
			t.Errorf("info_torrent: %q, %v", got, ok)
		}
		w.clock.Add(keepDeleted + time.Hour)
		w.success("delete_torrent", "info_hash", enc(hash(4)), "reason", "0")
		w.want("member 2 2 leech=false", "member 3 33 leech=false", "torrent 12 hash=2 free", "torrent 14 hash=4 free deleted: duplicate", "client -UM3")
	})
}

// TestPartialUpdates changes one right of a member at a time (Ocelot cleared the
// other).
func TestPartialUpdates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.success("add_user", "id", "7", "passkey", passkey(7), "visible", "0")
	user := func() string {
		data, ok := w.send(reportPassword + "/report?get=user&format=json&key=" + passkey(7))
		if !ok {
			t.Fatal(data)
		}
		return data
	}
	for _, step := range []struct{ name, value, want string }{
		{"can_leech", "0", `"protected":true,"can_leech":false`}, {"visible", "1", `"protected":false,"can_leech":false`},
		{"can_leech", "1", `"protected":false,"can_leech":true`}, {"visible", "0", `"protected":true,"can_leech":true`},
	} {
		w.success("update_user", "passkey", passkey(7), step.name, step.value)
		if got := user(); !strings.Contains(got, step.want) || !json.Valid([]byte(got)) {
			t.Errorf("after %s=%s: %s", step.name, step.value, got)
		}
	}
	w.success("add_user", "id", "7", "passkey", passkey(77)) // a new passkey keeps the rights
	w.success("change_passkey", "oldpasskey", passkey(77), "newpasskey", passkey(7))
	if got := user(); !strings.Contains(got, `"protected":true`) {
		t.Errorf("after a new passkey: %s", got)
	}
}

// TestIDs reuses ids and info-hashes as sites do that missed a deletion.
func TestIDs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.success("add_user", "id", "1", "passkey", passkey(1))
		w.success("add_torrent", "id", "11", "info_hash", enc(hash(1)), "freetorrent", "0")
		w.success("add_torrent", "id", "12", "info_hash", enc(hash(2)), "freetorrent", "0")
		w.success("add_token", "info_hash", enc(hash(1)), "userid", "1")
		// The same hash as a new torrent: the old one, and its token, are gone.
		w.success("add_torrent", "id", "13", "info_hash", enc(hash(1)), "freetorrent", "0")
		w.want("member 1 1 leech=true", "torrent 12 hash=2 normal", "torrent 13 hash=1 normal")
		// An id that another torrent has.
		w.failure("torrent 12 is there with another info-hash", "add_torrent", "id", "12", "info_hash", enc(hash(3)), "freetorrent", "0")
		w.failure("torrent 12 is there with another info-hash", "add_torrent", "id", "12", "info_hash", enc(hash(1)), "freetorrent", "0")
		// After its deletion it may have it.
		w.success("delete_torrent", "info_hash", enc(hash(2)), "reason", "1")
		w.success("add_torrent", "id", "12", "info_hash", enc(hash(3)), "freetorrent", "1")
		w.want("member 1 1 leech=true", "torrent 12 hash=3 free", "torrent 13 hash=1 normal")
		// A deleted one comes back.
		w.success("delete_torrent", "info_hash", enc(hash(1)), "reason", "1")
		w.success("add_torrent", "id", "14", "info_hash", enc(hash(1)), "freetorrent", "0")
		w.want("member 1 1 leech=true", "torrent 12 hash=3 free", "torrent 14 hash=1 normal")
		// A passkey that is another's.
		w.success("add_user", "id", "2", "passkey", passkey(2))
		w.failure("another member has that passkey", "add_user", "id", "3", "passkey", passkey(2))
		w.failure("another member has that passkey", "change_passkey", "oldpasskey", passkey(1), "newpasskey", passkey(2))
		w.success("change_passkey", "oldpasskey", passkey(1), "newpasskey", passkey(1))
	})
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.success("add_torrent", "id", "1", "info_hash", enc(hash(1)), "freetorrent", "0")
	before := w.state()
	h9 := enc(hash(9))
	w.failure("there is no action", "add_everything")
	w.failure("there is no action", "")
	w.failure("there is no torrent "+hash(9).String(), "update_torrent", "info_hash", h9, "freetorrent", "1")
	w.failure("there is no torrent", "delete_torrent", "info_hash", h9, "reason", "1")
	w.failure("there is no torrent", "add_token", "info_hash", h9, "userid", "1")
	w.failure("there is no torrent", "remove_token", "info_hash", h9, "userid", "1")
	w.failure("there is no torrent", "info_torrent", "info_hash", h9)
	w.failure("there is no member", "update_user", "passkey", passkey(9), "can_leech", "0")
	w.failure("there is no member", "change_passkey", "oldpasskey", passkey(9), "newpasskey", passkey(8))
	for _, bad := range [][]string{
		{"add_torrent", "id", "0", "info_hash", h9}, {"add_torrent", "id", "-1", "info_hash", h9}, {"add_torrent", "id", "4294967296", "info_hash", h9},
		{"add_torrent", "id", "x", "info_hash", h9}, {"add_torrent", "info_hash", h9}, {"add_torrent", "id", "2"}, {"add_torrent", "id", "2", "info_hash", h9[3:]},
		{"add_torrent", "id", "2", "info_hash", "%zz"}, {"add_torrent", "id", "2", "info_hash", h9, "freetorrent", "3"},
		{"add_torrent", "id", "2", "info_hash", h9, "id", "3"}, {"update_torrents", "info_hashes", ""}, {"update_torrents", "info_hashes", h9 + "a"},
		{"update_torrent", "info_hash", h9, "freetorrent", "free"}, {"delete_torrent", "info_hash", enc(hash(1)), "reason", "23"},
		{"add_user", "id", "1", "passkey", "short"}, {"add_user", "id", "1", "passkey", strings.Repeat("-", 32)}, {"add_user", "passkey", passkey(1)},
		{"add_user", "id", "1", "passkey", passkey(1), "can_leech", "yes"}, {"update_user", "passkey", passkey(1), "visible", ""},
		{"remove_user", "passkey", ""}, {"remove_users", "passkeys", passkey(1) + "x"}, {"remove_users"}, {"add_token", "info_hash", enc(hash(1))},
		{"remove_token", "info_hash", enc(hash(1)), "userid", "x"}, {"add_whitelist", "peer_id", ""}, {"add_whitelist", "peer_id", "%20"},
		{"remove_whitelist", "peer_id", strings.Repeat("x", 21)}, {"edit_whitelist", "old_peer_id", "-TR3"}, {"edit_whitelist", "new_peer_id", "-TR3"},
		{"update_announce_interval", "new_announce_interval", "59"}, {"update_announce_interval", "new_announce_interval", "3601"},
		{"update_announce_interval"}, {"update_announce_jitter", "new_announce_jitter", "-1"}, {"change_passkey", "oldpasskey", passkey(1)},
		{"update_torrent", "freetorrent", "1"}, {"info_torrent"},
	} {
		w.failure("", bad[0], bad[1:]...)
	}
	if got := w.state(); got != before {
		t.Errorf("something has changed:\n%s", got)
	}
	// Of several torrents, those that are there are changed.
	w.failure("there is no torrent", "update_torrents", "info_hashes", enc(hash(1), hash(9)), "freetorrent", "1")
	w.failure("2 of 3 torrents are not there", "update_torrents", "info_hashes", enc(hash(1), hash(9), hash(8)), "freetorrent", "1")
	w.want("torrent 1 hash=1 free")
	w.success("update_torrent", "info_hash", hash(1).String(), "freetorrent", "0") // in hexadecimal, too
}

func TestInterval(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		if got := w.s.Interval(); got != 30*time.Minute {
			t.Errorf("at first %v", got)
		}
		w.success("update_announce_interval", "new_announce_interval", "2400")
		w.success("update_announce_jitter", "new_announce_jitter", "60")
		for range 2 {
			for range 100 {
				if got := w.s.Interval(); got < 40*time.Minute || got > 41*time.Minute {
					t.Fatalf("set to %v", got)
				}
			}
			w.stop()
			w.open() // and it holds after a restart
		}
		w.success("update_announce_interval", "new_announce_interval", "3600")
		if got := w.s.Interval(); got != time.Hour {
			t.Errorf("beyond what clients are kept for: %v", got)
		}
		_, err := w.store.set(t.Context(), announceInterval, 7200)
		w.must(err)
		w.stop()
		w.open()
		if got := w.s.Interval(); got > 31*time.Minute {
			t.Errorf("what no longer fits holds: %v", got)
		}
		w.failure("from 600 to 3600 seconds", "update_announce_interval", "new_announce_interval", "300")
		_, err = w.store.set(t.Context(), announceInterval, 300)
		w.must(err)
		w.stop()
		w.open()
		if got := w.s.Interval(); got < 30*time.Minute {
			t.Errorf("what is shorter than twice min_interval holds: %v", got)
		}
	})
}

func TestReports(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.success("add_user", "id", "5", "passkey", passkey(5))
		for n, row := range [][2]int64{{1, 0}, {1, 0}, {1, 9}, {0, 9}} { // active, bytes left
			w.must(d.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Insert(t.Context(), "transfer_member_torrent", db.Row{"member_id", 5, "torrent_id", n + 1, "uploaded", 0, "downloaded", 0,
					"raw_up", 0, "raw_down", 0, "seedtime", 0, "bytes_left", row[1], "active", row[0], "first_at", 1, "last_at", 1, "snatched_at", 0})
				return err
			}))
		}
		report := func(query string) string {
			t.Helper()
			data, ok := w.send(reportPassword + "/report?" + query)
			if !ok {
				return "failure " + data
			}
			return data
		}
		if got := report("get=user&key=" + passkey(5)); got != "1 leeching\n2 seeding" {
			t.Errorf("user: %q", got)
		}
		if got := report("get=user&format=json&key=" + passkey(5)); got != `{"id":5,"leeching":1,"seeding":2,"deleted":false,"protected":false,"can_leech":true}` {
			t.Errorf("user in JSON: %q", got)
		}
		if got := report("get=user&key=" + passkey(6)); got != "" {
			t.Errorf("nobody: %q", got)
		}
		stats := map[string]string{} // as Gazelle takes it apart
		for line := range strings.SplitSeq(report("get=stats"), "\n") {
			v, k, _ := strings.Cut(line, " ")
			stats[k] = v
		}
		for k, v := range map[string]string{"1 days, 01:01:01": "Uptime:", "leechers tracked": "6", "seeders tracked": "4", "successful announcements": "7",
			"failed announcements": "3", "requests handled": "13", "announce interval": "1800", "announce jitter": "0"} {
			if stats[k] != v {
				t.Errorf("%q is %q, want %q", k, stats[k], v)
			}
		}
		if got := report("get=prom_stats"); !strings.Contains(got, "ocelot_uptime 90061\n") || !strings.Contains(got, "\nocelot_seeders 4\n") {
			t.Errorf("prom_stats: %q", got)
		}
		for _, bad := range []string{"", "get=all", "get=user", "get=user&key=x"} {
			if got := report(bad); !strings.HasPrefix(got, "failure d14:failure reason") {
				t.Errorf("%q: %q", bad, got)
			}
		}
	})
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	denied := func(get string) bool {
		t.Helper()
		got, ok := w.send(get)
		return !ok && strings.Contains(got, "authentication failure")
	}
	add := "/update?action=add_whitelist&peer_id=-TR3"
	for _, get := range []string{"" + add, "x" + add, sitePassword[1:] + add, sitePassword + "x" + add, reportPassword + add,
		sitePassword + "/report?get=stats", sitePassword + "/announce?x", sitePassword, url.PathEscape(sitePassword+"/update") + "?action=add_whitelist"} {
		if !denied(get) {
			t.Errorf("%s is not denied", get)
		}
	}
	if got := w.state(); got != "" {
		t.Fatalf("something was changed:\n%s", got)
	}
	for range wrongBurst {
		_, _ = w.send("wrong" + add)
	}
	if got, _ := w.send("wrong" + add); !strings.Contains(got, "too many wrong passwords") {
		t.Errorf("after many wrong ones: %q", got)
	}
	w.success("add_whitelist", "peer_id", "-TR3")
}

// strange is a connection from somewhere else.
type strange struct{ net.Conn }

func (strange) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(44, 1, 2, 3), Port: 5} }

func TestStrangers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	ask := func() string {
		a, b := net.Pipe()
		go w.s.serve(t.Context(), strange{a})
		_ = b.SetDeadline(time.Now().Add(30 * time.Second))
		_, _ = io.WriteString(b, "GET /"+sitePassword+"/update?action=add_whitelist&peer_id=-TR3 HTTP/1.1\r\n\r\n")
		raw, _ := io.ReadAll(b)
		return string(raw)
	}
	if got := ask(); got != "" {
		t.Errorf("a stranger hears %q", got)
	}
	w.s.o.Trusted = func(a netip.Addr) bool { return a == netip.MustParseAddr("44.1.2.3") }
	if got := ask(); !strings.HasSuffix(got, "\r\n\r\nsuccess") {
		t.Errorf("a proxy of ours hears %q", got)
	}
}

// TestBadRequests sends what is no request: it is not answered, and harms nobody.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	for _, text := range []string{"hello\r\n\r\n", "GET /" + strings.Repeat("x", 2*headLimit), "\x00\r\n\r\n", "GET / HTTP/9\r\n\r\n"} {
		conn, err := net.Dial("tcp", w.s.Addr().String())
		w.must(err)
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		go func() { _, _ = io.WriteString(conn, text) }()
		if raw, _ := io.ReadAll(conn); len(raw) > 0 {
			t.Errorf("%.20q is answered with %q", text, raw)
		}
		_ = conn.Close()
	}
	half, err := net.Dial("tcp", w.s.Addr().String())
	w.must(err)
	_, _ = io.WriteString(half, "GET /")
	defer func() { _ = half.Close() }()
	many := make([]core.InfoHash, 300)
	for i := range many {
		many[i] = core.InfoHash{byte(i), byte(i >> 8), 7}
	}
	post, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil)
	w.must(err)
	w.failure("300 of 300 torrents", "update_torrents", "info_hashes", enc(many...), "freetorrent", "1")
	if got := w.s.answer(t.Context(), netip.Addr{}, post); !strings.Contains(got, "only GET") {
		t.Errorf("POST: %q", got)
	}
	w.stop() // does not wait for half a request
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	for password, good := range map[string]bool{sitePassword: true, "": false, sitePassword[1:]: false, strings.Repeat("a", 129): false, sitePassword + "/": false, sitePassword + "?": false} {
		if err := CheckPassword(password); (err == nil) != good {
			t.Errorf("%q: %v", password, err)
		}
	}
	if _, err := Open(t.Context(), "127.0.0.1:0", Options{SitePassword: sitePassword, ReportPassword: sitePassword}); err == nil {
		t.Error("one password for both")
	}
}
