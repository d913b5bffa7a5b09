package tracker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire/wiretest"
)

// harness runs a tracker's service behind its real front, and compares it with the
// reference. Each history starts with empty swarms.
type harness struct {
	loaded       *service // with the roster that all histories share
	url          string
	announceKeys []string
	hashes       []core.InfoHash
	rules        []string
	begin        time.Time

	mu      sync.Mutex
	s       *service
	now     time.Time
	broken  bool
	entries []ledger.Entry
	fault   error // an answer and its promise did not fit
}

// Answer implements front.Handler for the history that is being played.
func (h *harness) Answer(dst []byte, r *front.Request) front.Answer {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.entries)
	a := h.s.Answer(dst, r)
	var want promise.Promise
	if len(h.entries) > before && !h.broken {
		want = promise.Promise(len(h.entries))
	}
	if a.Promise != want {
		h.fault = fmt.Errorf("an answer promises %d, want %d", a.Promise, want)
	}
	return a
}

// Record implements ledger.Ledger. Answer holds the lock.
func (h *harness) Record(e ledger.Entry) (promise.Promise, error) {
	e.SeedTime, e.At, e.Record = 0, time.Time{}, nil
	h.entries = append(h.entries, e)
	if h.broken {
		return 0, core.Errorf(core.Unavailable, "no room in the ledger")
	}
	return promise.Promise(len(h.entries)), nil
}

// Gone implements ledger.Ledger. No rule changes while a history is played.
func (h *harness) Gone(e ledger.Entry) { h.fault = fmt.Errorf("gone without an announce: %+v", e) }

// Commit implements ledger.Ledger and front.Handler.
func (h *harness) Commit(promise.Promise) error { return nil }

// Failed implements front.Handler.
func (h *harness) Failed(dst []byte, err error) (int, []byte) { return h.loaded.Failed(dst, err) }

