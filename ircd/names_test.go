package ircd

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/member"
)

func TestLooksOfficial(t *testing.T) {
	for _, nick := range []string{"Hermes", "hermes", "HERMES", "H3rmes", "Herme5", "Hermes_", "_Hermes_", "Hermes9", "Hermess", "Herrnes",
		"|hermes|", "[Hermes]", "NickServ", "N1ckServ", "nlckserv", "chanserv", "Hermes|", "H3RM35"} {
		if !member.LooksOfficial(nick) {
			t.Errorf("%s is free to take", nick)
		}
	}
	for _, nick := range []string{"alice", "hermione", "thermes2x", "her", "nick", "serv", "Guest1"} {
		if member.LooksOfficial(nick) {
			t.Errorf("%s is reserved", nick)
		}
	}
}

func TestNicksOfAnAccount(t *testing.T) {
	for nick, want := range map[string]bool{"bob": true, "BOB": true, "bob|x": true, "bob_": true, "bob-away": true, "bob[lab]": true, "bob`": true,
		"bobby": false, "bo": false, "xbob": false, "bob2": false, "": false} {
		if variationOf(nick, "bob") != want {
			t.Errorf("%q: %v", nick, !want)
		}
	}
	for nick, want := range map[string][]string{"bob": {"bob"}, "bob|x": {"bob"}, "bob_": {"bob_", "bob"}, "_bob_x": {"_bob_x", "bob_x"},
		"[bob]": {"bob"}, "^^": nil, "bob-away": {"bob"}} {
		if diff := cmp.Diff(want, basesOf(nick)); diff != "" {
			t.Errorf("%q: %s", nick, diff)
		}
	}
	for nick, want := range map[string]bool{"bob": true, "9to5": true, "-b": false, "a b": false, "é": false, "": false, "[x]": true,
		strings.Repeat("a", maxNick): true, strings.Repeat("a", maxNick+1): false} {
		if validNick(nick) != want {
			t.Errorf("%q: %v", nick, !want)
		}
	}
}

func TestSlugsAndUserNames(t *testing.T) {
	for in, want := range map[string]string{"Power User": "power-user", "First-line Support": "first-line-support", "Élan": "lan", "": "x", "!!": "x",
		"a very long name of a class indeed": "a-very-long-name-of-a-cl"} {
		if got := slug(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[string]string{"Jane Doe": "JaneDoe", "a@b!c": "abc", "": "user", ".x": "x", "\x03": "user"} {
		if got := userName(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestBanMasks(t *testing.T) {
	for in, want := range map[string]string{"bob": "bob!*@*", "bob!x": "bob!x@*", "a@h": "*!a@h", "a!b@c": "a!b@c", "@h": "*!*@h", "!": "*!*@*", "": "*!*@*"} {
		if got := completeMask(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func TestLineIsEncodedOnceForEachForm(t *testing.T) {
	l := &line{source: "a!b@c", command: "PRIVMSG", params: []string{"#x", "hi"}, at: time.UnixMilli(1_800_000_000_007), account: "a",
		tags: map[string]string{"+typing": "active", "+draft/x": "a b;c"}, bot: true}
	for caps, want := range map[capSet]string{
		0:                               ":a!b@c PRIVMSG #x :hi\r\n",
		capEchoMessage | capAwayNotify:  ":a!b@c PRIVMSG #x :hi\r\n",
		capServerTime:                   "@time=2027-01-15T08:00:00.007Z :a!b@c PRIVMSG #x :hi\r\n",
		capServerTime | capAccountTag:   "@time=2027-01-15T08:00:00.007Z;account=a :a!b@c PRIVMSG #x :hi\r\n",
		capMessageTags:                  `@bot;+draft/x=a\sb\:c;+typing=active :a!b@c PRIVMSG #x :hi` + "\r\n",
		capMessageTags | capMultiPrefix: `@bot;+draft/x=a\sb\:c;+typing=active :a!b@c PRIVMSG #x :hi` + "\r\n",
	} {
		first, second := l.bytes(caps), l.bytes(caps)
		if string(first) != want {
			t.Errorf("caps %b: %q", caps, first)
		}
		if &first[0] != &second[0] {
			t.Errorf("caps %b: encoded twice", caps)
		}
	}
	plain, same := l.bytes(0), l.bytes(capEchoMessage)
	if &plain[0] != &same[0] {
		t.Error("a capability that doesn't matter made another encoding")
	}
}

func TestParametersCantBreakALine(t *testing.T) {
	l := &line{source: "s", command: "401", params: []string{"a b", "", ":c", "x\r\nQUIT\x00", "the end\r\nERROR"}}
	if got, want := string(l.bytes(0)), ":s 401 a_b * _c x__QUIT :the end  ERROR\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l = &line{source: "s", command: "NOTICE", params: []string{"a", strings.Repeat("é", 400)}}
	if got := l.bytes(0); len(got) > maxLine || !strings.HasSuffix(string(got), "é\r\n") {
		t.Errorf("cut to %d bytes: %q", len(got), got)
	}
}
