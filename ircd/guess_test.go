package ircd

import (
	"strings"
	"testing"

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
		s.Room = New(c, s.deps)
		run(t, s.Room)
		elsewhere := guess.New(s.db, s.keys, s.deps.Clock)
		try := guess.Try{Place: "127.0.0.1", Account: "Alice"}
		made, err := s.members.Create(t.Context(), member.New{Name: "alice"})
		must(t, err)
		h := &house{Room: s.Room}
		p := h.dial(t, "guesser")
		for i := range 3 {
			p.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain("ALICE", "guess"))
			p.expect("* 904 * :*name or IRC key is wrong")
			if wait, err := elsewhere.Wait(t.Context(), &try); err != nil || (wait > 0) != (i == 2) {
				t.Errorf("after %d guesses on IRC the site says wait %s (%v)", i+1, wait, err)
			}
		}
		must(t, elsewhere.Succeeded(t.Context(), try))
		p.send("AUTHENTICATE SCRAM-SHA-256")
		p.expect("AUTHENTICATE +")
		if _, failure := p.scram("alice", made.IRCKey, ""); failure != "" {
			t.Fatal(failure)
		}
		p.expect("* 903 *")

		bob, err := s.members.Create(t.Context(), member.New{Name: "bob"})
		must(t, err)
		for range 8 { // enough to outlast a slow test
			must(t, elsewhere.Failed(t.Context(), guess.Try{Place: "192.0.2.1", Account: "bob"}))
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
