package ircd

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// msgid takes the msgid out of a line.
func msgid(t *testing.T, line string) string {
	t.Helper()
	_, rest, ok := strings.Cut(line, "msgid=")
	id, _, _ := strings.Cut(rest, " ")
	id, _, _ = strings.Cut(id, ";")
	if !ok || id == "" {
		t.Fatalf("there is no msgid in %q", line)
	}
	return id
}

// hear reads until a line fits the pattern, and returns it.
func (p *peer) hear(pattern string) string {
	p.t.Helper()
	for {
		var l string
		if len(p.pending) > 0 {
			l, p.pending = p.pending[0], p.pending[1:]
		} else {
			var err error
			if l, err = p.read(); err != nil {
				p.t.Fatalf("%s waits for %q: %v", p.name, pattern, err)
			}
		}
		if like(pattern, l) {
			return l
		}
	}
}

// TestAnswersReachTheConnectionThatAsked asks the bot by one of several connections.
func TestAnswersReachTheConnectionThatAsked(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	bot := h.join(t, "Hermes", "message-tags")
	bob, second, alice := h.join(t, "bob", "echo-message"), h.join(t, "bob/2"), h.join(t, "alice", "message-tags")
	quiet := func(peers ...*peer) {
		t.Helper()
		for range 2 {
			for _, p := range peers {
				p.sync()
			}
		}
		for _, p := range peers {
			p.none("*answer*")
		}
	}

	for _, target := range []string{"Hermes", "#general"} {
		second.send("PRIVMSG " + target + " :!stats")
		id := msgid(t, bot.hear("*:bob!* PRIVMSG "+target+" :!stats"))
		bot.send("@+draft/reply="+id+" PRIVMSG bob :the answer", "@+draft/reply="+id+" NOTICE bob :and more answer")
		second.expect(":Hermes!* PRIVMSG bob :the answer")
		second.expect(":Hermes!* NOTICE bob :and more answer")
		quiet(bob, alice, second)
	}
	// What answers nothing is for all connections.
	bot.send("PRIVMSG bob :for all")
	bob.expect(":Hermes!* PRIVMSG bob :for all")
	second.expect(":Hermes!* PRIVMSG bob :for all")

	// Members answer each other as they like.
	bob.send("PRIVMSG alice :question")
	id := msgid(t, alice.hear("*:bob!* PRIVMSG alice :question"))
	alice.send("@+draft/reply=" + id + " PRIVMSG bob :for both")
	bob.expect(":alice!* PRIVMSG bob :for both")
	second.expect(":alice!* PRIVMSG bob :for both")

	// Nobody gets what was for a connection that has ended, or for somebody else.
	second.send("PRIVMSG Hermes :!stats again")
	gone := msgid(t, bot.hear("*:bob!* PRIVMSG Hermes :!stats again"))
	second.send("QUIT")
	second.ended()
	bob.sync()
	for _, id := range []string{gone, id + "0", "nonsense", ""} {
		bot.send("@+draft/reply=" + id + " PRIVMSG bob :late answer")
		bot.expect("*:irc.test 401 Hermes bob :The connection that asked is gone")
	}
	quiet(bob)
}

// TestTheBotIsToldWhichAnswersAreSealed looks at the server's word on the connection, and
// makes sure that no client can say it.
func TestTheBotIsToldWhichAnswersAreSealed(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("gate"))
	h := open(t, func(c *Config) { c.WebIRCFrom, c.WebIRCHash = []string{"127.0.0.1/32"}, hex.EncodeToString(sum[:]) })
	bot, alice := h.join(t, "Hermes", "message-tags"), h.join(t, "alice", "message-tags")
	away := joinBy(t, h, h.dialRaw(t, "bob", "WEBIRC gate web host.example 192.0.2.7\r\n"), "message-tags")
	for _, target := range []string{"Hermes", "#general"} {
		alice.send("PRIVMSG " + target + " :from here")
		if l := bot.hear("*:alice!* PRIVMSG " + target + " :from here"); !strings.Contains(l, "caduceus.bio/secure=1") {
			t.Errorf("from this machine: %q", l)
		}
		away.send("@caduceus.bio/secure=1;+caduceus.bio/secure=1 PRIVMSG " + target + " :from elsewhere")
		if l := bot.hear("*:bob!* PRIVMSG " + target + " :from elsewhere"); strings.Contains(strings.ReplaceAll(l, "+caduceus.bio", ""), "caduceus.bio") {
			t.Errorf("in clear from elsewhere: %q", l)
		}
	}
	alice.send("PRIVMSG bob :hello")
	if l := away.hear("*:alice!* PRIVMSG bob :hello"); strings.Contains(l, "secure") {
		t.Errorf("a member is told: %q", l)
	}
}
