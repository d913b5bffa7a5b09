package e2e

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/e2e/clients"
)

// ircNetwork is a network that Hermes is to work on.
type ircNetwork struct {
	name    string
	foreign bool
	// binary and file are the server and its configuration in deploy/; edits make
	// the file fit for a test: what is to be replaced, and by what, with PORT, DIR.
	binary, file string
	args         []string
	edits        []string
}

// ircNetworks are our own network and those for which deploy/ has a configuration.
// The test uses that configuration.
var ircNetworks = []ircNetwork{
	{name: "house"},
	{
		name: "inspircd", foreign: true, binary: "/usr/sbin/inspircd", file: "inspircd.conf", args: []string{"--nofork", "--runasroot", "--config=FILE"},
		edits: []string{
			`port="7000"`, `port="PORT"`, `address="*"`, `address="127.0.0.1"`, "/etc/inspircd/tls/", "DIR/", "/etc/inspircd/", "DIR/",
			"/var/lib/inspircd/", "DIR/", "/var/log/", "DIR/", "/run/inspircd/", "DIR/",
			"CHANGE-THIS-OPER-PASSWORD", operPassword, "CHANGE-THIS-KEY-TO-30-OR-MORE-RANDOM-CHARACTERS", strings.Repeat("random", 6),
		},
	},
	{
		name: "ngircd", foreign: true, binary: "/usr/sbin/ngircd", file: "ngircd.conf", args: []string{"--nodaemon", "--config", "FILE"},
		edits: []string{
			"Ports = 7000", "Ports = PORT", "Listen = ::,0.0.0.0", "Listen = 127.0.0.1", "/etc/ngircd/tls/", "DIR/", "/etc/ngircd/", "DIR/",
			"CHANGE-THIS-OPER-PASSWORD", operPassword, "CHANGE-THIS-SALT", "random",
		},
	},
}

const operPassword = "the-password-of-the-bot"

// ircServer is a foreign server that runs for a test.
type ircServer struct {
	t    *testing.T
	kind ircNetwork
	dir  string
	out  lines
	cmd  *exec.Cmd
}

// serveIRC starts the server on the port of h.irc and tells Hermes of it.
func (h *house) serveIRC(kind ircNetwork) *ircServer {
	h.t.Helper()
	// A folder that the server may still read after it has dropped root.
	dir, err := os.MkdirTemp("", "caduceus-irc-")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &ircServer{t: h.t, kind: kind, dir: dir}
	if err := os.Chmod(dir, 0o755); err != nil {
		h.t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(h.irc)
	if err != nil {
		h.t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join("..", "deploy", kind.name, kind.file))
	if err != nil {
		h.t.Fatal(err)
	}
	text := string(raw)
	for i := 0; i < len(kind.edits); i += 2 {
		if !strings.Contains(text, kind.edits[i]) {
			h.t.Fatalf("%s has no %q any more", kind.file, kind.edits[i])
		}
		by := strings.NewReplacer("PORT", port, "DIR", dir).Replace(kind.edits[i+1])
		text = strings.ReplaceAll(text, kind.edits[i], by)
	}
	fingerprint := s.certify()
	s.write(kind.file, text)
	s.write(kind.name+".motd", "Welcome\n")
	// AppArmor, where it watches the server, recognises it by the path of its binary.
	binary, err := os.ReadFile(kind.binary)
	if err != nil {
		h.t.Fatal(err)
	}
	s.write("ircd", string(binary))
	if err := os.Chmod(filepath.Join(dir, "ircd"), 0o755); err != nil {
		h.t.Fatal(err)
	}
	s.write("oper.password", operPassword+"\n")
	h.env["serve"] = append(h.env["serve"], "CADUCEUS_HERMES_NETWORK="+kind.name, "CADUCEUS_HERMES_TLS=true", "CADUCEUS_HERMES_FINGERPRINT="+fingerprint,
		"CADUCEUS_HERMES_OPER_NAME=Hermes", "CADUCEUS_HERMES_OPER_PASSWORD_FILE="+filepath.Join(dir, "oper.password"))
	h.t.Cleanup(func() {
		s.stop()
		if h.t.Failed() {
			h.t.Logf("%s said:\n%s", kind.name, s.out.String())
		}
	})
	s.start()
	return s
}

func (s *ircServer) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// certify writes a certificate of our own, and returns its fingerprint.
func (s *ircServer) certify() string {
	s.t.Helper()
	key := must[*ecdsa.PrivateKey](s.t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der := must[[]byte](s.t)(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	raw := must[[]byte](s.t)(x509.MarshalPKCS8PrivateKey(key))
	s.write("fullchain.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	s.write("privkey.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})))
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

func (s *ircServer) start() {
	s.t.Helper()
	args := make([]string, len(s.kind.args))
	for i, a := range s.kind.args {
		args[i] = strings.ReplaceAll(a, "FILE", filepath.Join(s.dir, s.kind.file))
	}
	s.cmd = exec.CommandContext(context.WithoutCancel(s.t.Context()), filepath.Join(s.dir, "ircd"), args...)
	s.cmd.Dir = s.dir
	s.cmd.Stdout, s.cmd.Stderr = &s.out, &s.out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *ircServer) stop() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // may have ended by itself
	ended := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = s.cmd.Process.Kill()
		<-ended
	}
	s.cmd = nil
}