func newHarness(tb testing.TB) *harness {
	tb.Helper()
	h := &harness{begin: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	s, announceKeys := newServiceOf(tb, h, func(w *world) {
		w.size = 3 << 30
		w.torrent(core.LeechFree, 2, 3)
		w.size = 5 << 20
		w.torrent(core.LeechNeutral, 4)
		w.deleteTorrent(w.torrent(core.LeechNormal, 5), "gone")
		for i, change := range []func(id core.MemberID) error{
			func(id core.MemberID) error {
				return membertest.Begin(tb.Context(), w.members, id, member.NoDownload, "traded accounts")
			},
			func(id core.MemberID) error { return membertest.Disable(tb.Context(), w.members, id, "left") },
		} {
			w.must(change(core.MemberID(3 + i)))
		}
		for n := range 4 {
			h.announceKeys = append(h.announceKeys, w.member(fmt.Sprintf("more%d", n)).AnnounceKey)
		}
		rules, err := w.clients.Rules(tb.Context())
		w.must(err)
		for _, r := range rules {
			h.rules = append(h.rules, r.Prefix)
		}
	})
	h.loaded, h.announceKeys = s, append(announceKeys, h.announceKeys...)
	for n := range byte(6) {
		h.hashes = append(h.hashes, hash(n+1))
	}
	srv, err := front.Open(tb.Context(), []string{"127.0.0.1:0"}, front.Options{Handler: h, Log: s.log})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Serve(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	h.url = srv.Addrs()[0].String()
	return h
}

// refRate is what a line carries in a second: so little that histories come to its end.
const refRate = 40_000_000

// reset makes a new service and a new reference.
func (h *harness) reset() *reference {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := h.loaded
	h.now, h.entries, h.broken, h.fault = h.begin, nil, false, nil
	h.s = &service{c: l.c, addresses: l.addresses, slots: l.slots, sources: l.sources, pace: l.pace, suspects: l.suspects, roster: l.roster,
		swarms: swarm.New(swarm.Config{Interval: l.c.Interval.Duration, Timeout: l.pace.timeout, Forget: forgetAfter, SeedCap: l.pace.seedCap(), NumWant: l.c.NumWantMax,
			PerMember: l.c.MaxClients, MaxRate: refRate, MinInterval: l.c.minInterval()}),
		ledger: h, snatches: func(core.TorrentID) int64 { return 0 }, clock: func() time.Time { return h.now }, log: l.log, metrics: l.metrics}
	r := &reference{timeout: 75 * 60, forget: 6 * 3600, interval: 30 * 60, min: 300, rate: refRate, most: 5, clients: h.rules,
		members: map[string]refMember{}, torrents: map[string]refTorrent{}, swarms: map[core.TorrentID][]*refClient{},
		accounts: map[core.MemberID]*refAccount{}, used: map[refPair]*[2]int64{}}
	for i, p := range h.announceKeys {
		r.members[p] = refMember{id: core.MemberID(i + 1), enabled: i != 3, canLeech: i != 2}
	}
	for i, t := range []refTorrent{{1, 1000, core.LeechNormal, false}, {2, 3 << 30, core.LeechFree, false}, {2, 3 << 30, core.LeechFree, false},
		{3, 5 << 20, core.LeechNeutral, false}, {4, 5 << 20, core.LeechNormal, true}} {
		r.torrents[string(h.hashes[i][:])] = t
	}
	return r
}

// player plays one history, over a connection that stays open.
type player struct {
	*harness
	ref    *reference
	choose func(n int) int
	conn   net.Conn
	in     *bufio.Reader
	peers  map[int]*playedClient
}

// playedClient is the state of a client in the course of a history.
type playedClient struct {
	up, down, left int64
	version        int
	key            string
}

func (h *harness) history(choose func(n int) int, more func() bool) (err error) {
	p := &player{harness: h, ref: h.reset(), choose: choose, peers: map[int]*playedClient{}}
	defer func() {
		if p.conn != nil {
			_ = p.conn.Close()
		}
	}()
	for n := 0; more(); n++ {
		if err := p.step(); err != nil {
			return fmt.Errorf("step %d: %w", n, err)
		}
	}
	return nil
}

func (p *player) step() error {
	p.mu.Lock()
	switch n := p.choose(100); {
	case n < 2:
		p.now = p.now.Add(time.Duration(p.choose(8*3600)) * time.Second)
	case n < 10:
		p.now = p.now.Add(time.Duration(p.choose(3600)) * time.Second)
	case n < 60:
		p.now = p.now.Add(time.Duration(p.choose(15_000)) * time.Millisecond)
	}
	p.broken = p.choose(40) == 0
	if p.choose(30) == 0 {
		p.s.swarms.Reap(p.now, func(swarm.Change) {})
		p.ref.reap(p.now.Unix())
	}
	p.entries = nil
	p.mu.Unlock()
	announceKey, query, ip := p.compose()
	switch n := p.choose(20); {
	case n < 3:
		query = p.spoil(query, 1)
	case n < 4:
		return p.raw(p.spoil("GET /"+announceKey+"/announce?"+query+" HTTP/1.1\r\nHost: x\r\n\r\n", p.choose(3)))
	}
	status, body, err := p.get("/"+announceKey+"/announce?"+query, ip)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("%q: %d %q %w", query, status, body, err)
	}
	return p.compare(announceKey, query, ip, body)
}

// compose writes the announce of a client.
func (p *player) compose() (announceKey, query string, ip netip.Addr) {
	m, t, n := p.choose(len(p.announceKeys)), p.choose(4), min(p.choose(7), p.choose(7))
	if p.choose(50) == 0 {
		t = 4 + p.choose(2) // deleted, or unknown
	}
	torrent := max(t, 1) // 1 and 2 are one
	switch t {
	case 0:
		torrent = 0
	case 2:
		torrent = 1
	}
	at := m*100 + torrent*10 + n
	c := p.peers[at]
	if c == nil {
		c = &playedClient{left: int64(p.choose(2)) * int64(p.choose(1<<30)), key: []string{"", "a", "b"}[p.choose(3)]}
		p.peers[at] = c
	}
	p.advance(c)
	id := fmt.Sprintf("-TR3000-%03d%09d", at, c.version)
	if p.choose(40) == 0 {
		id = "-XX" + id[3:]
	}
	place, port := n, 1+at
	if p.choose(8) == 0 { // one after the other at the same place
		place, port = 0, 7000
	}
	ip = netip.AddrFrom4([4]byte{44, byte(m), byte(torrent), byte(place)})
	switch p.choose(8) {
	case 0, 1:
		ip = netip.AddrFrom16([16]byte{0x2a, 1, 4, 0xf8, 13: byte(m), 14: byte(torrent), 15: byte(place)})
	case 2:
		ip = netip.AddrFrom4([4]byte{10, 0, byte(torrent), byte(place)}) // in a lab
	}
	pairs := []string{"info_hash=" + percent(p.hashes[t]), "peer_id=" + id, fmt.Sprintf("port=%d", port), fmt.Sprintf("uploaded=%d", c.up),
		fmt.Sprintf("downloaded=%d", c.down), fmt.Sprintf("left=%d", c.left)}
	if c.key != "" {
		pairs = append(pairs, "key="+c.key)
	}
	pairs = append(pairs, []string{"x=", "numwant=3", "numwant=0", "numwant=-1", "numwant=99999999999999999999", "compact=0"}[p.choose(6)])
	if e := []string{"", "", "", "started", "stopped", "completed", "paused"}[p.choose(7)]; e != "" {
		pairs = append(pairs, "event="+e)
	}
	if p.choose(12) == 0 { // what can't be used, or is there twice
		odd := []string{"uploaded=18446744073709551615", "downloaded=-1", "left=18446744073709551615", "left=", "numwant=", "numwant=x", "event=gone", "event=Stopped",
			"event=%73topped", "port=0", "port=0&event=stopped", "key=%zz", "key=" + strings.Repeat("k", 90), "uploaded=5&uploaded=6", "compact=x&compact=0"}[p.choose(15)]
		if name, _, _ := strings.Cut(odd, "="); p.choose(2) == 0 { // in place of what it said
			pairs = slices.DeleteFunc(pairs, func(pair string) bool { return strings.HasPrefix(pair, name+"=") })
		}
		pairs = append(pairs, odd)
	}
	if p.choose(4) == 0 {
		at := p.choose(len(pairs))
		pairs[0], pairs[at] = pairs[at], pairs[0]
	}
	return p.announceKeys[m], strings.Join(pairs, "&"), ip
}

// advance lets a client do what clients do between announces.
func (p *player) advance(c *playedClient) {
	switch n := p.choose(50); {
	case n < 25:
		c.up = addTo(c.up, int64(p.choose(1<<30)))
		d := min(int64(p.choose(1<<30)), c.left)
		c.down, c.left = addTo(c.down, d), c.left-d
	case n < 29:
		c.down, c.left = addTo(c.down, c.left), 0
	case n < 32:
		c.left = int64(p.choose(1 << 30))
	case n < 34:
		c.up, c.down, c.version = 0, 0, c.version+1
	case n < 35:
		c.up = max(c.up-int64(p.choose(1000)), 0)
	case n < 36: // pieces failed their check
		c.up, c.down = addTo(c.up, int64(p.choose(1<<20))), max(c.down-int64(p.choose(1<<20)), 0)
	case n < 37:
		c.version++
	case n < 38:
		c.up = addTo(c.up, int64(1)<<uint(p.choose(63)))
	case n < 39:
		c.down, c.left = math.MaxInt64, math.MaxInt64
	case n < 40:
		c.up, c.down = 0, 0
	}
}

func addTo(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// spoil changes a text in some places. Except for raw, the result must still be valid as
// a query in an HTTP request.
func (p *player) spoil(text string, times int) string {
	b := []byte(text)
	for range times + 1 {
		at := p.choose(len(b))
		switch p.choose(4) {
		case 0:
			b[at] = "%&=-+0aZ~;/?"[p.choose(12)]
		case 1:
			b = slices.Delete(b, at, at+1)
		case 2:
			b = slices.Insert(b, at, b[max(0, at-p.choose(30)):at]...)
		default:
			b = slices.Insert(b, at, "%&=-+0123456789"[p.choose(15)])
		}
	}
	return string(b)
}

// get sends a request on the open connection.
func (p *player) get(target string, ip netip.Addr) (status int, body []byte, err error) {
	if p.conn == nil {
		if p.conn, err = net.DialTimeout("tcp", p.url, 10*time.Second); err != nil {
			return 0, nil, err
		}
		p.in = bufio.NewReader(p.conn)
	}
	if err := p.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return 0, nil, err
	}
	if _, err := fmt.Fprintf(p.conn, "GET %s HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %s\r\n\r\n", target, ip); err != nil {
		return 0, nil, err
	}
	res, err := http.ReadResponse(p.in, nil)
	if err != nil {
		return 0, nil, err
	}
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, body, errors.Join(err, res.Body.Close())
}

// raw sends bytes that may be a request, and nothing after them. If they are answered as
// an announce, another HTTP parser must read the same announce.
func (p *player) raw(text string) error {
	conn, err := net.DialTimeout("tcp", p.url, 10*time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	answers, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("%q: %w", text, err)
	}
	in, requests := bufio.NewReader(bytes.NewReader(answers)), bufio.NewReader(strings.NewReader(text))
	for {
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			break // no more
		}
		body, err := io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		if res.StatusCode != http.StatusOK {
			continue
		}
		req, err := http.ReadRequest(requests)
		if err != nil && bytes.HasPrefix(body, []byte("d14:failure reason")) {
			break // it was refused
		}
		if err != nil || req.Method != http.MethodGet || req.Header.Get("X-Forwarded-For")+req.Header.Get("X-Real-Ip") != "" {
			return fmt.Errorf("%q was taken, which is no request: %w", text, err)
		}
		path, query, _ := strings.Cut(req.RequestURI, "?")
		announceKey, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if rest != "announce" {
			return fmt.Errorf("%q was answered as an announce: %q", text, body)
		}
		if err := p.compare(announceKey, query, netip.MustParseAddr("127.0.0.1"), body); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.entries) > 0 {
		return fmt.Errorf("%q has recorded %+v", text, p.entries)
	}
	return nil
}

