package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lrstanley/girc"
)

// overTLS lets the network listen for TLS too, and returns where.
func overTLS(addr *string) func(*house) {
	return func(h *house) {
		name, port, err := net.SplitHostPort(h.irc)
		if err != nil {
			h.t.Fatal(err)
		}
		*addr = net.JoinHostPort(name, strconv.Itoa(must[int](h.t)(strconv.Atoi(port))+12))
		for _, process := range []string{"serve", "ircd"} {
			h.env[process] = append(h.env[process], "CADUCEUS_IRC_LISTEN_TLS="+*addr)
		}
	}
}

// ircCertificate is the one that the network made for itself.
func (h *house) ircCertificate() *x509.Certificate {
	h.t.Helper()
	raw := must[[]byte](h.t)(os.ReadFile(filepath.Join(h.dir, "var", "irc", "certificate.pem")))
	block, _ := pem.Decode(raw)
	return must[*x509.Certificate](h.t)(x509.ParseCertificate(block.Bytes))
}

// dialTLS connects to the network and trusts its certificate alone.
func (h *house) dialTLS(addr string) net.Conn {
	h.t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.ircCertificate())
	return must[*tls.Conn](h.t)(tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", addr, &tls.Config{RootCAs: roots, ServerName: "irc.localhost"}))
}

// bot is a member's program on girc.
type bot struct {
	h     *house
	name  string
	girc  *girc.Client
	heard chan string   // lines, without tags
	ended chan struct{} // closed when the connection has
}

// robot logs in with SASL over a connection. It asks for caps in addition to those
// that girc asks for.
func (a *account) robot(conn net.Conn, caps ...string) *bot {
	a.h.t.Helper()
	b := &bot{h: a.h, name: a.name, heard: make(chan string, 10_000), ended: make(chan struct{})}
	b.girc = girc.New(girc.Config{Server: "ours", Port: 1, Nick: a.name, User: a.name, SASL: &girc.SASLPlain{User: a.name, Pass: a.ircKey}, AllowFlood: true,
		SupportedCaps: map[string][]string{}})
	for _, name := range caps {
		b.girc.Config.SupportedCaps[name] = nil
	}
	b.girc.Handlers.Add(girc.ALL_EVENTS, func(_ *girc.Client, e girc.Event) {
		e.Tags = nil
		select {
		case b.heard <- e.String():
		default: // the test looks for what it waits for, and that comes early
		}
	})
	go func() {
		defer close(b.ended)
		_ = b.girc.DialerConnect(opened{conn}) // how it ended shows in what it heard
	}()
	a.h.t.Cleanup(func() {
		_ = conn.Close() // girc's Close would leave its reader waiting
		<-b.ended
	})
	return b
}

// hears waits for a line.
func (b *bot) hears(pattern string) {
	b.h.t.Helper()
	re := regexp.MustCompile(pattern)
	var said []string
	deadline := time.After(patience)
	for {
		select {
		case line := <-b.heard:
			if re.MatchString(line) {
				return
			}
			said = append(said, line)
		case <-deadline:
			b.h.t.Fatalf("%s waits for %q and heard\n%s", b.name, pattern, strings.Join(said, "\n"))
		}
	}
}

// raw sends a line as it is.
func (b *bot) raw(line string) {
	b.h.t.Helper()
	if err := b.girc.Cmd.SendRaw(line); err != nil {
		b.h.t.Fatalf("%s sends %q: %v", b.name, line, err)
	}
}

