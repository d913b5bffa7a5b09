package hermes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/command/commandtest"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

// speakers are who says a command: the account that the server names, "" for none.
var speakers = map[string]string{"guest": "", "stranger": "stranger", "user": "user", "uploader": "alice", "aide": "aide",
	"mod": "mod", "sysop": "sysop", "disabled": "disabled"}

// inStaff are those who are in the channel of staff.
var inStaff = []string{"aide", "mod", "sysop"}

// TestCommandsOnIRCAreTheEngines says each command as everybody, in a channel, among staff
// and in private, and holds what comes of it against what the engine says.
func TestCommandsOnIRCAreTheEngines(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	added := s.upload("A dataset of somebody")
	for name, class := range map[string]string{"victim": "User", "user": "User", "aide": "User", "mod": "Moderator", "sysop": "Sysop", "disabled": "Sysop"} {
		s.join(name, class)
	}
	s.must(commandtest.Promote(t.Context(), s.deps.Members, s.member("aide").ID))
	s.must(membertest.Disable(t.Context(), s.deps.Members, s.member("disabled").ID, "left the lab"))
	r := s.start(f)
	<-r.ready
	f.until("all channels", func() bool { return f.joined["#staff"] && f.joined["#general"] && f.joined["#support"] })
	orders := commandtest.Orders(s.deps.Commands, commandtest.Names{Member: "victim", Torrent: fmt.Sprint(added.Torrent), Class: "User"})
	for role, account := range speakers {
		for i, o := range orders {
			for target, place := range map[string]command.Place{"Hermes": command.Private, "#general": command.Channel, "#staff": command.Staff} {
				if place == command.Staff && !slices.Contains(inStaff, role) {
					continue
				}
				nick := fmt.Sprintf("%s%d%s", role, i, strings.TrimPrefix(target, "#"))
				actor := command.Guest(nick, audit.ViaIRC)
				if account != "" && role != "stranger" {
					actor = command.Of(s.member(account), audit.ViaIRC)
				}
				said := o.Ask(t.Context(), s.deps.Commands, actor, place)
				answer, code, rows := s.say(r, f, nick, account, target, o.Line())
				if code != core.CodeOf(said) || (rows == 1) != commandtest.Denied(said) || rows > 1 {
					t.Errorf("%s to %s: %s: %q and %d rows of a denial: %s\nthe engine says %q: %v", role, target, o.Line(), code, rows, answer, core.CodeOf(said), said)
				}
				want := core.SafeText(said)
				if role == "stranger" {
					want = "your IRC account stranger is no account of the site"
				}
				if commandtest.Denied(said) && answer != want {
					t.Errorf("%s to %s: %s: %q, want %q", role, target, o.Line(), answer, want)
				}
			}
		}
	}
}

// say lets somebody say a command. It returns the first line of the answer, its code, and
// how many rows about something that was denied were written meanwhile.
func (s *site) say(r *running, f *fakeIRC, nick, account, target, line string) (answer string, code core.Code, rows int) {
	s.t.Helper()
	s.clock.Add(2 * commandEvery) // so that nobody is too fast
	denials, codes := s.denials(), r.codes()
	if target != "Hermes" {
		line = mark + line
	}
	f.ask(nick, account, target, line, nick, true)
	f.until("an answer to "+nick, func() bool {
		for _, m := range f.said {
			text, here := strings.CutPrefix(m.text, nick+": ")
			if m.target == nick || m.target == target && here {
				answer = text
				return true
			}
		}
		return false
	})
	for label, count := range r.codes() {
		if count > codes[label] {
			code = core.Code(strings.TrimPrefix(label, "ok"))
		}
	}
	return answer, code, s.denials() - denials
}

// denials counts the rows of what somebody was denied.
func (s *site) denials() (n int) {
	s.t.Helper()
	s.must(s.db.QueryRowContext(s.t.Context(), "SELECT COUNT(*) FROM audit WHERE outcome = 'denied'").Scan(&n))
	return n
}

func (s *site) member(name string) member.Member {
	s.t.Helper()
	m, err := s.deps.Members.ByName(s.t.Context(), name)
	s.must(err)
	return m
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}
