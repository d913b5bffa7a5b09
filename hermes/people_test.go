package hermes

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// onForeign is a session on a foreign network that has heard nothing yet, and its clock.
func onForeign(k kind) (*foreign, *time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	cfg := DefaultConfig()
	cfg.Network = ngircdNetwork
	d := newDoors(cfg, Deps{Clock: clock})
	s := &session{cfg: cfg, clock: clock, outbox: newOutbox(cfg), facts: newFacts(), nick: "Hermes", update: func() {}, registered: true,
		joined: map[string]bool{}, topics: map[string]string{}}
	s.goAbroad(d)
	s.foreign.kind, s.foreign.oper = k, true
	return s.foreign, &now
}

// told feeds lines from the server.
func (s *session) told(t *testing.T, lines ...string) {
	t.Helper()
	for _, l := range lines {
		e := girc.ParseEvent(l)
		if e == nil {
			t.Fatalf("can't read %q", l)
		}
		s.look(*e)
	}
}

// speaker returns who the bot takes the sender of a line for.
func (s *session) speaker(t *testing.T, mask string) string {
	t.Helper()
	var m message
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identify(&m, *girc.ParseEvent(":" + mask + " PRIVMSG Hermes :stats"))
	return m.account
}

// TestWhoSomebodyIs lets all kinds of things happen to somebody who has said who they are.
// No other connection must ever be trusted for that, and in doubt the trust must end.
func TestWhoSomebodyIs(t *testing.T) {
	t.Parallel()
	const (
		in   = ":ann!u@host.a JOIN #general"
		self = "ann!u@host.a"
	)
	tests := []struct {
		name   string
		kind   kind
		before []string // what the server says before the member does
		after  []string
		wait   time.Duration
		mask   string // who speaks then
		known  bool
	}{
		{"in a channel", ngircd{}, []string{in}, nil, time.Hour, self, true},
		{"another host under the nick", ngircd{}, []string{in}, nil, 0, "ann!u@host.b", false},
		{"another user name", ngircd{}, []string{in}, nil, 0, "ann!v@host.a", false},
		{"another nick", ngircd{}, []string{in}, []string{":ann!u@host.a NICK bea"}, time.Hour, "bea!u@host.a", true},
		{"the nick that was left", ngircd{}, []string{in}, []string{":ann!u@host.a NICK bea"}, 0, self, false},
		{"case of the nick", ngircd{}, []string{in}, []string{":ann!u@host.a NICK Ann"}, 0, "Ann!u@host.a", true},
		{"quit", ngircd{}, []string{in}, []string{":ann!u@host.a QUIT :bye"}, 0, self, false},
		{"netsplit", ngircd{}, []string{in}, []string{":ann!u@host.a QUIT :a.example b.example"}, 0, self, false},
		{"killed", ngircd{}, []string{in}, []string{":oper!o@p KILL ann :enough"}, 0, self, false},
		{"left the last channel", ngircd{}, []string{in}, []string{":ann!u@host.a PART #general"}, 0, self, false},
		{"left one of two", ngircd{}, []string{in, ":ann!u@host.a JOIN #announce"}, []string{":ann!u@host.a PART #general"}, time.Hour, self, true},
		{"kicked out of the last", ngircd{}, []string{in}, []string{":x!y@z KICK #general ann :out"}, 0, self, false},
		{"we left the channel", ngircd{}, []string{in}, []string{":Hermes!h@h PART #general"}, 0, self, false},
		{"no such nick", ngircd{}, []string{in}, []string{":irc.test 401 Hermes ann :No such nick"}, 0, self, false},
		{"seen in no channel, soon", ngircd{}, nil, nil, unseenLimit, self, true},
		{"seen in no channel, late", ngircd{}, nil, nil, unseenLimit + time.Second, self, false},
		{"came in late", ngircd{}, nil, nil, unseenLimit + time.Second, "late", false},
		{"the server tells of a quit", ngircd{}, nil, []string{":irc.test NOTICE Hermes :Client exiting: ann (u@host.a) [bye]"}, 0, self, false},
		{"the server tells of a newcomer", ngircd{}, nil, []string{":irc.test NOTICE Hermes :Client connecting: ann (u@host.a) [::1] - User"}, 0, self, false},
		{"somebody plays server", ngircd{}, []string{in}, []string{":x!y@z NOTICE Hermes :Client exiting: ann (u@host.a) [bye]"}, 0, self, true},
		{"watched", inspircd{}, []string{":irc.test 005 Hermes MONITOR=30 :are supported"}, nil, time.Hour, self, true},
		{"watched, and gone", inspircd{}, []string{":irc.test 005 Hermes MONITOR=30 :are supported"}, []string{":irc.test 731 Hermes :bob,ann"}, 0, self, false},
		{"not watched, since too many are", inspircd{}, []string{":irc.test 005 Hermes MONITOR=30 :are supported"},
			[]string{":irc.test 734 Hermes 30 bob,ann :Monitor list is full"}, unseenLimit + time.Second, self, false},
		{"the host changed, and we were told", inspircd{}, []string{in}, []string{":ann!u@host.a CHGHOST v host.b"}, 0, "ann!v@host.b", true},
		{"the host changed, seen at a JOIN", inspircd{}, []string{in}, []string{":ann!u@host.b JOIN #announce"}, 0, self, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, now := onForeign(tt.kind)
			s.told(t, tt.before...)
			s.mu.Lock()
			ticket := s.hand(*girc.ParseEvent(":" + self + " PRIVMSG Hermes :ENTER ann key"))
			s.mu.Unlock()
			if got := s.speaker(t, self); got != "" {
				t.Fatalf("is %s before the key was looked at", got)
			}
			if !ticket.bind(member.Member{ID: 7, Name: "ann"}) {
				t.Fatal("not bound")
			}
			s.told(t, tt.after...)
			*now = now.Add(tt.wait)
			if tt.mask == "late" { // the invitation may have let somebody else in
				s.told(t, in)
				tt.mask = self
			}
			want := ""
			if tt.known {
				want = "ann"
			}
			if got := s.speaker(t, tt.mask); got != want {
				t.Errorf("taken for %q, want %q", got, want)
			}
		})
	}
}

