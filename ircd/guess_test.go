package ircd

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// TestGuessesCountWithTheSites guesses on IRC and must then wait on the site, and the other
// way round. The site has a guard of its own, as in another process.
func TestGuessesCountWithTheSites(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		c := testConfig()
		c.ExemptAddresses = nil
		clock := dbtest.NewClock(time.Now())
		s.deps.Guard = guess.New(s.db, s.keys, clock.Now, s.deps.Log)
		s.Room = New(c, s.deps)
		run(t, s.Room)
		elsewhere := guess.New(s.db, s.keys, clock.Now, s.deps.Log)
		wrong := func(try guess.Try) {
			t.Helper()
			if err := elsewhere.Prove(t.Context(), try, func(context.Context) (bool, error) {
				return false, core.Errorf(core.Forbidden, "wrong")
			}); core.CodeOf(err) != core.Forbidden {
				t.Fatal(err)
			}
		}
		try := guess.Try{Place: "127.0.0.1", Account: "Alice"}
		made, err := s.members.Create(t.Context(), member.New{Name: "alice"})
		must(t, err)
		h := &house{Room: s.Room}
		p := h.dial(t, "guesser")
		for i := range 3 {
			p.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain("ALICE", "guess"))
			p.expect("* 904 * :*name or IRC key is wrong")
			if wait, err := elsewhere.Wait(t.Context(), try); err != nil || (wait > 0) != (i == 2) {
				t.Errorf("after %d guesses on IRC the site says wait %s (%v)", i+1, wait, err)
			}
		}
		clock.Add(time.Minute)
		p.send("AUTHENTICATE SCRAM-SHA-256")
		p.expect("AUTHENTICATE +")
		if _, failure := p.scram("alice", made.IRCKey, ""); failure != "" {
			t.Fatal(failure)
		}
		p.expect("* 903 *")

		bob, err := s.members.Create(t.Context(), member.New{Name: "bob"})
		must(t, err)
		for range 3 {
			wrong(guess.Try{Place: "192.0.2.1", Account: "bob"})
		}
		for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256"} {
			p = h.dial(t, mechanism)
			p.negotiate(mechanism)
			var failure string
			if mechanism == "PLAIN" {
				p.send("AUTHENTICATE " + plain("bob", bob.IRCKey))
				failure, _ = p.challenge()
			} else {
				_, failure = p.scram("bob", bob.IRCKey, "")
			}
			if !strings.Contains(failure, "too many failed logins, try again in ") {
				t.Errorf("%s after guesses on the site: %q", mechanism, failure)
			}
		}
	})
}

// counted counts the keys that are looked at and found wrong. A look that came to nothing,
// because the database was too busy for it, tells a guesser nothing.
type counted struct {
	*member.Store
	wrong atomic.Int32
}

func (c *counted) AuthIRC(ctx context.Context, name, key string) (member.Member, error) {
	m, err := c.Store.AuthIRC(ctx, name, key)
	if core.CodeOf(err) == core.Forbidden {
		c.wrong.Add(1)
	}
	return m, err
}

// TestFloodOfWrongKeys has a thousand wrong logins at once from ten addresses, by PLAIN,
// by PASS and through NickServ. No more than the limit are checked, and bystanders get in
// meanwhile.
func TestFloodOfWrongKeys(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		c := testConfig()
		c.ProxyFrom, c.ExemptAddresses, c.MaxPerAddress, c.MaxPerNetwork, c.ConnectsBurst = []string{"127.0.0.1/32"}, nil, 2000, 2000, 2000
		members := &counted{Store: s.members}
		s.deps.Members = members
		clock := dbtest.NewClock(time.Now())
		s.deps.Guard = guess.New(s.db, s.keys, clock.Now, s.deps.Log)
		s.Room = New(c, s.deps)
		run(t, s.Room)
		h := &house{Room: s.Room}
		from := func(t *testing.T, address, name string) *peer {
			return h.dialRaw(t, name, "PROXY TCP4 "+address+" 10.0.0.1 5555 6667\r\n")
		}
		var wg sync.WaitGroup
		const peers, addresses = 250, 10
		for i := range peers {
			p := from(t, fmt.Sprintf("192.0.2.%d", i%addresses+1), fmt.Sprintf("x%d", i))
			wg.Go(func() {
				name := fmt.Sprintf("nobody%d", i)
				for range 4 {
					p.send("AUTHENTICATE PLAIN", "AUTHENTICATE "+plain(name, "guess"))
				}
				p.ended()
			})
		}
		for _, address := range []string{"203.0.113.7", "192.0.2.200"} {
			name := "by" + strings.ReplaceAll(address, ".", "x")
			made, err := s.members.Create(t.Context(), member.New{Name: name})
			must(t, err)
			p := from(t, address, name)
			p.send("AUTHENTICATE PLAIN", "AUTHENTICATE "+plain(name, made.IRCKey))
			p.expect("* 903 *")
		}
		wg.Wait()
		if n := int(members.wrong.Load()); n > 3*addresses || n < addresses {
			t.Errorf("%d wrong keys were looked at, the limit is %d", n, 3*addresses)
		}
	})
}