// compare compares an answer, and what was recorded for it, with the reference.
func (p *player) compare(announceKey, query string, ip netip.Addr, body []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	want := p.ref.announce(announceKey, query, ip, p.now, p.broken)
	got, err := wiretest.Decode(body)
	if err != nil {
		return err
	}
	reply, _ := got.(map[string]any)
	_, failed := reply["failure reason"]
	told := fmt.Sprintf("%s of %s, from %s at %s: %q", query, announceKey[:min(4, len(announceKey))], ip, p.now.Sub(p.begin), body)
	var entries []ledger.Entry
	if want.entry != nil {
		entries = append(entries, *want.entry)
	}
	if diff := cmp.Diff(entries, p.entries); diff != "" {
		return fmt.Errorf("%s: recorded (-want +got)\n%s", told, diff)
	}
	p.entries = nil
	switch {
	case p.fault != nil:
		return fmt.Errorf("%s: %w", told, p.fault)
	case failed != want.fails:
		return fmt.Errorf("%s: must fail: %v", told, want.fails)
	case failed:
		return nil
	case reply["complete"] != int64(want.seeders) || reply["incomplete"] != int64(want.leechers):
		return fmt.Errorf("%s: want %d seeders, %d leechers", told, want.seeders, want.leechers)
	}
	v4, v6, err := addressesIn(reply)
	if err != nil {
		return fmt.Errorf("%s: %w", told, err)
	}
	if want.peers == nil {
		if len(v4)+len(v6) > 0 {
			return fmt.Errorf("%s: peers for nobody", told)
		}
		return nil
	}
	if err := want.peers(v4, v6); err != nil {
		return fmt.Errorf("%s: %w", told, err)
	}
	return nil
}

