package ircd

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// line adds a line as staff do.
func (h *house) line(t *testing.T, kind irc.LineKind, mask string) {
	t.Helper()
	l, err := irc.NewLine(kind, mask, "spam", "mona", time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.shelf.AddLine(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	h.news.publish(eventlog.BansChanged{}, "{}")
}

// TestLinesHoldWhereverAnAddressBecomesKnown brings an address that is kept out by each way
// on which one can come, while the account is online from elsewhere.
func TestLinesHoldWhereverAnAddressBecomesKnown(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("gate"))
	h := open(t, func(c *Config) {
		c.WebIRCFrom, c.WebIRCHash, c.ProxyFrom = []string{"127.0.0.1/32"}, hex.EncodeToString(sum[:]), []string{"127.0.0.2/32"}
		c.MaxPerAddress = 2
	})
	alice := h.join(t, "alice")
	h.line(t, irc.DLine, "192.0.2.7")
	h.line(t, irc.KLine, "bob@192.0.2.8")
	const kept = "ERROR :Closing link: You are kept from this network: spam"
	for name, header := range map[string]string{
		"at once":       "WEBIRC gate web host.example 192.0.2.7\r\n",
		"mapped":        "WEBIRC gate web host.example 0::ffff:192.0.2.7\r\n",
		"with login":    "WEBIRC gate web host.example 192.0.2.7\r\nPASS alice:key-alice\r\nNICK alice\r\nUSER a 0 * :a\r\nCAP END\r\n",
		"user at host":  "WEBIRC gate web host.example 192.0.2.8\r\nPASS bob:key-bob\r\nNICK bob\r\nUSER a 0 * :a\r\n",
		"guest at host": "WEBIRC gate web host.example 192.0.2.8\r\nNICK guest\r\nUSER bob 0 * :a\r\n",
	} {
		if last := h.dialRaw(t, "x", header).ended(); last != kept {
			t.Errorf("%s: told %q", name, last)
		}
	}
	// The account is there already, by an address that nobody minds.
	bob := joinBy(t, h, h.dialRaw(t, "bob", "WEBIRC gate web host.example 192.0.2.9\r\n"))
	for name, rest := range map[string]string{
		"PASS":         "PASS bob:key-bob\r\nNICK bob\r\nUSER a 0 * :a\r\n",
		"SASL":         "CAP REQ sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE " + plain("bob", "key-bob") + "\r\nNICK bob\r\nUSER a 0 * :a\r\nCAP END\r\n",
		"login later":  "NICK guest\r\nUSER x 0 * :a\r\nNS IDENTIFY bob key-bob\r\n",
		"SASL later":   "NICK guest\r\nUSER x 0 * :a\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE " + plain("bob", "key-bob") + "\r\n",
		"by the bot":   "NICK guest\r\nUSER x 0 * :a\r\nPRIVMSG Hermes :ENTER #general bob key-bob\r\n",
		"another user": "PASS alice:key-alice\r\nNICK alice\r\nUSER a 0 * :a\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE " + plain("bob", "key-bob") + "\r\n",
	} {
		if last := h.dialRaw(t, "x", "WEBIRC gate web host.example 192.0.2.8\r\n"+rest).ended(); last != kept {
			t.Errorf("%s: told %q", name, last)
		}
	}
	// Limits by address hold in the same way.
	for range 2 {
		joinBy(t, h, h.dialRaw(t, "carol", "WEBIRC gate web host.example 192.0.2.11\r\n"))
	}
	if last := h.dialRaw(t, "x", "WEBIRC gate web host.example 192.0.2.11\r\n").ended(); last != "ERROR :Closing link: Too many connections from your address" {
		t.Errorf("a third: told %q", last)
	}
	for _, p := range []*peer{alice, bob} {
		p.sync()
	}
}

// TestLinesHoldWhenSomebodyIsCalledOtherwise changes what a line is compared with.
func TestLinesHoldWhenSomebodyIsCalledOtherwise(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.line(t, irc.KLine, "*@evil.example")
	h.line(t, irc.KLine, "officer@*")
	alice, boss, officer := h.join(t, "alice"), h.join(t, "boss"), h.join(t, "officer")
	officer.sync() // who could remove the line is not kept out
	boss.send("OPER boss key-boss")
	boss.expect("* 381 *")
	boss.send("CHGHOST alice evil.example")
	if last := alice.ended(); last != "ERROR :Closing link: You are kept from this network: spam" {
		t.Errorf("alice is told %q", last)
	}
	h.people.change(21, func(m *member.Member) { m.Permissions = core.NewPermissions(core.IRCConnect) })
	h.news.memberChanged(21)
	if last := officer.ended(); last != "ERROR :Closing link: You are kept from this network: spam" {
		t.Errorf("who is staff no longer is told %q", last)
	}
}

// TestBansFollowTheMember bans a member's host and then gives them another class.
func TestBansFollowTheMember(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	mod := h.join(t, "mod")
	promote := func(class string) {
		h.people.change(2, func(m *member.Member) { m.Class.Name = class })
		h.news.memberChanged(2)
	}
	for i, mask := range []string{"*!*@2.user.bio-test", "*!bob@2.user.*", "bob!*@2.us*.bio-test", "*!*@2.*", "2.user.bio-test"} {
		promote("User")
		bob := h.join(t, fmt.Sprintf("bob/%d", i))
		if mask == "2.user.bio-test" {
			mask = "*!*@" + mask
		}
		mod.send("MODE #general +b " + mask)
		bob.expect(":mod!* MODE #general +b " + mask)
		bob.send("PRIVMSG #general :banned")
		bob.expect("* 404 bob #general *")
		promote("Power User")
		bob.expect("* 396 bob 2.power-user.bio-test *")
		bob.send("PRIVMSG #general :still banned", "PART #general", "JOIN #general")
		bob.expect("* 404 bob #general *")
		bob.expect("* 474 bob #general *")
		mod.send("MODE #general -b " + mask)
		mod.expect(":mod!* MODE #general -b " + mask)
		bob.send("JOIN #general", "QUIT")
		bob.expect(":bob!* JOIN #general")
		bob.ended()
	}
	// A mask for all ids means the class, and another's id somebody else.
	promote("User")
	bob := h.join(t, "bob")
	mod.send("MODE #general +bb *!*@*.user.bio-test *!*@22.power-user.bio-test")
	bob.expect(":mod!* MODE #general +bb *")
	promote("Power User")
	bob.expect("* 396 *")
	bob.send("PRIVMSG #general :free")
	mod.expect(":bob!* PRIVMSG #general :free")
	// K-lines are compared in the same way, those by address as they are.
	h.line(t, irc.KLine, "*@2.0.113.9")
	bob.sync()
	h.line(t, irc.KLine, "*@2.user.bio-test")
	if last := bob.ended(); last != "ERROR :Closing link: You are kept from this network: spam" {
		t.Errorf("bob is told %q", last)
	}
}

func TestUnderClassOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ mask, host, want string }{
		{"*!*@2.user.net", "2.elite.net", "2.user.net"}, {"*@2.us*", "2.elite.net", "2.us*.net"}, {"*@2.*", "2.elite.net", "2.elite.net"},
		{"*@2.0.113.9", "2.elite.net", "2.elite.net"}, {"*@2.0.*", "2.elite.net", "2.elite.net"}, {"*@3.user.net", "2.elite.net", "2.elite.net"},
		{"*@?.user.net", "2.elite.net", "2.elite.net"}, {"nick!*", "2.elite.net", "2.elite.net"}, {"", "x", "x"},
	} {
		if got := underClassOf(tt.mask, tt.host); got != tt.want {
			t.Errorf("%q under %q is %q, want %q", tt.host, tt.mask, got, tt.want)
		}
	}
}
