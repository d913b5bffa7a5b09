package tracker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func frontWorld(t *testing.T, change func(c *Config)) (*world, *btClient) {
	t.Helper()
	c := testConfig()
	if change != nil {
		change(&c)
	}
	w := newWorld(t, dbtest.SQLite(t), c)
	alice := w.member("alice")
	w.torrent(core.LeechNormal, 1)
	w.open()
	return w, w.client(alice.AnnounceKey, 1)
}

func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(w.url, "http://"), 5*time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exchange sends raw text and reads n answers, with the status and body of each.
func exchange(t testing.TB, conn net.Conn, text string, n int) []string {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	var out []string
	for range n {
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("answer %d: %v", len(out)+1, err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		out = append(out, fmt.Sprintf("%d %s", res.StatusCode, body))
	}
	return out
}

func TestKeepAliveAndPipelining(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	get := "GET /" + c.announceKey + "/announce?" + c.query(hash(1), "", 0, 0, 5) + " HTTP/1.1\r\nHost: 10.0.0.1:1234\r\nconnection: keep-alive\r\n\r\n"
	conn := w.dial()
	for _, n := range []int{1, 2, 3} { // on one connection, then two and three at once
		for _, got := range exchange(t, conn, strings.Repeat(get, n), n) {
			if !strings.HasPrefix(got, "200 d8:complete") {
				t.Errorf("got %s", got)
			}
		}
	}
	got := exchange(t, w.dial(), strings.Replace(get, "HTTP/1.1", "HTTP/1.0", 1), 1)
	if !strings.HasPrefix(got[0], "200 d8:complete") {
		t.Errorf("HTTP/1.0: %s", got)
	}
}

func TestMaxConnections(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, func(c *Config) { c.MaxConnections = 10 })
	get := "GET /" + c.announceKey + "/announce?" + c.query(hash(1), "", 0, 0, 5) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	var conns []net.Conn
	for range 10 {
		conn := w.dial()
		exchange(t, conn, get, 1)
		conns = append(conns, conn)
	}
	waiting := w.dial()
	if _, err := io.WriteString(waiting, get); err != nil {
		t.Fatal(err)
	}
	if err := waiting.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := waiting.Read(make([]byte, 1)); err == nil {
		t.Fatalf("the eleventh connection was served: %d bytes", n)
	}
	_ = conns[0].Close()
	if err := waiting.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.Read(make([]byte, 1)); err != nil {
		t.Fatalf("after one had closed: %v", err)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, func(c *Config) { c.IdleTimeout = config.D(time.Second) })
	conn := w.dial()
	exchange(t, conn, "GET /"+c.announceKey+"/scrape HTTP/1.1\r\nHost: x\r\n\r\n", 1)
	if _, err := conn.Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // net.Conn returns it bare
		t.Errorf("an idle connection ended with %v, want EOF", err)
	}
}

// TestPrivateAddresses announces straight from loopback, without a proxy.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	for _, allow := range []bool{false, true} {
		w, seeder := frontWorld(t, func(c *Config) { c.TrustedProxies, c.AllowPrivateAddresses = nil, allow })
		bob := w.member("bob")
		w.followed()
		first := seeder.announce(hash(1), "started", 0, 0, 0)
		got := w.client(bob.AnnounceKey, 2).announce(hash(1), "started", 0, 0, 5)
		if got["complete"] != int64(1) {
			t.Errorf("allowed %v: a client on loopback must be counted: %v", allow, got)
		}
		_, warned := first["warning message"]
		if n := len(peers(t, got)); (n == 1) != allow || warned == allow {
			t.Errorf("allowed %v: %d peers, warned %v", allow, n, warned)
		}
	}
}

// TestClaimedAddresses tries to send others to the address of a third party.
func TestClaimedAddresses(t *testing.T) {
	t.Parallel()
	for _, accept := range []bool{false, true} {
		w, liar := frontWorld(t, func(c *Config) { c.AcceptClaimedAddresses = accept })
		bob := w.member("bob")
		w.followed()
		liar.params["ip"], liar.params["ipv4"] = "9.9.9.9", "8.8.8.8"
		liar.announce(hash(1), "started", 0, 0, 0)
		other := w.client(bob.AnnounceKey, 2)
		six := *other
		six.ip = "2a01:4f8::2"
		six.announce(hash(1), "started", 0, 0, 5) // addresses of a family are for those that have one
		got := other.announce(hash(1), "started", 0, 0, 5)
		if p := peers(t, got); len(p) != 1 || p[0] != "44.0.0.2:51413" || got["peers6"] != nil {
			t.Errorf("accept %v: %v", accept, got)
		}
		liar.params["ipv6"] = "[2a01:4f8::7]:6881"
		liar.announce(hash(1), "", 0, 0, 0)
		if got := other.announce(hash(1), "", 0, 0, 5); (got["peers6"] != nil) != accept {
			t.Errorf("accept %v: %v", accept, got)
		}
		liar.params["ipv6"] = "::1"
		liar.announce(hash(1), "", 0, 0, 0)
		if got := other.announce(hash(1), "", 0, 0, 5); got["peers6"] == "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xc8\xd5" {
			t.Errorf("accept %v: loopback was handed out", accept)
		}
	}
}

func TestReplyForms(t *testing.T) {
	t.Parallel()
	w, seeder := frontWorld(t, nil)
	bob := w.member("bob")
	w.followed()
	seeder.announce(hash(1), "started", 0, 0, 0)
	c := w.client(bob.AnnounceKey, 2)
	c.params["compact"] = "0"
	list, _ := c.announce(hash(1), "", 0, 0, 5)["peers"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["peer id"] != seeder.id || list[0].(map[string]any)["ip"] != "44.0.0.2" {
		t.Errorf("compact=0 gave %v", list)
	}
	c.params["compact"] = "1"
	for numWant, want := range map[string]int{"0": 0, "-1": 1, "4294967295": 1, "99999999999999999999999": 1} {
		c.params["numwant"] = numWant
		if got := len(peers(t, c.announce(hash(1), "", 0, 0, 5))); got != want {
			t.Errorf("numwant=%s gave %d peers, want %d", numWant, got, want)
		}
	}
}

// TestBehindProxies announces over a unix socket and with PROXY headers.
func TestBehindProxies(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, func(c *Config) { c.ProxyProtocol = true })
	get := "GET /" + c.announceKey + "/announce?" + c.query(hash(1), "", 0, 0, 5) + " HTTP/1.1\r\nHost: x\r\n\r\n"
	got := exchange(t, w.dial(), "PROXY TCP4 44.9.8.7 127.0.0.1 5555 80\r\n"+get, 1)
	if !strings.Contains(got[0], "11:external ip4:\x2c\x09\x08\x07") {
		t.Errorf("PROXY protocol: %q", got)
	}
	path := filepath.Join(t.TempDir(), "t.sock")
	_, c = frontWorld(t, func(c *Config) { c.Listen = append(c.Listen, "unix:"+path) })
	conn, err := net.DialTimeout("unix", path, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	get = "GET /" + c.announceKey + "/announce?" + c.query(hash(1), "", 0, 0, 5) + " HTTP/1.1\r\nHost: x\r\nX-Real-IP: 44.9.8.6\r\n\r\n"
	if got = exchange(t, conn, get, 1); !strings.Contains(got[0], "11:external ip4:\x2c\x09\x08\x06") {
		t.Errorf("unix socket: %q", got)
	}
}
