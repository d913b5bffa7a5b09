package trace

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

func endpoint(text string) wire.Endpoint {
	at := netip.MustParseAddrPort(text)
	return wire.EndpointOf(at.Addr(), at.Port())
}

func anywhere(netip.Addr) bool { return true }

// wait waits until a condition holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 30 s", what)
		}
	}
}

func TestKnocking(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := endpoint(gone.Addr().String())
	_ = gone.Close()
	open := endpoint(l.Addr().String())
	p := newPorts(anywhere)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- p.check(ctx) }()
	for _, e := range []wire.Endpoint{open, closed, open} {
		if reach, waiting := p.look(e, 1000); reach != transfer.ReachUnknown && e == closed || !waiting && reach == transfer.ReachUnknown {
			t.Errorf("at first: %q, %v", reach, waiting)
		}
	}
	results := map[wire.Endpoint]transfer.Reach{}
	wait(t, "both are found out", func() bool {
		for e, reach := range p.found() {
			results[e] = reach
		}
		return len(results) == 2
	})
	if results[open] != transfer.ReachOpen || results[closed] != transfer.ReachClosed {
		t.Errorf("found %v", results)
	}
	if reach, waiting := p.look(open, 1000+3599); reach != transfer.ReachOpen || waiting {
		t.Errorf("within the hour: %q, %v", reach, waiting)
	}
	if reach, waiting := p.look(open, 1000+3600); reach != transfer.ReachUnknown || !waiting {
		t.Errorf("an hour later: %q, %v", reach, waiting)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestKnocksNowhereElse names what is never tried. No checker runs: what is tried
// waits in the queue.
func TestKnocksNowhereElse(t *testing.T) {
	t.Parallel()
	p := newPorts(func(a netip.Addr) bool { return !a.IsLoopback() && !a.IsPrivate() })
	for _, text := range []string{"127.0.0.1:6881", "[::1]:6881", "10.1.2.3:6881", "8.8.4.4:25", "8.8.4.4:1023"} {
		if _, waiting := p.look(endpoint(text), 1); waiting {
			t.Errorf("%s is tried", text)
		}
	}
	if _, waiting := p.look(wire.Endpoint{}, 1); waiting {
		t.Error("nothing is tried")
	}
	tried := 0
	for port := 2000; port < 2100; port++ { // nobody has all ports of an address tried
		if _, waiting := p.look(endpoint(fmt.Sprintf("8.8.4.4:%d", port)), 1); waiting {
			tried++
		}
	}
	if tried != perAddress {
		t.Errorf("%d ports of one address are tried, want %d", tried, perAddress)
	}
	for i := range 2 * maxQueue { // what is too much at once is tried at a later announce
		if _, waiting := p.look(endpoint(fmt.Sprintf("9.9.%d.%d:6881", i/250, i%250)), 1); waiting {
			tried++
		}
	}
	if tried != maxQueue || len(p.known) != maxQueue {
		t.Errorf("%d wait and %d are known, want %d", tried, len(p.known), maxQueue)
	}
	p.look(endpoint("8.8.8.8:6881"), 4000)
	if len(p.known) > 1 || len(p.byAddr) > 1 {
		t.Errorf("an hour later %d are known, of %d addresses", len(p.known), len(p.byAddr))
	}
}