// talker is a plain IRC client without SASL.
type talker struct {
	t    *testing.T
	nick string
	conn net.Conn
	got  lines
	done chan struct{}
	seen int // how much of got the test has looked at
}

// talk connects under a nick.
func (h *house) talk(kind ircNetwork, nick string) *talker {
	h.t.Helper()
	var conn net.Conn
	wait(h.t, "no IRC server", func() (bool, string) {
		var err error
		if kind.foreign {
			conn, err = tls.Dial("tcp", h.irc, &tls.Config{InsecureSkipVerify: true})
		} else {
			conn, err = net.Dial("tcp", h.irc)
		}
		return err == nil, fmt.Sprint(err)
	})
	c := &talker{t: h.t, nick: nick, conn: conn, done: make(chan struct{})}
	go c.listen()
	h.t.Cleanup(func() {
		_ = conn.Close()
		<-c.done
		if h.t.Failed() {
			h.t.Logf("%s heard:\n%s", nick, c.got.String())
		}
	})
	c.say("NICK %s", nick)
	c.say("USER u 0 * :a member")
	c.hears(" 001 ")
	return c
}

// listen gathers what comes, and answers PING.
func (c *talker) listen() {
	defer close(c.done)
	var rest []byte
	buf := make([]byte, 4096)
	for {
		n, err := c.conn.Read(buf)
		rest = append(rest, buf[:n]...)
		for {
			line, after, whole := bytes.Cut(rest, []byte("\n"))
			if !whole {
				break
			}
			rest = after
			_, _ = c.got.Write(append(line, '\n'))
			if token, ok := bytes.CutPrefix(line, []byte("PING ")); ok {
				_, _ = fmt.Fprintf(c.conn, "PONG %s\r\n", bytes.TrimSpace(token))
			}
		}
		if err != nil {
			_, _ = c.got.Write([]byte("CLOSED\n"))
			return
		}
	}
}

func (c *talker) say(format string, args ...any) {
	c.t.Helper()
	if _, err := fmt.Fprintf(c.conn, format+"\r\n", args...); err != nil {
		c.t.Errorf("%s: %v", c.nick, err)
	}
}

// hears waits for a line with all of the texts in it, after the line that was last
// waited for, and returns it.
func (c *talker) hears(texts ...string) string {
	c.t.Helper()
	found := ""
	wait(c.t, c.nick+" does not hear "+strings.Join(texts, " … "), func() (bool, string) {
		all := c.got.String()
		for at := c.seen; ; {
			end := strings.IndexByte(all[at:], '\n')
			if end < 0 {
				return false, all[c.seen:]
			}
			line := strings.TrimSpace(all[at : at+end])
			at += end + 1
			if containsAll(line, texts) {
				c.seen, found = at, line
				return true, ""
			}
		}
	})
	return found
}