// TestTicketIsForOnePerson lets the nick change hands while the key is looked up.
func TestTicketIsForOnePerson(t *testing.T) {
	t.Parallel()
	for _, meanwhile := range []string{":ann!u@host.a QUIT :bye", ":ann!u@host.a NICK bea", ":irc.test NOTICE Hermes :Client exiting: ann (u@host.a) [x]"} {
		s, _ := onForeign(ngircd{})
		s.told(t, ":ann!u@host.a JOIN #general")
		s.mu.Lock()
		ticket := s.hand(*girc.ParseEvent(":ann!u@host.a PRIVMSG Hermes :ENTER ann key"))
		s.mu.Unlock()
		s.told(t, meanwhile, ":ann!u@host.a JOIN #general")
		if lines, text := s.letIn(message{nick: "ann", ticket: ticket, entry: irc.Entry{Enter: true}}, &member.Member{}, nil); len(lines) > 0 || text != "" {
			t.Errorf("%s: let in: %v", meanwhile, lines)
		}
		if ticket.bind(member.Member{ID: 7, Name: "ann"}) && s.speaker(t, "ann!u@host.a") != "" {
			t.Errorf("%s: somebody else is the member now", meanwhile)
		}
	}
}

func TestFactsOfAServer(t *testing.T) {
	t.Parallel()
	s, _ := onForeign(ngircd{})
	s.told(t, ":irc.test 004 Hermes irc.test ngircd-26.1 abB abeh",
		":irc.test 005 Hermes RFC2812 CASEMAPPING=rfc1459 PREFIX=(qaohv)~&@%+ CHANMODES=beI,k,l,imMnOPQRstVz NICKLEN=9 TOPICLEN=307 :are supported")
	f := &s.facts
	if f.version != "ngircd-26.1" || f.nickLen != 9 || f.topicLimit() != 307 || !s.kind.runs(f.version) || (inspircd{}).runs(f.version) {
		t.Errorf("%+v", f)
	}
	if f.fold(`A[]\~`) != "a{}|^" {
		t.Errorf("folds to %q", f.fold(`A[]\~`))
	}
	status, nick, mask := f.name("@+ann!u@h")
	if status != "ov" || nick != "ann" || mask != "ann!u@h" {
		t.Errorf("%q %q %q", status, nick, mask)
	}
	want := []modeChange{{true, 'o', "ann"}, {false, 'v', "bob"}, {true, 'l', "5"}, {false, 'l', ""}, {true, 'k', "key"}, {true, 'm', ""}}
	if diff := cmp.Diff(want, f.changes([]string{"+o-v+l-l+km", "ann", "bob", "5", "key"}), cmp.AllowUnexported(modeChange{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := f.changes([]string{"+o"}); got != nil {
		t.Errorf("read %v out of a line that lacks a parameter", got)
	}
}

// as makes ann a member with rights.
func (s *foreign) as(disabled bool, rights ...core.Permission) {
	m := member.Member{ID: 7, Name: "ann", Class: member.Class{Permissions: core.NewPermissions(rights...)}}
	if disabled {
		m.Causes = []member.Cause{{Effect: member.Disabled, Reason: "shared the key"}}
	}
	m = m.At(time.Now())
	s.people["ann"].who = &m
}

// hears feeds what the session keeps of itself: its own channels, and topics.
func (s *session) hears(t *testing.T, l string) {
	t.Helper()
	e := girc.ParseEvent(l)
	if e.Command == girc.JOIN {
		s.joined[s.fold(e.Params[0])] = true
	}
	s.onTopic(*e)
}
