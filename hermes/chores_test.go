package hermes

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestChores puts the network into a state, and expects exactly the lines that mend it.
func TestChores(t *testing.T) {
	t.Parallel()
	for _, tt := range choreTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, now := onForeign(tt.kind)
			s.since = *now
			modes := "beI,k,l,imMnOPQRstVz"
			if tt.kind == (inspircd{}) {
				modes = "b,k,l,Pimnprstu"
			}
			s.told(t, ":irc.test 005 Hermes CASEMAPPING=ascii PREFIX=(ov)@+ CHANMODES="+modes+" :are supported")
			for _, l := range tt.told {
				s.told(t, l)
				s.hears(t, l)
			}
			if tt.state != nil {
				tt.state(s, now)
			}
			var got []string
			for _, l := range s.chores(keptChannels) {
				got = append(got, strings.Join(l, " "))
			}
			slices.Sort(got)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := s.chores(keptChannels); len(again) > 0 {
				t.Errorf("asked for twice: %q", again)
			}
			*now = now.Add(againAfter + time.Second)
			want := slices.DeleteFunc(slices.Clone(tt.want), func(l string) bool { return l == awayNotice }) // said once
			if again := s.chores(keptChannels); len(again) < len(want) {
				t.Errorf("forgotten: %q", again)
			}
		})
	}
}

// keptChannels are those that the chores are about.
var keptChannels = []Channel{
	{Name: "#announce", Purpose: "Uploads", Modes: "+mntu", Speak: core.IRCAnnounce},
	{Name: "#general", Purpose: "Chat", Modes: "+nt", AutoJoin: true},
	{Name: "#staff", Purpose: "Secret", Modes: "+ntsk key", Join: core.IRCStaff},
	{Name: "#support", Purpose: "Help", Modes: "+nt", Guests: true},
}

const awayNotice = "NOTICE #general I have been away and don't know you any more. Please tell me within 10 minutes who you are, or you must leave: /msg Hermes IDENTIFY name key"

// where says that we are in a channel, with what the server has told of it.
func where(channel, modes, names, topic string) []string {
	return []string{":Hermes!h@h JOIN " + channel, ":irc.test 353 Hermes = " + channel + " :@Hermes " + names, ":irc.test 324 Hermes " + channel + " " + modes,
		":irc.test 332 Hermes " + channel + " :" + topic}
}

