package ircd

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// interior is a network whose inside a test can reach: its clock stands still, its sweeper
// runs when the test says so, and its state can be checked.
type interior struct {
	*house
	n      *network
	server *conn.Server

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
	in.n, in.server = n, in.Room.server(t.Context(), n)
	t.Cleanup(func() {
		n.closeAll("end of test")
		if err := in.server.Drain(drainTime); err != nil {
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
	in.server.Open(theirs, netip.Addr{}, nil)
	return newPeer(t, name, mine)
}

func (in *interior) join(t testing.TB, name string) *peer {
	t.Helper()
	return joinBy(t, in.house, in.dial(t, name))
}

// check finds contradictions in the network's state.
func (n *network) check() error {
	var err error
	n.locked(func() { err = n.contradiction() })
	return err
}

func (n *network) contradiction() error {
	for name, ch := range n.channels {
		if err := n.channelContradiction(name, ch); err != nil {
			return err
		}
	}
	invisible, operators := 0, 0
	for nick, u := range n.nicks {
		if fold(u.nick) != nick || len(u.sessions) == 0 {
			return fmt.Errorf("%s is known as %s and has %d sessions", u.nick, nick, len(u.sessions))
		}
		if u.invisible {
			invisible++
		}
		if _, listed := n.opers[u]; listed != u.operator || !u.operator && (u.rescue || u.snotices) {
			return fmt.Errorf("%s is operator: %v, listed: %v", u.nick, u.operator, listed)
		}
		if u.operator {
			operators++
		}
		for _, m := range u.channels {
			if m.user != u || u.in(m.ch) != m || n.channels[fold(m.ch.row.Name)] != m.ch || m.ch.members[m.place] != m {
				return fmt.Errorf("%s is in %s by its own list only", u.nick, m.ch.row.Name)
			}
		}
		for _, s := range u.sessions {
			if s.user != u || s.gone || s.account != u.account && u.account != nil {
				return fmt.Errorf("a session of %s isn't its own", u.nick)
			}
		}
		if !n.cfg.OpenNetwork && member.IsGuestNick(u.nick) != (u.account == nil) {
			return fmt.Errorf("%s is called so and is logged in as %q", u.nick, u.accountName())
		}
		if u.account != nil && u.account.user != u {
			return fmt.Errorf("the account of %s has another user", u.nick)
		}
	}
	if invisible != n.invisible {
		return fmt.Errorf("%d invisible users count as %d", invisible, n.invisible)
	}
	if operators != len(n.opers) {
		return fmt.Errorf("%d operators are listed as %d", operators, len(n.opers))
	}
	return n.sessionContradiction()
}

func (n *network) channelContradiction(name string, ch *channel) error {
	if name != fold(ch.row.Name) || !ch.kept && len(ch.members) == 0 {
		return fmt.Errorf("channel %s is kept as %s with %d members", ch.row.Name, name, len(ch.members))
	}
	ranked := 0
	for i, m := range ch.members {
		if m.place != i || m.ch != ch || m.user.in(ch) != m || n.nicks[fold(m.user.nick)] != m.user {
			return fmt.Errorf("%s is in %s by the channel's list only", m.user.nick, name)
		}
		if m.status != 0 {
			ranked++
			if ch.ranked[m.rank] != m {
				return fmt.Errorf("the status of %s in %s is noted wrongly", m.user.nick, name)
			}
		}
		if len(m.sessions) == 0 || slices.ContainsFunc(m.sessions, func(s *session) bool { return s.user != m.user || !slices.Contains(m.user.sessions, s) }) {
			return fmt.Errorf("%s is in %s by connections that aren't its own", m.user.nick, name)
		}
		if !ch.admits(m.user) {
			return fmt.Errorf("%s may not be in %s", m.user.nick, name)
		}
	}
	if ranked != len(ch.ranked) {
		return fmt.Errorf("%s has %d with a status and notes %d", name, ranked, len(ch.ranked))
	}
	return nil
}

func (n *network) sessionContradiction() error {
	unknown := 0
	for s := range n.sessions {
		if s.gone {
			return fmt.Errorf("%s is gone and still listed", s.target())
		}
		if !s.registered() {
			unknown++
		} else if n.nicks[fold(s.user.nick)] != s.user || !slices.Contains(s.user.sessions, s) {
			return fmt.Errorf("the nick %s is another's", s.user.nick)
		}
		if a := s.account; a != nil && (!slices.Contains(a.sessions, s) || n.accounts[a.member.ID] != a) {
			return fmt.Errorf("%s is not among the connections of %s", s.target(), a.member.Name)
		}
	}
	if unknown != n.unknown {
		return fmt.Errorf("%d unregistered sessions count as %d", unknown, n.unknown)
	}
	total := 0
	for _, k := range n.census.perAddr {
		total += k
	}
	if total != len(n.sessions) {
		return fmt.Errorf("%d sessions count as %d by address", len(n.sessions), total)
	}
	for id, a := range n.accounts {
		if len(a.sessions) == 0 || a.member.ID != id {
			return fmt.Errorf("account %d has %d connections", id, len(a.sessions))
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
