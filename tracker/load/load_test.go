package main

import (
	"bufio"
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// TestMain lets this program be a server that TestRestarts starts.
func TestMain(m *testing.M) {
	if os.Getenv("LOAD_TEST_SERVER") == "" {
		os.Exit(m.Run())
	}
	if err := run(os.Args[1:]); err != nil {
		panic(err)
	}
}

// TestRestarts stops and starts a server, and one that is no more.
func TestRestarts(t *testing.T) {
	t.Parallel()
	o, dir := testOptions(), t.TempDir()
	o.restarts = 2
	s := &server{name: "x", paths: []string{"/k/announce"}, env: []string{"LOAD_TEST_SERVER=1"}, lasts: true}
	var err error
	if s.addr, err = freePort(t.Context()); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command(log, dir, os.Args[0], "hello", "-engine", "front", "-listen", s.addr.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.stop() // it may have ended
		_ = log.Close()
	})
	if err := s.await(t.Context()); err != nil {
		t.Fatal(err)
	}
	p, err := restarts(t.Context(), o, s, newPopulation(o))
	if err != nil || len(p.stop) != 2 || len(p.start) != 2 || slices.Min(p.start) <= 0 || slices.Min(p.stop) <= 0 {
		t.Errorf("%v, %v", p, err)
	}
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.terminate(); err == nil {
		t.Error("a server that was killed has stopped in order")
	}
}

func testOptions() options {
	return options{members: 50, torrents: 100, peers: 2000, v6: 20, connections: 8, duration: 200 * time.Millisecond, repeat: 1, seed: 1}
}

// TestPopulation makes sure that every request is one that trackers take, that
// they are the same each time, and that they are mixed as the table says.
func TestPopulation(t *testing.T) {
	t.Parallel()
	o, s := testOptions(), &server{paths: []string{"/a/announce", "/b/announce"}}
	p, again := newPopulation(o), newPopulation(o)
	r, rAgain := rand.New(rand.NewPCG(1, 2)), rand.New(rand.NewPCG(1, 2))
	events := map[wire.Event]int{}
	const n = 20_000
	for range n {
		text := p.next(nil, r, s, false)
		if !bytes.Equal(text, again.next(nil, rAgain, s, false)) {
			t.Fatalf("it differs: %s", text)
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		var a wire.Announce
		if err := wire.ParseAnnounce(req.URL.RawQuery, &a); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if _, err := netip.ParseAddr(req.Header.Get("X-Forwarded-For")); err != nil {
			t.Fatal(err)
		}
		events[a.Event]++
	}
	for event, share := range map[wire.Event]int{wire.Started: 5, wire.Stopped: 4, wire.Completed: 1, wire.None: 90} {
		if got := events[event] * 100 / n; got < share-1 || got > share+1 {
			t.Errorf("event %d: %d %%, want %d", event, got, share)
		}
	}
	sizes := make([]int, o.torrents)
	for _, c := range p.peers {
		sizes[c.torrent]++
	}
	if sizes[0] < 100 || sizes[99] > 40 {
		t.Errorf("the swarms are not skewed: %v", sizes)
	}
}

func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, a := range []string{"192.0.2.1:80", "10.0.0.1:80", "0.0.0.0:80", "[::1]:80", "128.0.0.1:80"} {
		if _, err := newDriver(&server{addr: netip.MustParseAddrPort(a)}, 1, false, nil); err == nil {
			t.Errorf("%s would be loaded", a)
		}
	}
	if hello(t.Context(), []string{"-listen", "0.0.0.0:0"}) == nil {
		t.Error("hello listens everywhere")
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h histogram
	for i := range 100_000 {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for q, want := range map[float64]float64{0.5: 50, 0.99: 99, 0.999: 99.9} {
		if got := h.quantile(q); got < want*0.96 || got > want*1.001 {
			t.Errorf("quantile %v: %v ms, want %v", q, got, want)
		}
	}
}

// TestMeasure loads a server in this process, and one whose answers are wrong.
func TestMeasure(t *testing.T) {
	t.Parallel()
	const good = "d8:intervali1800e5:peers0:e"
	for _, mode := range []string{keepAlive, oneShot} {
		for body, right := range map[string]bool{good: true, "d5:peers0:8:intervali1800ee": false, "d14:failure reason2:noe": false} {
			ctx, cancel := context.WithCancel(t.Context())
			f, err := front.Open(ctx, []string{"127.0.0.1:0"}, front.Options{Handler: fixed{[]byte(body)}})
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- f.Serve(ctx) }()
			self, err := os.FindProcess(os.Getpid())
			if err != nil {
				t.Fatal(err)
			}
			s := &server{name: "x", paths: []string{"/k/announce"}, addr: netip.MustParseAddrPort(f.Addrs()[0].String())}
			s.cmd = &exec.Cmd{Process: self}
			o := testOptions()
			r, err := measure(t.Context(), o, s, newPopulation(o), mode)
			if right && (err != nil || r.failures > 0 || r.rate == 0 || r.rss == 0 || r.silence <= 0) || !right && err == nil && r.failures == 0 {
				t.Errorf("%s, %q: %v, %v", mode, body, r, err)
			}
			var out strings.Builder
			if err := report(&out, o, []result{r, r}); err != nil {
				t.Error(err)
			}
			if right && strings.Count(out.String(), "\n") != 3 {
				t.Errorf("the table is\n%s", out.String())
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
}
