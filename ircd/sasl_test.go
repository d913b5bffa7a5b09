package ircd

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/ergochat/irc-go/ircutils"
	"github.com/xdg-go/scram"

	"github.com/caduceus-bio/caduceus/internal/member"
)

func TestParsePlain(t *testing.T) {
	for in, ok := range map[string]bool{
		"\x00a\x00k": true, "a\x00a\x00k": true, "A\x00a\x00": true,
		"": false, "a": false, "\x00\x00k": false, "b\x00a\x00k": false, "\x00a\x00k\x00": false,
	} {
		if _, _, got := parsePlain([]byte(in)); got != ok {
			t.Errorf("%q: %v", in, got)
		}
	}
}

// negotiate asks for SASL and begins an exchange.
func (p *peer) negotiate(mechanism string) {
	p.t.Helper()
	p.send("CAP LS 302", "CAP REQ sasl", "AUTHENTICATE "+mechanism)
	p.expect("AUTHENTICATE +")
}

// challenge waits for what the server says in an exchange; ok is false when it
// ends it with a failure instead, which is returned.
func (p *peer) challenge() (text string, ok bool) {
	p.t.Helper()
	var buffer ircutils.SASLBuffer
	for {
		l, err := p.read()
		if err != nil {
			p.t.Fatalf("%s waits for a challenge: %v", p.name, err)
		}
		if strings.Contains(l, " 904 ") {
			return l, false
		}
		part, is := strings.CutPrefix(l, "AUTHENTICATE ")
		if !is {
			continue
		}
		if done, out, err := buffer.Add(part); err != nil || done {
			if err != nil {
				p.t.Fatal(err)
			}
			return string(out), true
		}
	}
}

func (p *peer) answer(text string) {
	p.t.Helper()
	for _, chunk := range ircutils.EncodeSASLResponse([]byte(text)) {
		p.send("AUTHENTICATE " + chunk)
	}
}

// scram logs in by SCRAM-SHA-256 and returns the salt, and "" or the failure.
func (p *peer) scram(name, key, authzid string) (salt, failure string) {
	p.t.Helper()
	c, err := scram.SHA256.NewClient(name, key, authzid)
	if err != nil {
		p.t.Fatal(err)
	}
	talk := c.NewConversation()
	say := func(challenge string) {
		p.t.Helper()
		text, err := talk.Step(challenge)
		if err != nil {
			p.t.Fatalf("%s: the client refuses %q: %v", p.name, challenge, err)
		}
		p.answer(text)
	}
	say("")
	first, ok := p.challenge()
	if !ok {
		return "", first
	}
	_, rest, _ := strings.Cut(first, ",s=")
	salt, _, _ = strings.Cut(rest, ",")
	say(first)
	final, ok := p.challenge()
	if !ok {
		return salt, final
	}
	say(final) // checks the server's proof, and sends the empty response
	if !talk.Valid() {
		p.t.Errorf("%s: the server's proof is wrong", p.name)
	}
	return salt, ""
}

func TestScram(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		made, err := s.members.Create(t.Context(), member.New{Name: "Alice"})
		must(t, err)
		h := &house{Room: s.Room}
		begin := func(name string) *peer {
			p := h.dial(t, name)
			p.negotiate("scram-sha-256")
			return p
		}

		p := begin("right")
		salt, failure := p.scram("alice", made.IRCKey, "ALICE")
		if failure != "" {
			t.Fatal(failure)
		}
		p.expect("* 900 * *!alice@* Alice *")
		p.expect("* 903 *")

		p = begin("wrong")
		again, failure := p.scram("ALICE", "guess", "")
		if !strings.HasSuffix(failure, "name or IRC key is wrong") || again != salt {
			t.Errorf("a wrong key: %q, salt %s then %s", failure, salt, again)
		}

		// The answers don't tell whether an account exists.
		p = begin("nobody")
		one, failure := p.scram("nobody", "guess", "")
		p.send("AUTHENTICATE SCRAM-SHA-256")
		p.expect("AUTHENTICATE +")
		two, second := p.scram("Nobody", "guess", "")
		if !strings.HasSuffix(failure, "name or IRC key is wrong") || second != failure || one != two || one == salt || len(one) != len(salt) {
			t.Errorf("a name that nobody has: %q with salt %q, then %q with %q", failure, one, second, two)
		}

		p = begin("another")
		if _, failure = p.scram("alice", made.IRCKey, "mod"); !strings.Contains(failure, "nobody may act for another") {
			t.Errorf("in another's name: %q", failure)
		}
		p.send("AUTHENTICATE SCRAM-SHA-256")
		p.expect("AUTHENTICATE +")
		p.answer("p=tls-unique,,n=alice,r=abc")
		if l, ok := p.challenge(); ok || !strings.Contains(l, "wants channel binding") {
			t.Errorf("with channel binding: %q", l)
		}

		// A key that is replaced in the middle of an exchange is refused.
		p = begin("late")
		c, err := scram.SHA256.NewClient("alice", made.IRCKey, "")
		must(t, err)
		talk := c.NewConversation()
		said := ""
		for range 2 {
			text, err := talk.Step(said)
			must(t, err)
			p.answer(text)
			said, _ = p.challenge()
		}
		_, err = s.members.NewIRCKey(t.Context(), made.Member.ID)
		must(t, err)
		p.send("AUTHENTICATE +")
		p.expect("* 904 * :*name or IRC key is wrong")
	})
}

var errTest = errors.New("secret detail")

func TestScramWhenTheSiteCantBeAsked(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	h.people.fail(errTest)
	p := h.dial(t, "x")
	p.negotiate("SCRAM-SHA-256")
	p.answer("n,,n=alice,r=abc")
	if l, ok := p.challenge(); ok || !strings.HasSuffix(l, "logins can't be checked at the moment, try again in a minute") {
		t.Errorf("got %q", l)
	}
	h.talk(t, `
		y > CAP REQ sasl
		y > AUTHENTICATE SCRAM-SHA-256
		y < AUTHENTICATE +
		y > AUTHENTICATE `+base64.StdEncoding.EncodeToString([]byte("n,,r=abc"))+`
		y = :irc.test 904 * :*not in the form of SCRAM-SHA-256*`)
}
