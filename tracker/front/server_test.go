package front

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// echo answers with what it was asked, and counts.
type echo struct {
	asked, commits atomic.Int64
	broken         atomic.Bool
	size           int // bytes more
}

var dots = bytes.Repeat([]byte("."), 20_000)

func (e *echo) Answer(dst []byte, r *Request) Answer {
	dst = fmt.Appendf(dst, "%s %s?%s from %v for %v real %s", r.Method, r.Path, r.Query, r.Remote, r.ForwardedFor, r.RealIP)
	dst = append(dst, dots[:e.size]...)
	a := Answer{Status: http.StatusOK, Body: dst, Promise: promise.Promise(e.asked.Add(1))}
	if strings.HasPrefix(r.Path, "/free") {
		a.Promise = 0
	}
	if strings.HasPrefix(r.Path, "/none") {
		a.Status = http.StatusNotFound
	}
	return a
}

func (e *echo) Commit(p promise.Promise) error {
	e.commits.Add(1)
	if most := promise.Promise(e.asked.Load()); p == 0 || p > most {
		return fmt.Errorf("promise %d of %d", p, most)
	}
	if e.broken.Load() {
		return errors.New("the disk is full")
	}
	return nil
}

func (e *echo) Failed(dst []byte, err error) (int, []byte) {
	return http.StatusOK, fmt.Appendf(dst, "failed: %v", err)
}

