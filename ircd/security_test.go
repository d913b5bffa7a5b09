package ircd

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// TestResetEndsOpenConnections has a thief on IRC when staff give a new passphrase.
func TestResetEndsOpenConnections(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, id, key := s.login(t, "alice", "User")
		thief := s.connect(t, "alice", key)
		wanda, _, _ := s.login(t, "wanda", "User")
		drawn, err := s.members.DrawPassphrase(t.Context())
		must(t, err)
		_, err = s.members.ResetPassphrase(t.Context(), id, drawn)
		must(t, err)
		for _, p := range []*peer{alice, thief} {
			if last := p.ended(); !strings.Contains(last, "Your IRC key was changed") {
				t.Errorf("the last line was %q", last)
			}
		}
		wanda.expect(":alice!* QUIT :Logged out")
		h := &house{Room: s.Room}
		again := h.dial(t, "alice")
		again.send("PASS alice:"+key, "NICK alice", "USER u 0 * :A")
		again.expect("* 464 *")
		fresh, err := s.members.IRCKey(t.Context(), id)
		must(t, err)
		s.connect(t, "alice", fresh)
	})
}

// TestIRCLoginsAreInTheSecurityLog logs in by every way, rightly and wrongly, as members
// and as the operator of the configuration.
func TestIRCLoginsAreInTheSecurityLog(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		s.deps.Guard = &strict{fails: map[string]int{}}
		run(t, s.Room)
		boss, id, key := s.login(t, "boss", "Sysop")
		boss.send("OPER boss wrong", "OPER boss "+key)
		boss.expect("* 464 *")
		boss.expect("* 381 *")
		h := &house{Room: s.Room}
		p := h.dial(t, "guest")
		p.register("guest")
		p.send("PRIVMSG NickServ :IDENTIFY boss wrong")
		p.expect("* NOTICE * :Not logged in: *")
		want := map[string]bool{"login SASL PLAIN": true, "refused OPER": true, "login OPER": true, "refused IDENTIFY or ENTER": true}
		list, err := s.members.Security().Page(t.Context(), id, 0, security.MaxPage)
		must(t, err)
		for _, e := range list {
			name := string(e.Kind) + " " + e.Detail
			// Who logs in while the account changes is looked at again, and so counted.
			if !want[name] || e.Face != security.IRC || e.Address != "127.0.0.1" {
				t.Errorf("%+v", e)
			}
			delete(want, name)
		}
		if len(want) > 0 {
			t.Errorf("missing: %v", want)
		}
	})
}

// turned is a site on which a key is replaced while somebody is being checked with the
// old one: the network hears of it before the check is over.
type turned struct {
	*people
	once func()
}

func (p *turned) AuthIRC(ctx context.Context, name, key string) (member.Member, error) {
	m, err := p.people.AuthIRC(ctx, name, key)
	if once := p.once; once != nil && err == nil {
		p.once = nil
		once()
	}
	return m, err
}

// TestKeyThatIsReplacedDuringALogin lets nobody in with the old one.
func TestKeyThatIsReplacedDuringALogin(t *testing.T) {
	h := newHouse(t, nil)
	site := &turned{people: h.people}
	var checks atomic.Int32
	site.once = func() {
		h.now.followKey(eventlog.IRCKeyChanged{Member: 1})
		h.people.fail(core.Errorf(core.Forbidden, "name or IRC key is wrong")) // what a second look finds
		checks.Add(1)
	}
	h.deps.Members = site
	h.start(t)
	p := h.dial(t, "alice")
	p.send("PASS alice:key-alice", "NICK alice", "USER u 0 * :A")
	p.expect("* 464 * *name or IRC key is wrong*")
	if n := checks.Load(); n != 1 {
		t.Errorf("%d checks", n)
	}
}