func containsAll(line string, texts []string) bool {
	for _, t := range texts {
		if !strings.Contains(strings.ToLower(line), strings.ToLower(t)) {
			return false
		}
	}
	return true
}

// never fails the test if a text came at any time.
func (c *talker) never(text string) {
	c.t.Helper()
	if all := c.got.String(); strings.Contains(all, text) {
		c.t.Errorf("%s heard %q:\n%s", c.nick, text, all)
	}
}

// enters tells Hermes who it is, and follows where it is invited.
func (c *talker) enters(kind ircNetwork, a *account, how string, channels ...string) {
	c.t.Helper()
	from := c.seen
	c.say("PRIVMSG Hermes :%s %s %s", how, a.name, a.ircKey)
	for _, channel := range channels {
		c.seen = from
		c.comes(kind, channel)
	}
}

// comes returns once the talker is in a channel: put there, or invited and then
// joined.
func (c *talker) comes(kind ircNetwork, channel string) {
	c.t.Helper()
	if kind.name == "ngircd" {
		c.hears("INVITE", channel)
		c.say("JOIN %s", channel)
	}
	c.hears(":"+c.nick+"!", "JOIN", channel)
}

// TestHermesOnEveryNetwork is one table for our own network and for plain servers of
// other kinds from Debian: members enter by name and key, hear announces, ask and
// command; staff are obeyed and others are not; what changes on the site reaches them
// at once; and the network may break down.
func TestHermesOnEveryNetwork(t *testing.T) {
	t.Parallel()
	for _, kind := range ircNetworks {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			var server *ircServer
			h := build(t, onSQLite, func(h *house) {
				if kind.foreign {
					server = h.serveIRC(kind)
				}
			})
			g := &gathering{house: h, kind: kind, server: server, ann: h.member("ann", "User"), mona: h.member("mona", "Moderator")}
			for _, step := range []struct {
				name string
				run  func(*gathering)
			}{
				{"enter", (*gathering).enter},
				{"announce", (*gathering).announce},
				{"commands", (*gathering).commands},
				{"freeleech", (*gathering).freeleech},
				{"rights follow the site", (*gathering).rights},
				{"nobody is somebody else", (*gathering).impostors},
				{"the server breaks down", (*gathering).breakdown},
				{"disabled", (*gathering).disabled},
			} {
				began := time.Now()
				step.run(g)
				t.Logf("%s: %v", step.name, time.Since(began).Round(time.Millisecond))
				if t.Failed() {
					return
				}
			}
			if log := h.procs["serve"].out.String(); strings.Contains(log, g.ann.ircKey) || strings.Contains(log, operPassword) {
				t.Error("a key stands in the log")
			}
		})
	}
}

// gathering holds who meets on the network under test.
type gathering struct {
	*house
	kind      ircNetwork
	server    *ircServer
	ann, mona *account
	a, m      *talker // their clients
	uploads   int
}

func (g *gathering) enter() {
	t := g.t
	g.a = g.talk(g.kind, "ann")
	g.a.say("PRIVMSG Hermes :enter #announce ann a-wrong-key")
	g.a.hears("wrong")
	g.a.say("JOIN #staff")
	g.a.hears(" 47", "#staff")
	g.a.enters(g.kind, g.ann, "ENTER #announce,#general", "#announce", "#general")
	g.m = g.talk(g.kind, "mona")
	g.m.enters(g.kind, g.mona, "enter #announce #general, #staff", "#announce", "#general", "#staff")
	if g.kind.foreign {
		g.m.hears("MODE", "+o", "mona")
	} else {
		g.m.seen = 0
		g.m.hears(" 353 ", "#staff", "@mona") // was operator when it came in
	}
	g.a.say("PRIVMSG Hermes :ENTER #staff %s %s", g.ann.name, g.ann.ircKey)
	if g.kind.foreign {
		g.a.hears("not open to you", "#staff")
	} else {
		g.a.hears(" 473 ", "#staff")
	}
	g.a.say("PRIVMSG #announce :buy something")
	g.a.hears(" 404 ", "#announce")
	g.m.say("PRIVMSG #announce :me too")
	g.m.hears(" 404 ", "#announce")
	if t.Failed() {
		return
	}
	g.a.never(g.ann.ircKey)
}