// choreTests are states of the network, each with what mends it.
var choreTests = []struct {
	name  string
	kind  kind
	told  []string
	state func(s *foreign, now *time.Time)
	want  []string
}{
	{"all is well", ngircd{}, where("#general", "+Pint", "", "Chat"), nil, nil},
	{"without status", ngircd{}, []string{":Hermes!h@h JOIN #general", ":irc.test 353 Hermes = #general :Hermes"}, nil, []string{"MODE #general +o Hermes"}},
	{"without status, InspIRCd", inspircd{}, append(where("#general", "+Pint", "", "Chat"), ":x!y@z MODE #general -o Hermes"), nil, []string{"SAMODE #general +o Hermes"}},
	{"modes unknown", ngircd{}, []string{":Hermes!h@h JOIN #general", ":irc.test 353 Hermes = #general :@Hermes"}, nil, []string{"MODE #general"}},
	{"modes lost", ngircd{}, where("#announce", "+n", "", "Uploads"), nil, []string{"MODE #announce +imtP"}},
	{"modes of others, no auditorium on ngIRCd", ngircd{}, where("#general", "+Pimntsl 5", "", "Chat"), nil, []string{"MODE #general -msl"}},
	{"auditorium", inspircd{}, where("#announce", "+Pimnt", "", "Uploads"), nil, []string{"SAMODE #announce +u"}},
	{"a key", ngircd{}, where("#staff", "+Pints", "", "Secret"), nil, []string{"MODE #staff +k key"}},
	{"a key of others", ngircd{}, where("#general", "+Pintk x", "", "Chat"), nil, []string{"MODE #general -k x"}},
	{"open to strangers", ngircd{}, where("#support", "+Pint", "stranger", "Help"), nil, []string{"MODE #support -i"}},
	{"a topic lost", ngircd{}, where("#general", "+Pint", "", ""), nil, []string{"TOPIC #general Chat"}},
	{"a topic of ours alone", ngircd{}, where("#general", "+Pint", "", "[Freeleech until 2026-03-02 12:00 UTC: x]"), nil, []string{"TOPIC #general Chat"}},
	{"a topic of staff's, not kept yet", ngircd{}, where("#general", "+Pint", "", "Something else"), nil, nil},

	{"a stranger among staff", ngircd{}, where("#staff", "+Pintsk key", "who", "Secret"), nil, []string{"KICK #staff who Tell me first who you are: /msg Hermes ENTER #staff name key"}},
	{"a stranger found in a channel for members", ngircd{}, where("#general", "+Pint", "who", "Chat"), nil, []string{awayNotice}},
	{"a stranger found in #announce", ngircd{}, where("#announce", "+Pimnt", "who", "Uploads"), nil, nil},
	{"a stranger found, for too long", ngircd{}, where("#general", "+Pint", "who", "Chat"),
		func(_ *foreign, now *time.Time) { *now = now.Add(strangerLimit) },
		[]string{"KICK #general who Tell me first who you are: /msg Hermes ENTER #general name key", awayNotice}},
	{"a stranger who came later", ngircd{}, append(where("#general", "+Pint", "", "Chat"), ":who!u@h JOIN #general"), nil,
		[]string{"KICK #general who Tell me first who you are: /msg Hermes ENTER #general name key"}},
	{"a stranger with a status", ngircd{}, where("#support", "+Pnt", "@+who", "Help"), nil, []string{"MODE #support -o who", "MODE #support -v who"}},
	{"a member", ngircd{}, where("#general", "+Pint", "ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect) }, nil},
	{"one who has voice", ngircd{}, where("#general", "+Pint", "ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect, core.IRCVoice) },
		[]string{"MODE #general +v ann"}},
	{"one who is operator", inspircd{}, where("#general", "+Pint", "ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect, core.IRCVoice, core.IRCOperate) },
		[]string{"SAMODE #general +o ann"}},
	{"one who was operator", ngircd{}, where("#general", "+Pint", "@ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect) },
		[]string{"MODE #general -o ann"}},
	{"nobody else speaks in #announce", ngircd{}, where("#announce", "+Pimnt", "@ann", "Uploads"),
		func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect, core.IRCOperate) }, []string{"MODE #announce -o ann"}},
	{"no longer staff", ngircd{}, where("#staff", "+Pintsk key", "ann", "Secret"), func(s *foreign, _ *time.Time) { s.as(false, core.IRCConnect) },
		[]string{"KICK #staff ann Your class may not be here"}},
	{"disabled", ngircd{}, where("#general", "+Pint", "ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(true, core.IRCConnect) },
		[]string{"KILL ann Your account is disabled: shared the key"}},
	{"disabled, and we are no operator", ngircd{}, append(where("#general", "+Pint", "", "Chat"), ":ann!u@host.a JOIN #general"),
		func(s *foreign, _ *time.Time) { s.oper = false; s.as(true, core.IRCConnect) },
		[]string{"KICK #general ann Your account is disabled: shared the key", "MODE #general +b *!*@host.a"}},
	{"may not use IRC", inspircd{}, where("#general", "+Pint", "ann", "Chat"), func(s *foreign, _ *time.Time) { s.as(false) },
		[]string{"KILL ann Your class may not use IRC"}},
	{"a look-alike", ngircd{}, where("#support", "+Pnt", "H3rmes_", "Help"), nil, []string{"KILL H3rmes_ This nick is reserved"}},
	{"a channel of others", ngircd{}, where("#elsewhere", "+i", "@who", "x"), nil, nil},
}
