package swarm

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// session is an announce of a program that member 1 has started for the n-th time, at
// the same address and port each time.
func session(n int, left int64, e wire.Event) Announce {
	return with(usual(1, left), func(a *Announce) { a.PeerID, a.Key, a.Event = id(100+n), uint64(1000+n), e })
}

// TestTakingThePlace kills a client and starts it again, with new names, where it was.
func TestTakingThePlace(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(a *Announce){
		"IPv4":                      func(*Announce) {},
		"IPv6":                      func(a *Announce) { a.V4, a.V6, a.Over6 = wire.Endpoint{}, v6(7), true },
		"an address not to be told": func(a *Announce) { a.V4, a.Private = wire.Endpoint{}, v4(7) },
	} {
		for _, perMember := range []int{1, 3} {
			c := testConfig()
			c.PerMember = perMember
			b := newBook(t, c)
			var sum core.Bytes
			for n := range 7 {
				b.announce(with(session(n, 0, wire.Started), where))
				b.wantCounts(1, 1, 0)
				b.pass(time.Minute)
				b.announce(with(counters(session(n, 0, wire.None), 100, 0), where))
				sum += 100
				if n > 0 { // the last words of the one before arrive late, and twice
					for range 2 {
						b.announce(with(counters(session(n-1, 0, wire.Stopped), 107, 0), where))
					}
					sum += 7
				}
				b.wantCounts(1, 1, 0)
				if b.up[1] != sum || !b.last.Active {
					t.Fatalf("%s, %d clients, session %d: credited %d, want %d; %+v", name, perMember, n, b.up[1], sum, b.last)
				}
			}
			b.announce(with(usual(2, 5), where))
			if r := b.announce(with(usual(2, 5), where)); name != "an address not to be told" && len(r.Peers) != 1 {
				t.Errorf("%s: another member got %d peers", name, len(r.Peers))
			}
		}
	}
}

// TestWhoTakesAPlace lists clients that share an address without being the same.
func TestWhoTakesAPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		second   Announce
		leechers int
	}{
		{"the same program, which has never said that it starts", session(2, 5, wire.None), 1},
		{"another port", with(session(2, 5, wire.Started), func(a *Announce) { a.V4 = wire.EndpointOf(v4(1).AddrPort().Addr(), 6882) }), 2},
		{"another address", with(session(2, 5, wire.Started), func(a *Announce) { a.V4 = v4(77) }), 2},
		{"another member", with(session(2, 5, wire.Started), func(a *Announce) { a.Member = 9 }), 2},
		{"another member's stop", with(session(2, 5, wire.Stopped), func(a *Announce) { a.Member = 9 }), 1},
		{"a stop of an unknown one", session(2, 5, wire.Stopped), 1},
		{"one that may not download", with(session(2, 5, wire.Started), func(a *Announce) { a.NoLeech = true }), 1},
	}
	for _, tt := range tests {
		b := newBook(t, testConfig())
		b.announce(session(1, 5, wire.Started))
		b.announce(tt.second)
		b.wantCounts(1, 0, tt.leechers)
		b.pass(time.Minute)
		b.announce(counters(session(1, 5, wire.None), 40, 0)) // it is still there, or again
		if b.up[1] != 40 {
			t.Errorf("%s: the first was credited %d", tt.name, b.up[1])
		}
	}
}

// TestPlaceOfTwoFamilies takes the place of a client that is known by two addresses.
func TestPlaceOfTwoFamilies(t *testing.T) {
	t.Parallel()
	over := func(six bool, a Announce) Announce {
		if six {
			a.V4, a.V6, a.Over6 = wire.Endpoint{}, v6(1), true
		}
		return a
	}
	for _, six := range []bool{false, true} {
		b := newBook(t, testConfig())
		for _, family := range []bool{false, true} {
			b.announce(over(family, session(1, 5, wire.Started)))
		}
		b.wantCounts(1, 0, 1)
		for range 2 {
			b.announce(over(six, session(2, 5, wire.Started)))
			b.announce(over(!six, session(2, 5, wire.Started)))
			b.wantCounts(1, 0, 1)
		}
		if n := b.Totals(); n.Unlisted != 1 {
			t.Errorf("%+v", n)
		}
	}
}

// TestFinishedMeanwhile starts where a client was that lacked something, and lacks nothing.
func TestFinishedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(session(1, 5, wire.Started))
	b.pass(time.Minute)
	b.announce(session(2, 0, wire.Started))
	if b.last.Completion != Completed || b.done != 1 {
		t.Errorf("%+v", b.last)
	}
	b.announce(session(3, 0, wire.Started))
	if b.last.Completion != MaybeCompleted {
		t.Errorf("a second time: %+v", b.last)
	}
	if slots := b.downloads.count(1); slots != 0 {
		t.Errorf("%d downloads", slots)
	}
}

// TestMovesKeepTheClient announces from elsewhere, under the same peer-id.
func TestMovesKeepTheClient(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig())
	b.announce(session(1, 0, wire.Started))
	b.pass(time.Minute)
	moved := with(counters(session(1, 0, wire.None), 30, 0), func(a *Announce) { a.V4 = v4(50) })
	b.announce(moved)
	b.wantCounts(1, 1, 0)
	if b.up[1] != 30 {
		t.Errorf("credited %d", b.up[1])
	}
	b.announce(session(2, 0, wire.Started)) // where it was; it is there no more
	b.wantCounts(1, 2, 0)
}

// TestClientsBeyondTheLimit counts listed clients only.
func TestClientsBeyondTheLimit(t *testing.T) {
	t.Parallel()
	b := newBook(t, testConfig()) // three clients
	client := func(n int, e wire.Event) Announce {
		return with(usual(1, 0), func(a *Announce) { a.PeerID, a.V4, a.Event = id(n), v4(n), e })
	}
	refused := func(a Announce) {
		t.Helper()
		a.At = b.now
		if _, err := b.Announce(&a, nil, func(Change) error { t.Error("committed"); return nil }); core.CodeOf(err) != core.Conflict {
			t.Errorf("%v", err)
		}
	}
	for n := range 3 {
		b.announce(client(n, wire.Started))
	}
	b.announce(client(2, wire.Stopped))
	b.announce(client(3, wire.Started))
	refused(client(4, wire.Started))
	refused(client(2, wire.None)) // it has stopped, and others are there
	b.wantCounts(1, 3, 0)
	b.pass(time.Minute)
	b.announce(counters(client(2, wire.Stopped), 9, 0)) // its last words count
	if b.up[1] != 9 {
		t.Errorf("credited %d", b.up[1])
	}
	for n := range 20 { // one goes, one comes
		b.announce(client(3+n, wire.Stopped))
		b.announce(client(4+n, wire.Started))
	}
	if got := b.Totals(); got.Seeders != 3 || got.Unlisted != 3 {
		t.Errorf("%+v", got)
	}
}