func (g *gathering) announce() {
	title := strings.Repeat("A very long title about a genome ", 7) + "in the end"
	for _, title := range []string{"Lambda phage", title} {
		made := g.upload(title)
		line := g.a.hears(":Hermes!", "PRIVMSG #announce", title[:12])
		if len(line) > 510 || !strings.HasSuffix(line, fmt.Sprintf("/torrents.php?id=%d / %s/torrents.php?action=download&id=%d - lambda,phage,genome,reference,virus", made.GroupID, g.site, made.TorrentID)) {
			g.t.Errorf("%d bytes: %s", len(line), line)
		}
	}
}

// upload makes a dataset and uploads it as ann.
func (g *gathering) upload(title string) uploaded {
	g.t.Helper()
	made := must[clients.Made](g.t)(clients.Make(g.t.Context(), clients.V1, named(g.t, fmt.Sprintf("number%d", g.uploads)), g.t.TempDir()))
	g.uploads++
	return g.ann.upload(made.File, title)
}

func (g *gathering) commands() {
	g.a.say("PRIVMSG Hermes :stats")
	g.a.hears(":Hermes!", "PRIVMSG ann", "ann (User): uploaded")
	g.a.say("PRIVMSG #general :!freeleech on 2h no right to that")
	g.a.hears("PRIVMSG #general", "you may not use freeleech on")
	g.a.say("PRIVMSG #general :!enter #announce %s %s", g.ann.name, g.ann.ircKey)
	if g.kind.foreign {
		g.a.hears("PRIVMSG ann", "draw a new one")
	}
	stranger := g.talk(g.kind, "nobody")
	stranger.say("PRIVMSG Hermes :stats ann")
	stranger.hears("log in first")
	stranger.say("QUIT")
	g.m.say("PRIVMSG #staff :!class show User")
	g.m.hears("PRIVMSG #staff", "mona: User (level 100")
}

func (g *gathering) freeleech() {
	g.m.say("PRIVMSG #staff :!freeleech on 2h a party for all")
	asked := g.m.hears("PRIVMSG #staff", "confirm ")
	_, code, _ := strings.Cut(asked, "confirm ")
	g.m.say("PRIVMSG #staff :!confirm %s", strings.Fields(strings.Trim(code, `"'.`))[0])
	from := g.a.seen
	g.a.hears("PRIVMSG #general", "Freeleech begins: a party for all")
	g.a.seen = from
	g.a.hears("TOPIC #announce", "[Freeleech until ", "a party for all]")
}

func (g *gathering) rights() {
	g.do("member", "class", "ann", "Moderator")
	if g.kind.name == "ngircd" {
		g.a.hears("INVITE", "#staff")
		g.a.say("JOIN #staff")
	}
	from := g.a.seen
	g.a.hears("JOIN", "#staff")
	g.a.seen = from
	g.a.hears("MODE #general", "+o", "ann")
	if g.kind.foreign {
		g.a.seen = from
		g.a.hears("MODE #staff", "+o", "ann")
	}
	g.do("member", "class", "ann", "User")
	from = g.a.seen
	g.a.hears("KICK #staff ann")
	g.a.seen = from
	g.a.hears("MODE #general", "-o", "ann")
	for _, c := range []struct{ is, mode string }{{"on", "+m"}, {"off", "-m"}} {
		g.do("channel", "set", "#general", "moderated", c.is)
		g.a.hears("MODE #general", c.mode)
	}
}

