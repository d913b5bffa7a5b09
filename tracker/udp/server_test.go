package udp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

var (
	own4 = netip.MustParseAddr("127.0.0.1")
	own6 = netip.MustParseAddr("::1")
)

// fake answers with what it was asked, and counts.
type fake struct {
	asked, commits atomic.Int64
	broken         atomic.Bool
	peers          []wire.Peer
}

func (f *fake) Announce(dst []byte, r *Request) Answer {
	f.asked.Add(1)
	switch {
	case r.Bad != nil:
		return Answer{Body: fmt.Appendf(dst, "bad: %v", r.Bad), Refused: true}
	case r.URL != "/key/announce":
		return Answer{Body: fmt.Appendf(dst, "no such key at %q", r.URL), Refused: true}
	}
	reply := wire.Reply{Interval: 1800 * time.Second, Complete: int(r.Announce.Left), Incomplete: 3, Peers: f.peers}
	return Answer{Body: AppendReply(dst, &reply, r.From.Is4()), Promise: 1}
}

func (f *fake) Commit(promise.Promise) error {
	f.commits.Add(1)
	if f.broken.Load() {
		return errors.New("the disk is full")
	}
	return nil
}

func (f *fake) Failed(err error) string { return "failed: " + err.Error() }

func start(t *testing.T, o Options, addresses ...string) (s *Server, stop func()) {
	t.Helper()
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1:0"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, addresses, o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask sends a packet and returns the answer.
func ask(t *testing.T, conn net.Conn, b []byte) []byte {
	t.Helper()
	if _, err := conn.Write(b); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil {
		t.Fatal(err)
	}
	return answer[:n]
}

func request(id uint64, action, transaction uint32) []byte {
	b := binary.BigEndian.AppendUint64(nil, id)
	b = binary.BigEndian.AppendUint32(b, action)
	return binary.BigEndian.AppendUint32(b, transaction)
}

// connect returns a connection id.
func connect(t *testing.T, conn net.Conn) uint64 {
	t.Helper()
	got := ask(t, conn, request(protocol, actionConnect, 77))
	if len(got) != 16 || binary.BigEndian.Uint32(got) != actionConnect || binary.BigEndian.Uint32(got[4:]) != 77 {
		t.Fatalf("connect: %x", got)
	}
	return binary.BigEndian.Uint64(got[8:])
}

// announce is a good one of a client that has left bytes missing.
func announce(id uint64, left uint64, url string) []byte {
	b := request(id, actionAnnounce, 99)
	b = append(b, "iiiiiiiiiiiiiiiiiiii-LT2000-pppppppppppp"...)
	for _, n := range []uint64{11, left, 22} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, n := range []uint32{2, 0x06060606, 0xabcd1234, 0xffffffff} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = binary.BigEndian.AppendUint16(b, 6881)
	if url != "" {
		b = append(append(b, optionURL, byte(len(url))), url...)
	}
	return b
}

func wantError(t *testing.T, got []byte, transaction uint32, text string) {
	t.Helper()
	if len(got) < 8 || binary.BigEndian.Uint32(got) != actionError || binary.BigEndian.Uint32(got[4:]) != transaction || !strings.Contains(string(got[8:]), text) {
		t.Errorf("got %q, want an error with %q", got, text)
	}
}

func TestAnnounce(t *testing.T) {
	t.Parallel()
	f := &fake{peers: []wire.Peer{
		{V4: wire.EndpointOf(netip.MustParseAddr("44.1.2.3"), 258)}, {V6: wire.EndpointOf(netip.MustParseAddr("2a01:4f8::7"), 259)},
		{V4: wire.EndpointOf(netip.MustParseAddr("44.1.2.4"), 260), V6: wire.EndpointOf(netip.MustParseAddr("2a01:4f8::8"), 261)}}}
	s, _ := start(t, Options{Handler: f}, "127.0.0.1:0", "[::1]:0", "[::]:0")
	port := s.Addrs()[2].(*net.UDPAddr).Port
	const head = "\x00\x00\x00\x01\x00\x00\x00\x63\x00\x00\x07\x08\x00\x00\x00\x03\x00\x00\x00\x05"
	const peers4 = "\x2c\x01\x02\x03\x01\x02\x2c\x01\x02\x04\x01\x04"
	const peers6 = "\x2a\x01\x04\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07\x01\x03" +
		"\x2a\x01\x04\xf8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x01\x05"
	for _, tt := range []struct{ address, peers string }{
		{s.Addrs()[0].String(), peers4},
		{s.Addrs()[1].String(), peers6},
		{fmt.Sprintf("[::1]:%d", port), peers6},
		{fmt.Sprintf("127.0.0.1:%d", port), peers4},
		{fmt.Sprintf("127.0.0.9:%d", port), peers4}, // the answer must come from there, or it is not taken
	} {
		conn := dial(t, tt.address)
		if got := string(ask(t, conn, announce(connect(t, conn), 5, "/key/announce"))); got != head+tt.peers {
			t.Errorf("%s: %q", tt.address, got)
		}
	}
	if n := f.commits.Load(); n != 5 {
		t.Errorf("%d commits", n)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s, _ := start(t, Options{Handler: f})
	conn := dial(t, s.Addrs()[0].String())
	id := connect(t, conn)
	good := announce(id, 5, "/key/announce")
	with := func(at int, bytes ...byte) []byte {
		b := append([]byte(nil), good...)
		copy(b[at:], bytes)
		return b
	}
	bare := announce(id, 5, "")
	long := append(append([]byte(nil), bare...), optionURL, 255)
	for range 3 {
		long = append(append(long, strings.Repeat("x", 255)...), optionURL, 255)
	}
	for _, tt := range []struct {
		name string
		b    []byte
		want string
	}{
		{"short", good[:97], "at least 98 bytes"},
		{"no announce key", bare, `no such key at ""`},
		{"another announce key", announce(id, 5, "/nokey/announce"), `no such key at "/nokey/announce"`},
		{"port 0", with(96, 0, 0), "port must be"},
		{"option in the middle", append(append([]byte(nil), bare...), optionURL, 9, 'x'), `no such key at ""`},
		{"option without length", append(append([]byte(nil), bare...), 7), `no such key at ""`},
		{"long address", long, `no such key at "xxx`},
		{"scrape", append(request(id, actionScrape, 99), good[16:36]...), "no announce key"},
	} {
		got := ask(t, conn, tt.b)
		t.Run(tt.name, func(t *testing.T) { wantError(t, got, 99, tt.want) })
	}
	split := append(append([]byte(nil), bare...), optionNop, 9, 1, 'x', optionURL, 4, '/', 'k', 'e', 'y', optionNop, optionURL, 9)
	split = append(append(split, "/announce"...), optionEnd, 2, 200)
	if got := ask(t, conn, split); binary.BigEndian.Uint32(got) != actionAnnounce {
		t.Errorf("options that are good: %q", got)
	}
	f.broken.Store(true)
	wantError(t, ask(t, conn, good), 99, "failed: the disk is full")
}

// TestOddAnnounces leaves out what can't be used, and takes the rest.
func TestOddAnnounces(t *testing.T) {
	t.Parallel()
	good := announce(1, 5, "/key/announce")
	base := wire.Announce{InfoHash: core.InfoHash([]byte("iiiiiiiiiiiiiiiiiiii")), PeerID: wire.PeerID([]byte("-LT2000-pppppppppppp")), Key: 0xabcd1234,
		Downloaded: 11, Left: 5, Uploaded: 22, Event: wire.Started, NumWant: wire.NumWantUnset, Port: 6881, Compact: true}
	for _, tt := range []struct {
		name   string
		at     int
		bytes  []byte
		change func(a *wire.Announce)
	}{
		{"as it is", 0, nil, func(*wire.Announce) {}},
		{"uploaded beyond 2^63", 72, []byte{0x80}, func(a *wire.Announce) { a.Uploaded = wire.Unknown }},
		{"downloaded is -1", 56, bytes.Repeat([]byte{0xff}, 8), func(a *wire.Announce) { a.Downloaded = wire.Unknown }},
		{"left is -1", 64, bytes.Repeat([]byte{0xff}, 8), func(a *wire.Announce) { a.Left = wire.Unknown }},
		{"unknown event", 83, []byte{5}, func(a *wire.Announce) { a.Event = wire.None }},
		{"absurd event", 80, []byte{0xff}, func(a *wire.Announce) { a.Event = wire.None }},
		{"a stop without a port", 83, []byte{3, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}, func(a *wire.Announce) {
			a.Event, a.Port, a.Key = wire.Stopped, 0, 0
		}},
		{"an option that is cut off, behind the address", len(good), []byte{7}, func(*wire.Announce) {}},
	} {
		b := append([]byte(nil), good...)
		b = append(b, make([]byte, max(0, tt.at+len(tt.bytes)-len(b)))...)
		copy(b[tt.at:], tt.bytes)
		want := base
		tt.change(&want)
		var got wire.Announce
		url, err := parseAnnounce(b, &got, nil)
		if err != nil || got != want || string(url) != "/key/announce" {
			t.Errorf("%s: %+v at %q, %v", tt.name, got, url, err)
		}
	}
}

// TestNothingForStrangers sends what must not be answered at all.
func TestNothingForStrangers(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s, _ := start(t, Options{Handler: f})
	conn := dial(t, s.Addrs()[0].String())
	id := connect(t, conn)
	for _, b := range [][]byte{
		{}, []byte("x"), request(protocol, actionConnect, 1)[:15],
		request(protocol+1, actionConnect, 1), request(protocol, actionAnnounce, 1), request(id, actionConnect, 1),
		request(id, actionError, 1), request(id, 4, 1),
		announce(id+1, 5, "/key/announce"), announce(0, 5, "/key/announce"),
		append(announce(id, 5, "/key/announce"), make([]byte, packetSize)...),
	} {
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask(t, conn, request(id, actionScrape, 5)); binary.BigEndian.Uint32(got[4:]) != 5 {
		t.Errorf("one of them was answered: %q", got)
	}
	if st := s.Stats(); f.asked.Load() != 0 || st.Unverified != 4 || st.Malformed != 7 {
		t.Errorf("%d asked, %+v", f.asked.Load(), st)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	s, other := newConnectionIDs(), newConnectionIDs()
	at := time.Unix(1_800_000_017, 0)
	id := s.of(own4, at)
	for d, want := range map[time.Duration]bool{0: true, window: true, 2 * window: false, -window: false, window + 42*time.Second: true, window + 43*time.Second: false} {
		if s.valid(id, own4, at.Add(d)) != want {
			t.Errorf("after %v: valid %v", d, !want)
		}
	}
	if s.valid(id, own6, at) || s.valid(id+1, own4, at) || other.valid(id, own4, at) || s.valid(0, own4, at) {
		t.Error("the id holds for somebody else")
	}
}

func TestConnectsAreLimited(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	l := newSocket(&Server{o: Options{Connects: 3}}, nil, nil).limiter
	at := func(a string, sec int) bool {
		return l.allow(netip.MustParseAddr(a), now.Add(time.Duration(sec)*time.Second))
	}
	for i, want := range []bool{true, true, true, false, false} {
		if at("2a01:4f8::1", 0) != want {
			t.Errorf("connect %d: %v", i, !want)
		}
	}
	if at("2a01:4f8::ffff", 0) {
		t.Error("another address of the same network is another source")
	}
	if !at("2a01:4f8::1", 1) {
		t.Error("a second later it is still held back")
	}
	others := 0
	for i := range 100 {
		if at(fmt.Sprintf("44.0.0.%d", i), 0) {
			others++
		}
	}
	if others < 90 {
		t.Errorf("%d of 100 others are answered", others)
	}
}

// TestAnswersFit gives more peers than fit into a packet.
func TestAnswersFit(t *testing.T) {
	t.Parallel()
	r := &wire.Reply{Complete: -1, Incomplete: 1 << 40, Peers: make([]wire.Peer, 1000)}
	for i := range r.Peers {
		r.Peers[i] = wire.Peer{V4: wire.EndpointOf(own4, 1), V6: wire.EndpointOf(own6, 1)}
	}
	if n := len(AppendReply(nil, r, true)); n != 12+6*202 {
		t.Errorf("IPv4: %d bytes", n)
	}
	got := AppendReply(nil, r, false)
	if len(got) != 12+18*67 || string(got[4:12]) != "\x7f\xff\xff\xff\x00\x00\x00\x00" {
		t.Errorf("IPv6: %d bytes, %x", len(got), got[:12])
	}
}

// TestManyAtOnce sends from many sockets at once; each gets its own answers, and
// commits are fewer than announces.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s, stop := start(t, Options{Handler: f, Connects: 1000})
	var wg sync.WaitGroup
	for n := range uint32(16) {
		conn := dial(t, s.Addrs()[0].String())
		id := connect(t, conn)
		wg.Go(func() {
			for i := range uint32(50) {
				b := announce(id, uint64(n), "/key/announce")
				binary.BigEndian.PutUint32(b[12:], n<<16|i)
				got := ask(t, conn, b)
				if len(got) != 20 || binary.BigEndian.Uint32(got[4:]) != n<<16|i || binary.BigEndian.Uint32(got[16:]) != n {
					t.Errorf("client %d got %x", n, got)
				}
			}
		})
	}
	wg.Wait()
	if n := f.asked.Load(); n != 16*50 {
		t.Errorf("%d announces", n)
	}
	stop()
	if s := s.Stats(); s.Announces != 16*50 || s.Unsent != 0 || s.Connects != 16 {
		t.Errorf("%+v", s)
	}
}

// TestEnd stops the server with a packet in its queue.
func TestEnd(t *testing.T) {
	t.Parallel()
	f := &fake{}
	s, err := Open(t.Context(), []string{"127.0.0.1:0"}, Options{Handler: f})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, s.Addrs()[0].String())
	if _, err := conn.Write(request(protocol, actionConnect, 1)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Serve(ctx); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(make([]byte, 32)); n != 16 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if _, err := Open(t.Context(), []string{"127.0.0.1:0", "127.0.0.1:http-no-such"}, Options{}); err == nil {
		t.Error("it listens on an address that is none")
	}
}

// byHand is a socket without a loop, which a test drives.
func byHand(tb testing.TB, f *fake) (so *socket, client int) {
	tb.Helper()
	s, err := Open(tb.Context(), []string{"127.0.0.1:0"}, Options{Handler: f, Connects: 65535})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	client, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Close(client) })
	to := &unix.SockaddrInet4{Port: s.Addrs()[0].(*net.UDPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	if err := unix.Connect(client, to); err != nil {
		tb.Fatal(err)
	}
	return s.sockets[0], client
}

func TestDoesNotAllocate(t *testing.T) {
	f := &fake{}
	so, client := byHand(t, f)
	good := announce(so.s.ids.of(own4, time.Now()), 5, "/key/announce")
	answer := make([]byte, 2048)
	turn := func() {
		if _, err := unix.Write(client, good); err != nil {
			t.Fatal(err)
		}
		if err := so.raw.Read(so.readNow); err != nil || so.got != 1 {
			t.Fatal(so.got, err)
		}
		so.turn()
		if n, err := unix.Read(client, answer); err != nil || n != 20 {
			t.Fatal(n, err)
		}
	}
	turn()
	if n := testing.AllocsPerRun(200, turn); n > 1 { // the fake makes one
		t.Errorf("%v allocations for an announce", n)
	}
}

// FuzzPacket gives a socket any packet, with a valid connection id where told.
func FuzzPacket(f *testing.F) {
	so, _ := byHand(f, &fake{})
	now := time.Unix(1_800_000_000, 0)
	id := so.s.ids.of(own4, now)
	f.Add(announce(0, 5, "/key/announce"), true)
	f.Add(request(protocol, actionConnect, 1), false)
	f.Add(append(request(0, actionScrape, 1), make([]byte, 40)...), true)
	f.Add(append(announce(0, 0, ""), 1, 2, 3, 'a', 'b', 'c', 2, 200), true)
	so.in.names[0] = unix.RawSockaddrInet6{Family: unix.AF_INET, Port: 1, Flowinfo: 0x0100007f}
	f.Fuzz(func(t *testing.T, b []byte, verified bool) {
		b = append([]byte(nil), b...)
		if len(b) >= 8 && verified {
			binary.BigEndian.PutUint64(b, id)
		}
		n := copy(so.in.data[0][:], b)
		so.in.messages[0].len = uint32(n)
		got, made := so.packet(0, so.answers[0].buf[:0], now)
		verified = verified && len(b) >= headSize
		switch {
		case len(got) > maxAnswer || made != 0 && len(got) < 20 || len(got) > 0 && len(got) < 8:
			t.Fatalf("%x: %x", b, got)
		case !verified && len(got) > len(b):
			t.Fatalf("%x is answered with more: %x", b, got)
		case len(got) > 0 && string(got[4:8]) != string(b[12:16]):
			t.Fatalf("%x has another transaction: %x", b, got)
		}
	})
}

// BenchmarkTurn answers packets as they come in a burst; the work for loopback of
// both ends is in it.
func BenchmarkTurn(b *testing.B) {
	so, client := byHand(b, &fake{})
	good := announce(so.s.ids.of(own4, time.Now()), 5, "/key/announce")
	answer := make([]byte, 2048)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := unix.Write(client, good); err != nil {
			b.Fatal(err)
		}
		if i%batch != batch-1 {
			continue
		}
		if err := so.raw.Read(so.readNow); err != nil || so.got != batch {
			b.Fatal(so.got, err)
		}
		so.turn()
		for range batch {
			if n, err := unix.Read(client, answer); err != nil || n != 20 {
				b.Fatal(n, err)
			}
		}
	}
}