// TestIRCOutlivesAnEnd stops the program as systemd does, and as a crash would, and wants
// everything back: topic, modes, bans, who is kept out, and what was said.
func TestIRCOutlivesAnEnd(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{onSQLite, onMariaDB} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := build(t, s)
			boss := h.member("boss", "Sysop")
			connect := func() *bot {
				b := boss.robot(must[net.Conn](t)(net.DialTimeout("tcp", h.irc, patience)), "draft/chathistory", "echo-message", "batch")
				b.hears(`^:boss!\S+ JOIN (:?)#general`)
				return b
			}
			b := connect()
			for round, how := range []string{"a crash", "a clean end"} {
				word := strconv.Itoa(round)
				b.raw("TOPIC #general :topic " + word)
				b.hears(`^:boss!\S+ TOPIC #general :topic ` + word)
				b.raw("MODE #general +lb " + strconv.Itoa(70+round) + " bad" + word)
				b.hears(`^:boss!\S+ MODE #general \+lb`)
				h.do("kline", "add", "evil"+word+"@*.example.org", "for the test")
				for i := range 30 {
					b.raw(fmt.Sprintf("PRIVMSG #general :line %d of %s", i, word))
				}
				b.hears(`^:boss!\S+ PRIVMSG #general :line 29 of ` + word)
				if how == "a crash" {
					// What was said in its last quarter of a second may be lost with
					// it. A client that asks for history waits until everything is
					// written.
					b.raw("CHATHISTORY LATEST #general * 1")
					b.hears(`^:boss!\S+ PRIVMSG #general :line 29 of ` + word)
					h.kill("serve")
				} else {
					h.procs["serve"].stop(t, syscall.SIGTERM)
					b.hears(`^ERROR :?Closing link: The server is restarting, please come back`)
				}
				<-b.ended
				h.open("serve")
				b = connect()
				b.raw("TOPIC #general")
				b.hears(` 332 boss #general :topic ` + word)
				b.raw("MODE #general")
				b.hears(` 324 boss #general \+\w*l\w* ` + strconv.Itoa(70+round))
				b.raw("MODE #general b")
				b.hears(` 367 boss #general bad` + word + `!\*@\*`)
				b.raw("CHATHISTORY LATEST #general * 30")
				for i := range 30 {
					b.hears(fmt.Sprintf(`^:boss!\S+ PRIVMSG #general :line %d of %s$`, i, word))
				}
				if said := h.do("kline", "list"); !strings.Contains(said, "evil"+word) {
					t.Errorf("after %s the line is gone: %s", how, said)
				}
			}
		})
	}
}

// TestRealIRCClients lets irssi, WeeChat and a bot on girc do what members do: log in over
// TLS with SASL, be in the channels of their class, talk, see who is away and who logs
// in, and find and fetch what was said while they were gone.
func TestRealIRCClients(t *testing.T) {
	t.Parallel()
	var addr string
	h := build(t, onSQLite, overTLS(&addr))
	h.do("channel", "create", "#power", "For those who seed")
	h.do("channel", "set", "#power", "join", "Power User")
	h.do("channel", "set", "#power", "autojoin", "on")
	ann, ben, carl, dora := h.member("ann", "Power User"), h.member("ben", "User"), h.member("carl", "User"), h.member("dora", "User")
	_, port, _ := net.SplitHostPort(addr)
	fingerprint := sha256.Sum256(h.ircCertificate().Raw)

	bot := carl.robot(h.dialTLS(addr))
	bot.hears(`^:carl!.* JOIN (:?)#general`)
	irssi := ann.irssi(port, fingerprint[:], ann.byKey())
	bot.hears(`^:ann!ann@\d+\.power-user\.biotest JOIN #general ann `)
	weechat := ben.weechat(port, fingerprint[:], ben.byKey())
	bot.hears(`^:ben!ben@\d+\.user\.biotest JOIN #general ben `)

	t.Log("they talk")
	both := []*chatClient{irssi, weechat}
	for _, c := range both {
		c.goTo("#general")
	}
	irssi.say("hello from irssi")
	bot.hears(`^:ann!\S+ PRIVMSG #general :hello from irssi$`)
	weechat.sees(`ann\S* +. hello from irssi`)
	weechat.say("hello from WeeChat")
	bot.hears(`^:ben!\S+ PRIVMSG #general :hello from WeeChat$`)
	irssi.sees(`ben> hello from WeeChat`)
	bot.girc.Cmd.Message("#general", "hello from girc")
	irssi.sees(`carl> hello from girc`)
	weechat.sees(`carl\S* +. hello from girc`)

	t.Log("each is in the channels of the class")
	irssi.goTo("#power")
	irssi.sees("For those who seed")
	weechat.goHome()
	weechat.seesAfter("/join #power", "#power: Cannot join channel")
	h.do("member", "class", "ben", "Power User")
	weechat.goTo("#power")
	weechat.sees("For those who seed")

	seeWhoIsAway(bot, irssi, weechat)
	seeWhoLogsIn(h.dialTLS(addr), dora, irssi, weechat)
	missAndFetch(bot, irssi, weechat)

	t.Log("who is disabled is gone, from all connections, and stays so")
	second := ben.robot(h.dialTLS(addr))
	second.hears(`JOIN #general`)
	h.do("member", "disable", "ben", "for", "the", "test")
	weechat.goHome()
	weechat.sees("Your account is disabled: for the test")
	second.hears(`^ERROR :?Closing link: Your account is disabled: for the test`)
	bot.hears(`^:ben!\S+ QUIT `)
	weechat.seesAfter("/connect site", "(?i)your account is disabled: for the test[^$]*your account is disabled: for the test")
}

