package ircd

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// interior is a network that a test reaches into: its clock stands still, its
// sweeper runs when the test says so, and its state can be checked.
type interior struct {
	*house
	n     *network
	conns *connections

	mu  sync.Mutex
	now time.Time
}

func inside(t testing.TB, change func(*Config)) *interior {
	t.Helper()
	in := &interior{house: newHouse(t, change), now: time.Unix(1.8e9, 0)}
	in.deps.Clock = func() time.Time {
		in.mu.Lock()
		defer in.mu.Unlock()
		return in.now
	}
	n, err := in.network(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in.n, in.conns = n, newConnections(t.Context())
	t.Cleanup(func() {
		n.closeAll("end of test")
		if err := in.conns.drain(drainTime); err != nil {
			t.Errorf("the connections ended with %v", err)
		}
		if strings.Contains(in.logged.String(), "panicked") {
			t.Error(in.logged.String())
		}
	})
	return in
}

func (in *interior) sweepAfter(d time.Duration) {
	in.mu.Lock()
	in.now = in.now.Add(d)
	now := in.now
	in.mu.Unlock()
	in.n.sweep(now)
}

// dial connects over a loopback socket.
func (in *interior) dial(t testing.TB, name string) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	mine, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	in.n.open(theirs, nil, nil, in.conns)
	return newPeer(t, name, mine)
}

func (in *interior) join(t testing.TB, name string, caps ...string) *peer {
	t.Helper()
	return joinBy(t, in.house, in.dial(t, name), caps...)
}

// check finds contradictions in the network's state.
func (n *network) check() error {
	var err error
	n.locked(func() { err = n.contradiction() })
	return err
}

func (n *network) contradiction() error {
	for name, ch := range n.channels {
		if name != fold(ch.row.Name) || !ch.kept && len(ch.members) == 0 {
			return fmt.Errorf("channel %s is kept as %s with %d members", ch.row.Name, name, len(ch.members))
		}
		if len(ch.ranked) > len(ch.members) {
			return fmt.Errorf("%s has more with a status than members", name)
		}
		for c := range ch.members {
			if _, in := c.channels[ch]; !in || c.gone || !c.registered {
				return fmt.Errorf("%s is in %s by the channel's list only", c.nick, name)
			}
			if _, ranked := ch.ranked[c]; ranked != (ch.members[c] != 0) {
				return fmt.Errorf("the status of %s in %s is noted wrongly", c.nick, name)
			}
			if !ch.admits(c.account) {
				return fmt.Errorf("%s may not be in %s", c.nick, name)
			}
		}
	}
	registered := 0
	for c := range n.clients {
		for ch := range c.channels {
			if !ch.has(c) || n.channels[fold(ch.row.Name)] != ch {
				return fmt.Errorf("%s is in %s by its own list only", c.nick, ch.row.Name)
			}
		}
		if c.registered {
			registered++
			if n.nicks[fold(c.nick)] != c {
				return fmt.Errorf("the nick %s is another's", c.nick)
			}
		}
		if c.gone {
			return fmt.Errorf("%s is gone and still listed", c.nick)
		}
		if a := c.account; a != nil {
			if _, in := a.clients[c]; !in || n.accounts[a.member.ID] != a {
				return fmt.Errorf("%s is not among the connections of %s", c.nick, a.member.Name)
			}
		}
	}
	if registered != len(n.nicks) {
		return fmt.Errorf("%d registered clients have %d nicks", registered, len(n.nicks))
	}
	total := 0
	for _, k := range n.perAddr {
		total += k
	}
	if total != len(n.clients) {
		return fmt.Errorf("%d clients count as %d by address", len(n.clients), total)
	}
	for id, a := range n.accounts {
		if len(a.clients) == 0 || a.member.ID != id {
			return fmt.Errorf("account %d has %d connections", id, len(a.clients))
		}
	}
	return nil
}

func await[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("unreachable")
	}
}

func atoi(t testing.TB, s string) int {
	t.Helper()
	i, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// gathered returns the metrics of the room as "name value".
func gathered(t testing.TB, h *house) []string {
	t.Helper()
	families, err := h.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		for _, m := range f.Metric {
			out = append(out, fmt.Sprintf("%s %v", f.GetName(), m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	return out
}