// addressesIn lists the peers of a reply in either form.
func addressesIn(reply map[string]any) (v4, v6 []string, err error) {
	compact := func(raw string, size int) (out []string) {
		for ; len(raw) >= size; raw = raw[size:] {
			ip, _ := netip.AddrFromSlice([]byte(raw[:size-2]))
			out = append(out, netip.AddrPortFrom(ip, binary.BigEndian.Uint16([]byte(raw[size-2:size]))).String())
		}
		return out
	}
	switch list := reply["peers"].(type) {
	case string:
		six, _ := reply["peers6"].(string)
		if len(list)%6 != 0 || len(six)%18 != 0 {
			err = fmt.Errorf("%d and %d bytes of peers", len(list), len(six))
		}
		return compact(list, 6), compact(six, 18), err
	case []any:
		for _, e := range list {
			peer, _ := e.(map[string]any)
			text, _ := peer["ip"].(string)
			port, _ := peer["port"].(int64)
			ip, err := netip.ParseAddr(text)
			if err != nil {
				return nil, nil, err
			}
			if at := netip.AddrPortFrom(ip, uint16(port)).String(); ip.Is4() {
				v4 = append(v4, at)
			} else {
				v6 = append(v6, at)
			}
		}
	}
	return v4, v6, nil
}

// TestEndToEnd plays random histories over the front.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for i := range 8 {
		seed := rand.Uint64()
		if i == 0 {
			seed = 1
		}
		rng, n := rand.New(rand.NewPCG(seed, 0)), 0
		if err := h.history(rng.IntN, func() bool { n++; return n <= 1500 }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// FuzzEndToEnd lets the fuzzer write histories: each choice is two bytes.
func FuzzEndToEnd(f *testing.F) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 2000)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	h := newHarness(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data[:min(len(data), 1<<13)])
		choose := func(n int) int {
			var b [2]byte
			if _, err := io.ReadFull(in, b[:]); err != nil {
				return 0
			}
			return int(uint64(binary.LittleEndian.Uint16(b[:])) * uint64(n) >> 16)
		}
		if err := h.history(choose, func() bool { return in.Len() > 0 }); err != nil {
			t.Fatal(err)
		}
	})
}