// start serves on addresses until the test's end or stop.
func start(t *testing.T, o Options, change func(s *Server), addresses ...string) (s *Server, stop func()) {
	t.Helper()
	if len(addresses) == 0 {
		addresses = []string{"127.0.0.1:0"}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Open(ctx, addresses, o)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx) }()
	stop = sync.OnceFunc(func() {
		begun := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("draining took %v", took)
		}
		if n := s.Stats().Open; n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

func dial(t *testing.T, s *Server, i int) net.Conn {
	t.Helper()
	a := s.Addrs()[i]
	conn, err := net.DialTimeout(a.Network(), a.String(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// hear reads an answer: its status, body and whether the server closes after it.
func hear(t *testing.T, r *bufio.Reader, method string) string {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodHead && res.ContentLength != int64(len(body)) || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d bytes, Content-Length %d, %v", len(body), res.ContentLength, res.Header)
	}
	if _, err := http.ParseTime(res.Header.Get("Date")); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("%d %s close=%v", res.StatusCode, body, res.Close)
}

func expectEnd(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if b, err := r.ReadByte(); err != io.EOF {
		t.Errorf("byte %q, %v; want the end", b, err)
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	e := &echo{}
	s, _ := start(t, Options{Handler: e}, nil)
	tests := []struct {
		text, want string
		keep       bool
	}{
		{"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n", "200 GET /a?b from 127.0.0.1 for [] real  close=false", true},
		{"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", "404 GET /none? from 127.0.0.1 for [] real  close=false", true},
		{"GET / HTTP/1.0\r\nconnection: KEEP-alive\r\n\r\n", "200 GET /? from 127.0.0.1 for [] real  close=false", true},
		{"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip, deflate\r\nTE: trailers\r\n\r\n", "200 GET /? from 127.0.0.1 for [] real  close=false", true},
		{"GET / HTTP/1.0\r\n\r\n", "200 GET /? from 127.0.0.1 for [] real  close=true", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nConnection: CLOSE\r\n\r\n", "200 GET /? from 127.0.0.1 for [] real  close=true", false},
		{"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "200 POST /p? from 127.0.0.1 for [] real  close=true", false},
	}
	for _, tt := range tests {
		conn := dial(t, s, 0)
		r := bufio.NewReader(conn)
		for range 3 {
			say(t, conn, tt.text)
			if got := hear(t, r, "GET"); got != tt.want {
				t.Errorf("%q: %s, want %s", tt.text, got, tt.want)
			}
			if !tt.keep {
				expectEnd(t, r)
				break
			}
		}
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	s, _ := start(t, Options{Handler: &echo{}}, nil)
	conn := dial(t, s, 0)
	r := bufio.NewReader(conn)
	say(t, conn, "HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := hear(t, r, "HEAD"); got != "200  close=false" {
		t.Errorf("got %s", got)
	}
	if got := hear(t, r, "GET"); !strings.HasPrefix(got, "200 GET /g?") {
		t.Errorf("after it: %s", got)
	}
}

// TestPipelining sends far more requests than one turn reads, in pieces that end
// anywhere, to a client that reads late.
func TestPipelining(t *testing.T) {
	t.Parallel()
	e := &echo{size: 700}
	s, _ := start(t, Options{Handler: e, Loops: 1}, nil)
	conn := dial(t, s, 0)
	const n = 20_000
	sent := make(chan error, 1)
	go func() {
		w := bufio.NewWriterSize(conn, 7919)
		var err error
		for i := range n {
			if _, err = fmt.Fprintf(w, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i); err != nil {
				break
			}
		}
		sent <- errors.Join(err, w.Flush())
	}()
	r := bufio.NewReader(conn)
	for i := range n {
		if got, want := hear(t, r, "GET"), fmt.Sprintf("200 GET /%d? ", i); !strings.HasPrefix(got, want) {
			t.Fatalf("got %.40s, want %s", got, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if e.asked.Load() != n || e.commits.Load() >= n/2 {
		t.Errorf("%d requests, %d commits", e.asked.Load(), e.commits.Load())
	}
}

// TestBadInput sends everything that is refused: it has its answer, also when the
// client goes on sending, and nothing reaches the handler.
func TestBadInput(t *testing.T) {
	t.Parallel()
	e := &echo{}
	s, _ := start(t, Options{Handler: e}, nil)
	for _, tt := range badHeads {
		conn := dial(t, s, 0)
		say(t, conn, tt.text)
		_, _ = io.WriteString(conn, strings.Repeat("x", 50_000)) // it may be closed meanwhile
		r := bufio.NewReader(conn)
		if got, want := hear(t, r, "GET"), fmt.Sprintf("%d %s close=true", tt.want.status, tt.want.text); got != want {
			t.Errorf("%s: %s, want %s", tt.name, got, want)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		expectEnd(t, r)
	}
	if n := e.asked.Load(); n != 0 {
		t.Errorf("%d requests reached the handler", n)
	}
	if n := s.Stats().Refused; n != int64(len(badHeads)) {
		t.Errorf("%d refusals counted", n)
	}
}

func TestHalfRequests(t *testing.T) {
	t.Parallel()
	s, _ := start(t, Options{Handler: &echo{}, HeadTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond}, nil)
	slow, ended, silent := dial(t, s, 0), dial(t, s, 0), dial(t, s, 0)
	say(t, ended, "GET / HT")
	_ = ended.(*net.TCPConn).CloseWrite()
	if got := hear(t, bufio.NewReader(ended), "GET"); got != "400 "+endedEarly.text+" close=true" {
		t.Errorf("ended early: %s", got)
	}
	go func() { // a byte now and then changes nothing
		for _, b := range []byte("GET /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") {
			if _, err := slow.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	if got := hear(t, bufio.NewReader(slow), "GET"); got != "408 "+tooSlow.text+" close=true" {
		t.Errorf("slow: %s", got)
	}
	expectEnd(t, bufio.NewReader(silent))
	idle := dial(t, s, 0)
	say(t, idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	r := bufio.NewReader(idle)
	hear(t, r, "GET")
	expectEnd(t, r)
}

// TestUntaken asks for much and reads nothing: others are served, and the
// connection ends.
func TestUntaken(t *testing.T) {
	t.Parallel()
	s, _ := start(t, Options{Handler: &echo{size: 20_000}, Loops: 1, SendTimeout: 300 * time.Millisecond}, nil)
	conn := dial(t, s, 0)
	go func() { _, _ = io.WriteString(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 2000)) }()
	for deadline := time.Now().Add(60 * time.Second); s.Stats().TimedOut == 0; time.Sleep(20 * time.Millisecond) {
		other := dial(t, s, 0)
		say(t, other, "GET / HTTP/1.0\r\n\r\n")
		hear(t, bufio.NewReader(other), "GET")
		_ = other.Close()
		if time.Now().After(deadline) {
			t.Fatalf("the connection is still open: %+v", s.Stats())
		}
	}
}

func TestCommitFails(t *testing.T) {
	t.Parallel()
	e := &echo{}
	s, _ := start(t, Options{Handler: e}, nil)
	conn := dial(t, s, 0)
	r := bufio.NewReader(conn)
	e.broken.Store(true)
	say(t, conn, strings.Repeat("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 3))
	if got := hear(t, r, "GET"); got != "200 failed: the disk is full close=true" {
		t.Errorf("got %s", got)
	}
	expectEnd(t, r)
	conn = dial(t, s, 0)
	r = bufio.NewReader(conn)
	say(t, conn, "GET /free HTTP/1.1\r\nHost: x\r\n\r\n") // which promises nothing
	if got := hear(t, r, "GET"); !strings.HasPrefix(got, "200 GET /free?") || !strings.HasSuffix(got, "close=false") {
		t.Errorf("got %s", got)
	}
	say(t, conn, "GET /free HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET /free HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := hear(t, r, "GET"); got != "200 failed: the disk is full close=true" {
		t.Errorf("one of three promises something: %s", got)
	}
	expectEnd(t, r)
	e.broken.Store(false)
	conn = dial(t, s, 0)
	say(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if got := hear(t, bufio.NewReader(conn), "GET"); !strings.HasPrefix(got, "200 GET /") {
		t.Errorf("afterwards: %s", got)
	}
}

// TestObserve counts what was answered and how long it took, commit and all.
func TestObserve(t *testing.T) {
	t.Parallel()
	var answers, slow atomic.Int64
	e := &echo{}
	s, _ := start(t, Options{Handler: slowly{e}, Observe: func(n int, took time.Duration) {
		answers.Add(int64(n))
		if took >= 20*time.Millisecond && took < time.Minute {
			slow.Add(int64(n))
		}
	}}, nil)
	conn := dial(t, s, 0)
	r := bufio.NewReader(conn)
	for range 3 {
		say(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		hear(t, r, "GET")
	}
	say(t, conn, "GET / HTTP/9\r\n\r\n") // which the handler never sees
	hear(t, r, "GET")
	expectEnd(t, r)
	if answers.Load() != 3 || slow.Load() != 3 {
		t.Errorf("%d answers, %d of them slow; want 3", answers.Load(), slow.Load())
	}
}

// slowly takes its time to commit.
type slowly struct{ *echo }

func (s slowly) Commit(p promise.Promise) error {
	time.Sleep(20 * time.Millisecond)
	return s.echo.Commit(p)
}

func TestListeners(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "t.sock")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = stale.Close() // as a killed process leaves it
	s, stop := start(t, Options{Handler: &echo{}, SocketMode: 0o660}, nil, "127.0.0.1:0", "[::1]:0", "unix:"+path, "[::]:0")
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has %v, %v", info.Mode(), err)
	}
	for i, want := range []string{"127.0.0.1", "::1", "invalid IP", "::1"} {
		conn := dial(t, s, i)
		say(t, conn, "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 2.2.2.2\r\n\r\n")
		if got := hear(t, bufio.NewReader(conn), "GET"); got != "200 GET /? from "+want+" for [1.1.1.1] real 2.2.2.2 close=false" {
			t.Errorf("%v: %s", s.Addrs()[i], got)
		}
	}
	if _, err := Open(t.Context(), []string{"127.0.0.1:0", "unix:" + path}, Options{}); err == nil {
		t.Error("a socket in use was taken")
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	for _, bad := range []string{"", "localhost", "unix:relative", "127.0.0.1:"} {
		if CheckAddress(bad) == nil {
			t.Errorf("%q is no address", bad)
		}
	}
}

func TestProxyProtocol(t *testing.T) {
	t.Parallel()
	e := &echo{}
	s, _ := start(t, Options{Handler: e, SendsProxy: netip.Addr.Is4}, nil, "127.0.0.1:0", "[::1]:0")
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	conn := dial(t, s, 0)
	r := bufio.NewReader(conn)
	say(t, conn, "PROXY TCP6 2001:db8::7 ")
	say(t, conn, "::1 1 2\r\n"+get+get)
	for range 2 {
		if got := hear(t, r, "GET"); !strings.HasPrefix(got, "200 GET /? from 2001:db8::7 ") {
			t.Errorf("got %s", got)
		}
	}
	conn = dial(t, s, 0)
	for _, part := range []string{"\r\n\r\n\x00", "\r\nQUIT\n\x21\x11\x00\x0c", "\x2c\x01\x02\x03\x7f\x00\x00\x01\x00\x01\x00\x02G", get[1:]} {
		say(t, conn, part)
	}
	if got := hear(t, bufio.NewReader(conn), "GET"); !strings.HasPrefix(got, "200 GET /? from 44.1.2.3 ") {
		t.Errorf("version 2: %s", got)
	}
	conn = dial(t, s, 1)
	say(t, conn, get)
	if got := hear(t, bufio.NewReader(conn), "GET"); !strings.HasPrefix(got, "200 GET /? from ::1 ") {
		t.Errorf("who is no proxy: %s", got)
	}
	asked := e.asked.Load()
	conn = dial(t, s, 0)
	say(t, conn, get)
	if _, err := conn.Read(make([]byte, 1)); err == nil || e.asked.Load() != asked {
		t.Errorf("without its header: %v, %d asked", err, e.asked.Load()-asked)
	}
}

// idleLoop returns a server with one loop that a test drives by hand.
func idleLoop(t *testing.T) (*Server, *loop) {
	t.Helper()
	s, err := Open(t.Context(), nil, Options{Handler: fixed{make([]byte, 350)}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(s)
	if err != nil {
		t.Fatal(err)
	}
	s.loops = []*loop{l}
	t.Cleanup(l.closeAll)
	return s, l
}

// TestIdleIsCheap measures what a connection costs that has asked once.
func TestIdleIsCheap(t *testing.T) {
	s, l := idleLoop(t)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const n = 400 // two files each, of the 1024 that a process has at least
	others := make([]int, n)
	before := heap()
	for i := range others {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		others[i] = fds[1]
		t.Cleanup(func() { closeSocket(fds[1]) })
		if _, err := write(fds[1], []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		s.open.Add(1)
		l.now = time.Now()
		l.open(arrival{fd: fds[0]})
		l.flush()
		if got, err := read(fds[1], make([]byte, 4096)); err != nil || got < 350 {
			t.Fatal(got, err)
		}
	}
	if each := (heap() - before) / n; each > 1000 {
		t.Errorf("an idle connection takes %d bytes", each)
	} else {
		t.Logf("%d bytes each", each)
	}
}

// TestDrain stops the server while one client is idle, one in the middle of a
// request and one is about to ask.
func TestDrain(t *testing.T) {
	t.Parallel()
	s, stop := start(t, Options{Handler: &echo{}}, nil)
	idle, half, quick := dial(t, s, 0), dial(t, s, 0), dial(t, s, 0)
	say(t, idle, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	say(t, half, "GET /half HTTP/1.1\r\n")
	rIdle, rHalf := bufio.NewReader(idle), bufio.NewReader(half)
	hear(t, rIdle, "GET")
	for s.Stats().Accepted < 3 {
		time.Sleep(time.Millisecond)
	}
	say(t, quick, "GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	if got := hear(t, bufio.NewReader(quick), "GET"); !strings.HasPrefix(got, "200 GET /quick") {
		t.Errorf("got %s", got)
	}
	expectEnd(t, rIdle)
	say(t, half, "Host: x\r\n\r\n")
	if got := hear(t, rHalf, "GET"); !strings.HasPrefix(got, "200 GET /half") || !strings.HasSuffix(got, "close=true") {
		t.Errorf("half: %s", got)
	}
	<-stopped
}

// TestManyConnections opens and closes from everywhere, so that slots and loops
// change hands.
func TestManyConnections(t *testing.T) {
	t.Parallel()
	e := &echo{}
	s, _ := start(t, Options{Handler: e, Loops: 3}, nil)
	var wg sync.WaitGroup
	for n := range 16 {
		wg.Go(func() {
			for i := range 60 {
				conn, err := net.Dial("tcp", s.Addrs()[0].String())
				if err != nil {
					t.Error(err)
					return
				}
				_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
				text := fmt.Sprintf("GET /%d-%d HTTP/1.1\r\nHost: x\r\n\r\n", n, i)
				_, _ = io.WriteString(conn, text+text[:i%len(text)])
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Error(err)
				} else if body, err := io.ReadAll(res.Body); err != nil || !strings.HasPrefix(string(body), fmt.Sprintf("GET /%d-%d?", n, i)) {
					t.Errorf("%q, %v", body, err)
				}
				_ = conn.Close()
			}
		})
	}
	wg.Wait()
	if n := e.asked.Load(); n != 16*60 {
		t.Errorf("%d requests", n)
	}
}

type fixed struct{ body []byte }

func (f fixed) Answer(dst []byte, _ *Request) Answer {
	return Answer{Status: http.StatusOK, Body: append(dst, f.body...)}
}

func (f fixed) Commit(promise.Promise) error { return nil }

func (f fixed) Failed(dst []byte, _ error) (int, []byte) { return http.StatusInternalServerError, dst }

// TestDoesNotAllocate drives a loop by hand over a socket pair.
func TestDoesNotAllocate(t *testing.T) {
	s, l := idleLoop(t)
	request := []byte("GET /0123456789abcdef/announce?info_hash=aaaaaaaaaaaaaaaaaaaa&port=1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\nUser-Agent: y\r\n\r\n")
	answer := make([]byte, 4096)
	turn := func(fd int) {
		if _, err := write(fd, request); err != nil {
			t.Fatal(err)
		}
		n, err := l.wait()
		if err != nil || n == 0 {
			t.Fatal(n, err)
		}
		l.now = time.Now()
		for i := range n {
			l.event(&l.events[i])
		}
		l.flush()
		if n, err := read(fd, answer); err != nil || n < 400 {
			t.Fatal(n, err)
		}
	}
	pair := func() int {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closeSocket(fds[1]) })
		s.open.Add(1)
		l.now = time.Now()
		l.open(arrival{fd: fds[0]})
		return fds[1]
	}
	fd := pair()
	turn(fd)
	if n := testing.AllocsPerRun(200, func() { turn(fd) }); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
}

func BenchmarkParse(b *testing.B) {
	text := []byte("GET /0123456789abcdef0123456789abcdef/announce?info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-TR3000-abcdefghijkl&port=51413&uploaded=123456789&downloaded=123456&left=0&compact=1&numwant=50&key=abcdef01&supportcrypto=1 HTTP/1.1\r\nHost: tracker.example.org\r\nUser-Agent: Transmission/3.00\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nX-Forwarded-For: 44.1.2.3\r\nConnection: keep-alive\r\n\r\n")
	var h head
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if n, why := h.parse(text, testLimit); n == 0 || why != nil {
			b.Fatal(why)
		}
	}
}