// impostors: our own server ties nicks to accounts; here the bot does.
func (g *gathering) impostors() {
	if !g.kind.foreign {
		return
	}
	like := g.dial("Hermes_")
	like.hears("reserved")
	g.a.say("NICK ann2")
	g.a.hears("NICK", "ann2")
	thief := g.talk(g.kind, "ann")
	thief.say("PRIVMSG Hermes :stats")
	thief.hears("log in first")
	thief.say("JOIN #general")
	thief.hears(" 473 ")
	thief.say("QUIT")
	thief.hears("CLOSED")
	g.a.say("PRIVMSG Hermes :stats")
	g.a.hears("ann (User): uploaded") // the member is still the member
	g.a.say("NICK ann")
	g.a.hears("NICK", "ann")
}

// dial connects without waiting for a welcome.
func (g *gathering) dial(nick string) *talker {
	g.t.Helper()
	conn, err := tls.Dial("tcp", g.irc, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		g.t.Fatal(err)
	}
	c := &talker{t: g.t, nick: nick, conn: conn, done: make(chan struct{})}
	go c.listen()
	g.t.Cleanup(func() { _ = conn.Close(); <-c.done })
	c.say("NICK %s", nick)
	c.say("USER u 0 * :looks like the bot")
	return c
}

// breakdown ends the server and starts it again: channels are as before, those who
// were known are strangers, and what was uploaded meanwhile is announced once.
func (g *gathering) breakdown() {
	if !g.kind.foreign {
		return // ours is in the same process; see TestHermesCatchesUp
	}
	g.m.say("TOPIC #general :Meet here")
	g.a.hears("TOPIC #general", "Meet here")
	g.server.stop()
	g.a.hears("CLOSED")
	g.upload("Uploaded meanwhile")
	g.server.start()
	g.a = g.talk(g.kind, "ann")
	wait(g.t, "Hermes does not come back", func() (bool, string) {
		g.a.say("ISON Hermes")
		return strings.Contains(g.a.hears(" 303 "), "Hermes"), ""
	})
	g.a.say("PRIVMSG Hermes :stats")
	g.a.hears("log in first")
	want := fmt.Sprintf("\nhermes_announced_total %d\n", g.uploads)
	wait(g.t, "not announced", func() (bool, string) {
		text := g.metrics("serve")
		return strings.Contains(text, want), want
	})
	g.a.enters(g.kind, g.ann, "ENTER #general", "#general")
	g.a.seen = 0
	g.a.hears("#general", "Meet here")
}

// metrics returns what a process tells of itself.
func (h *house) metrics(process string) string {
	h.t.Helper()
	resp := must[*http.Response](h.t)(http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", h.opsPort[process])))
	defer func() { _ = resp.Body.Close() }()
	return string(must[[]byte](h.t)(io.ReadAll(resp.Body)))
}

func (g *gathering) disabled() {
	second := g.talk(g.kind, "annsecond")
	if !g.kind.foreign {
		second.nick = "ann" // all connections of a member are one there
	}
	if g.kind.foreign {
		// Had Hermes lost its link after the breakdown, all would be strangers again.
		g.a.say("PRIVMSG Hermes :IDENTIFY %s %s", g.ann.name, g.ann.ircKey)
		g.a.hears("You are ann to me now")
	}
	second.enters(g.kind, g.ann, "ENTER #general", "#general")
	began := time.Now()
	g.do("member", "disable", "ann", "shared the key")
	for _, c := range []*talker{g.a, second} {
		c.hears("disabled: shared the key")
		g.t.Logf("told after %v", time.Since(began).Round(time.Millisecond))
	}
	for _, c := range []*talker{g.a, second} {
		c.hears("CLOSED")
	}
	g.t.Logf("off IRC after %v", time.Since(began).Round(time.Millisecond))
	again := g.talk(g.kind, "ann3")
	again.say("PRIVMSG Hermes :ENTER #general %s %s", g.ann.name, g.ann.ircKey)
	again.hears("disabled: shared the key")
	again.say("JOIN #general")
	again.hears(" 47", "#general")
}
