package ircd

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// withTLS gives the site a TLS port, and returns a function that dials it with or without
// a client certificate.
func (s *site) withTLS(t *testing.T) (dial func(name string, cert *tls.Certificate) *peer) {
	t.Helper()
	c := testConfig()
	c.ListenTLS = "127.0.0.1:0"
	s.Room = New(c, s.deps)
	run(t, s.Room)
	return func(name string, cert *tls.Certificate) *peer {
		t.Helper()
		addr, _ := s.Addrs()
		raw, err := net.Dial("tcp", addr)
		must(t, err)
		config := &tls.Config{InsecureSkipVerify: true} // the test's own server
		if cert != nil {
			config.Certificates = []tls.Certificate{*cert}
		}
		return newPeer(t, name, tls.Client(raw, config))
	}
}

// clientCertificate makes one, and returns it with its fingerprint.
func clientCertificate(t *testing.T) (*tls.Certificate, string) {
	t.Helper()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	cert, _, err := conn.LoadCertificate(certFile, keyFile, "client.test", time.Now())
	must(t, err)
	return &cert, conn.Fingerprint(cert)
}

func (p *peer) register(nick string) {
	p.t.Helper()
	p.send("NICK "+nick, "USER u 0 * :"+nick, "CAP END")
	p.expect("* 001 " + nick + " *")
	p.sync()
	p.pending = nil
}

func TestExternal(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		dial := s.withTLS(t)
		cert, shown := clientCertificate(t)
		alice, err := s.members.Create(t.Context(), member.New{Name: "alice"})
		must(t, err)
		bob, err := s.members.Create(t.Context(), member.New{Name: "bob"})
		must(t, err)
		officer, err := s.members.Create(t.Context(), member.New{Name: "officer", Class: "Moderator"})
		must(t, err)

		// It is offered only to a client that has shown a certificate.
		p := dial("without", nil)
		p.send("CAP LS 302", "CAP REQ sasl", "AUTHENTICATE EXTERNAL")
		p.expect("* CAP * LS :*sasl=PLAIN,SCRAM-SHA-256 *")
		p.expect("* 908 * PLAIN,SCRAM-SHA-256 *")
		p.expect("* 904 *")

		p = dial("unknown", cert)
		p.send("CAP LS 302", "CAP REQ sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
		p.expect("* CAP * LS :*sasl=PLAIN,EXTERNAL,SCRAM-SHA-256 *")
		p.expect("AUTHENTICATE +")
		p.expect("* 904 * :*no account of yours knows this certificate")

		_, err = s.members.AddCertificate(t.Context(), alice.Member.ID, shown, "test")
		must(t, err)
		p = dial("wrong", cert)
		p.negotiate("EXTERNAL")
		p.answer("bob")
		p.expect("* 904 * :*no account of yours knows this certificate")
		p.send("AUTHENTICATE EXTERNAL")
		p.expect("AUTHENTICATE +")
		p.answer("a b")
		p.expect("* 904 * :*nobody has such a name")

		p = dial("named", cert)
		p.negotiate("external")
		p.answer("ALICE")
		p.expect("* 900 * *!alice@* alice *")
		p.expect("* 903 *")
		p.register("alice")
		again := dial("alice", cert)
		again.negotiate("EXTERNAL")
		again.send("AUTHENTICATE +")
		again.expect("* 903 *")
		again.register("alice")
		// The security log knows that it was by no IRC key.
		log, err := s.members.Security().Page(t.Context(), alice.Member.ID, 0, 1)
		must(t, err)
		keys, err := s.members.Security().Keys(t.Context(), alice.Member.ID)
		must(t, err)
		if len(log) != 1 || log[0].Kind != security.LoggedIn || log[0].Detail != security.ByCertificate || !keys.IRCUsed.IsZero() {
			t.Errorf("in the security log: %+v; the IRC key was used: %v", log, keys.IRCUsed)
		}

		// Members see their own fingerprint, and staff see all.
		again.send("WHOIS alice")
		again.expect("* 276 alice alice :has client certificate fingerprint " + shown)
		staff, other := s.connect(t, "officer", officer.IRCKey), s.connect(t, "bob", bob.IRCKey)
		for _, by := range []*peer{staff, other} {
			by.pending = nil
			by.send("WHOIS alice")
			by.sync()
		}
		other.none("* 276 *")
		staff.expect("* 276 officer alice :has client certificate fingerprint " + shown)

		// A certificate that is removed lets nobody in, and the connections made with it end.
		_, err = s.members.RemoveCertificate(t.Context(), alice.Member.ID, shown)
		must(t, err)
		for _, gone := range []*peer{p, again} {
			if last := gone.ended(); last != "ERROR :Closing link: The certificate was removed from your account" {
				t.Errorf("%s ends with %q", gone.name, last)
			}
		}
		p = dial("late", cert)
		p.negotiate("EXTERNAL")
		p.send("AUTHENTICATE +")
		p.expect("* 904 *")
	})
}

// TestCertificateOfTheConnection completes what members say to the bot.
func TestCertificateOfTheConnection(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.ListenTLS = "127.0.0.1:0" })
	cert, shown := clientCertificate(t)
	bot := h.join(t, "Hermes")
	addr, _ := h.Addrs()
	raw, err := net.Dial("tcp", addr)
	must(t, err)
	alice := newPeer(t, "alice", tls.Client(raw, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{*cert}}))
	joinBy(t, h, alice)
	for said, heard := range map[string]string{
		"certfp add":                  "certfp add " + shown,
		"!CERTFP  ADD --label laptop": "!CERTFP ADD " + shown + " --label laptop",
		"certfp add 00":               "certfp add 00",
		"certfp list":                 "certfp list",
		"certfp  addend":              "certfp  addend",
	} {
		alice.send("PRIVMSG hermes :" + said)
		bot.expect(":alice!* PRIVMSG Hermes :" + heard)
	}
	plain := h.join(t, "bob")
	plain.send("PRIVMSG Hermes :certfp add")
	bot.expect(":bob!* PRIVMSG Hermes :certfp add")
}

// TestNicksThatMembersRegister follows nicks on the site into the network.
func TestNicksThatMembersRegister(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, id, key := s.login(t, "alice", "User")
		bob, _, _ := s.login(t, "bob", "User")
		h := &house{Room: s.Room}

		alice.send("NICK ally")
		alice.expect("* 432 alice ally :your nick is your site name*")
		must(t, s.members.AddNick(t.Context(), id, "Ally", 2))
		for _, nick := range []string{"ally", "ALLY|away"} {
			bob.send("NICK " + nick)
			bob.expect("* 432 bob " + nick + " :your nick is your site name*")
		}
		alice.send("NICK ally|lab")
		alice.expect(":alice!alice@* NICK ally|lab")
		alice.send("NICK Ally")
		alice.expect(":ally|lab!alice@* NICK Ally")
		second := h.dial(t, "second")
		second.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain("alice", key))
		second.register("Ally")
		second.send("PRIVMSG bob :from the second")
		bob.expect(":Ally!alice@* PRIVMSG bob :from the second")

		must(t, s.members.RemoveNick(t.Context(), id, "ally"))
		alice.expect(":Ally!alice@* NICK alice")
		alice.send("NICK ally")
		alice.expect("* 432 alice ally :your nick is your site name*")

		// A member who connects again gets the nick asked for.
		must(t, s.members.AddNick(t.Context(), id, "wonder", 2))
		alice.send("QUIT")
		second.send("QUIT")
		alice.ended()
		second.ended()
		third := h.dial(t, "third")
		third.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain("alice", key))
		third.register("wonder")
	})
}