func seeWhoIsAway(bot *bot, irssi, weechat *chatClient) {
	bot.h.t.Helper()
	bot.h.t.Log("they see who is away")
	for _, c := range []*chatClient{irssi, weechat} {
		c.goTo("#general")
	}
	const grey = `\x1b\[(\d+;)*36m` // WeeChat's colour of those who are away, in its list of nicks
	irssi.say("/away out for lunch")
	bot.hears(`^:ann!\S+ AWAY :?out for lunch$`)
	weechat.seesColoured(grey + `ann`)
	irssi.say("/away")
	bot.hears(`^:ann!\S+ AWAY$`)
	weechat.say("/away -all in a meeting")
	bot.hears(`^:ben!\S+ AWAY :?in a meeting$`)
	irssi.goHome()
	irssi.seesAfter("/whois ben", `away +: in a meeting`)
	weechat.say("/away -all")
	bot.hears(`^:ben!\S+ AWAY$`)
}

func seeWhoLogsIn(guest net.Conn, who *account, irssi, weechat *chatClient) {
	t := who.h.t
	t.Helper()
	t.Log("they see a guest log in")
	go func() { _, _ = io.Copy(io.Discard, guest) }() // ends with the connection
	t.Cleanup(func() { _ = guest.Close() })
	say := func(line string) {
		t.Helper()
		if _, err := fmt.Fprintf(guest, "%s\r\n", line); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []*chatClient{irssi, weechat} {
		c.say("/join #support")
		c.goTo("#support")
		c.sees("Ask here when something")
	}
	say("NICK visitor")
	say("USER visitor 0 * :A visitor")
	say("JOIN #support")
	irssi.sees(`visitor\|guest \[\S+ has joined #support`)
	weechat.sees(`visitor\|guest .*has joined #support`)
	say("PRIVMSG NickServ :IDENTIFY " + who.name + " " + who.ircKey)
	irssi.sees(`visitor\|guest \[.*has logged in to account ` + who.name)
	weechat.sees(`visitor\|guest has identified as ` + who.name)
	for _, c := range []*chatClient{irssi, weechat} {
		c.sees(`visitor\|guest is now known as ` + who.name)
	}
}

func missAndFetch(bot *bot, irssi, weechat *chatClient) {
	bot.h.t.Helper()
	bot.h.t.Log("they are shown what they missed, and fetch more")
	for _, c := range []*chatClient{irssi, weechat} {
		c.quit()
	}
	bot.hears(`^:ann!\S+ QUIT `)
	bot.hears(`^:ben!\S+ QUIT `)
	bot.girc.Cmd.Message("#general", "said while they were gone")
	for _, c := range []*chatClient{irssi, weechat} {
		c.again()
		c.goTo("#general")
		c.sees("said while they were gone")
		c.say(c.clear)
		c.say("/quote CAP REQ :batch draft/chathistory")
		c.seesAfter("/quote CHATHISTORY LATEST #general * 10", `hello from irssi[^$]*hello from WeeChat[^$]*hello from girc[^$]*said while they were gone`)
	}
}
