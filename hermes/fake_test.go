package hermes

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// verdict is what the fake server makes of a message to a channel.
type verdict int

const (
	deliver    verdict = iota
	refuse             // 404, not delivered
	refuseOp           // 482, not delivered
	swallow            // neither delivered nor told
	dropBefore         // the connection ends before it is delivered
	dropAfter          // it is delivered, and the connection ends before that is told
	hold               // it is delivered, and the server says nothing more at all
	echoLate           // the PONG comes before the echo
)

// said is a message that the fake server delivered.
type said struct{ target, text string }

// fakeIRC is a small IRC server for one client, which misbehaves as told.
type fakeIRC struct {
	t    *testing.T
	addr string
	caps string
	key  string
	tls  *tls.Config
	wg   sync.WaitGroup

	mu                   sync.Mutex
	changed              chan struct{}
	conns                []net.Conn
	accepted             int
	nick                 string
	negotiated, welcomed bool // CAP END came; 001 was sent
	taken                map[string]bool
	joined               map[string]bool
	closed               map[string]bool // channels that let nobody in
	topics               map[string]string
	said                 []said
	answers              []string // the ids of messages that were answered, as the client named them
	notices              int
	quits                int
	logins               int
	fates                []verdict // for the next messages to channels; then they are delivered
	inspect              func(said)
	late                 string
	hello                []string // lines of the welcome, without the server's name, besides 001 and 422
	oper                 string   // the password of OPER
	heardLines           []string // what the client said, but for messages
}

const fullCaps = "sasl=PLAIN account-tag echo-message server-time message-tags batch"

// newFake starts a server. change may set what is fixed while it runs.
func newFake(t *testing.T, change ...func(*fakeIRC)) *fakeIRC {
	t.Helper()
	f := &fakeIRC{t: t, caps: fullCaps, key: "the-key-of-the-bot", changed: make(chan struct{}), taken: map[string]bool{},
		joined: map[string]bool{}, closed: map[string]bool{}, topics: map[string]string{}}
	for _, c := range change {
		c(f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = l.Addr().String()
	f.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if f.tls != nil {
				conn = tls.Server(conn, f.tls)
			}
			f.change(func() { f.conns = append(f.conns, conn); f.accepted++ })
			f.wg.Go(func() { f.serve(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		f.change(func() {
			for _, c := range f.conns {
				_ = c.Close()
			}
		})
		f.wg.Wait()
	})
	return f
}

func (f *fakeIRC) change(g func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g()
	close(f.changed)
	f.changed = make(chan struct{})
}

// until waits until cond holds.
func (f *fakeIRC) until(what string, cond func() bool) {
	f.t.Helper()
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for {
		f.mu.Lock()
		ok, changed := cond(), f.changed
		f.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-limit.C:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t.Fatalf("waited too long for %s; said: %q", what, f.said)
		}
	}
}

// count reads a counter of the server.
func (f *fakeIRC) count(c *int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *c
}

// in returns what was said in a channel or to a nick.
func (f *fakeIRC) in(target string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inLocked(target)
}

func (f *fakeIRC) inLocked(target string) []string {
	var out []string
	for _, s := range f.said {
		if s.target == target {
			out = append(out, s.text)
		}
	}
	return out
}

// heard waits for n lines in target and returns them all.
func (f *fakeIRC) heard(target string, n int) []string {
	f.t.Helper()
	f.until(fmt.Sprintf("%d lines in %s", n, target), func() bool { return len(f.inLocked(target)) >= n })
	return f.in(target)
}

// tell sends a line to the client.
func (f *fakeIRC) tell(line string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.conns) > 0 {
		_, _ = fmt.Fprintf(f.conns[len(f.conns)-1], "%s\r\n", line)
	}
}

// speak lets somebody say something; account may be "".
func (f *fakeIRC) speak(nick, account, target, text string) {
	tags := ""
	if account != "" {
		tags = "@account=" + account + " "
	}
	f.tell(tags + ":" + nick + "!user@host.example PRIVMSG " + target + " :" + text)
}

// ask is speak with the tags of our own network: the message's id and, over an encrypted
// connection, the server's word for that.
func (f *fakeIRC) ask(nick, account, target, text, id string, secure bool) {
	tags := "@account=" + account + ";msgid=" + id
	if secure {
		tags += ";" + irc.SecureTag + "=1"
	}
	f.tell(tags + " :" + nick + "!user@host.example PRIVMSG " + target + " :" + text)
}

func (f *fakeIRC) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	send := func(format string, args ...any) { _, _ = fmt.Fprintf(conn, format+"\r\n", args...) }
	f.change(func() { f.nick, f.negotiated, f.welcomed = "", false, false; f.joined = map[string]bool{} })
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		line := lines.Text()
		if tags, rest, ok := strings.Cut(line, " "); ok && strings.HasPrefix(tags, "@") {
			line = rest
			f.change(func() { f.answers = append(f.answers, strings.TrimPrefix(tags, "@"+irc.ReplyTag+"=")) })
		}
		command, params := parseLine(line)
		if len(line) > 510 {
			f.t.Errorf("%d bytes: %q", len(line), line)
		}
		switch command {
		case "PRIVMSG", "PING":
		default:
			f.change(func() { f.heardLines = append(f.heardLines, lines.Text()) })
		}
		switch command {
		case "OPER":
			if params[1] != f.oper {
				send(":irc.test 464 %s :Password incorrect", params[0])
				continue
			}
			send(":irc.test 381 %s :You are now an IRC Operator", params[0])
		case "CAP":
			f.onCap(params, send)
		case "AUTHENTICATE":
			f.onAuthenticate(params[0], send)
		case "NICK":
			f.onNick(params[0], send)
		case "JOIN":
			f.onJoin(params[0], send)
		case "PING":
			f.mu.Lock()
			late := f.late
			f.late = ""
			f.mu.Unlock()
			send(":irc.test PONG irc.test :%s", params[0])
			if late != "" {
				send("%s", late)
			}
		case "TOPIC":
			f.change(func() { f.topics[params[0]] = params[1] })
			send(":Hermes!hermes@bot.example TOPIC %s :%s", params[0], params[1])
		case "CHATHISTORY":
			send(":irc.test BATCH +h chathistory %s", params[1])
			for _, text := range f.in(params[1]) {
				send("@batch=h :Hermes!hermes@bot.example PRIVMSG %s :%s", params[1], text)
			}
			send(":irc.test BATCH -h")
		case "PRIVMSG":
			if !f.onMessage(params[0], params[1], send) {
				return
			}
		case "NOTICE":
			f.change(func() { f.notices++ })
		case "QUIT":
			f.change(func() { f.quits++ })
			send("ERROR :Closing link")
			return
		}
	}
}

func parseLine(line string) (command string, params []string) {
	head, tail, found := strings.Cut(line, " :")
	words := strings.Fields(head)
	if found {
		words = append(words, tail)
	}
	return words[0], words[1:]
}

func (f *fakeIRC) onCap(params []string, send func(string, ...any)) {
	switch params[0] {
	case "LS": // in two lines, as servers with many do
		first, rest, _ := strings.Cut(f.caps, " ")
		send(":irc.test CAP * LS * :%s", first)
		send(":irc.test CAP * LS :%s", rest)
	case "REQ":
		send(":irc.test CAP * ACK :%s", params[1])
	case "END":
		f.change(func() { f.negotiated = true })
		f.welcome(send)
	}
}

// welcome ends the registration once it is whole. A client may send NICK before
// or after the end of its negotiation: two of its goroutines write them.
func (f *fakeIRC) welcome(send func(string, ...any)) {
	f.mu.Lock()
	nick, whole := f.nick, f.negotiated && f.nick != "" && !f.welcomed
	f.welcomed = f.welcomed || whole
	f.mu.Unlock()
	if !whole {
		return
	}
	send(":irc.test 001 %s :Welcome", nick)
	for _, l := range f.hello {
		send(":irc.test %s", l)
	}
	send(":irc.test 422 %s :No message of the day", nick)
}

func (f *fakeIRC) onAuthenticate(param string, send func(string, ...any)) {
	if param == "PLAIN" {
		send("AUTHENTICATE +")
		return
	}
	raw, err := base64.StdEncoding.DecodeString(param)
	if err != nil || string(raw) != "Hermes\x00Hermes\x00"+f.key {
		send(":irc.test 904 * :SASL authentication failed")
		return
	}
	f.change(func() { f.logins++ })
	send(":irc.test 900 * * Hermes :You are now logged in")
	send(":irc.test 903 * :SASL authentication successful")
}

func (f *fakeIRC) onNick(nick string, send func(string, ...any)) {
	f.mu.Lock()
	taken, old := f.taken[nick], f.nick
	f.mu.Unlock()
	if taken {
		send(":irc.test 433 * %s :Nickname is already in use", nick)
		return
	}
	if old != "" {
		send(":%s!hermes@bot.example NICK :%s", old, nick)
	}
	f.change(func() { f.nick = nick })
	f.welcome(send)
}

func (f *fakeIRC) onJoin(channel string, send func(string, ...any)) {
	f.mu.Lock()
	nick, topic, closed := f.nick, f.topics[channel], f.closed[channel]
	f.mu.Unlock()
	if closed {
		send(":irc.test 473 %s %s :Cannot join channel (+i)", nick, channel)
		return
	}
	send(":%s!hermes@bot.example JOIN %s Hermes :announces and commands", nick, channel)
	if topic != "" {
		send(":irc.test 332 %s %s :%s", nick, channel, topic)
	}
	send(":irc.test 353 %s = %s :@%s", nick, channel, nick)
	send(":irc.test 366 %s %s :End of names", nick, channel)
	f.change(func() { f.joined[channel] = true })
}

// onMessage reports false when the connection is to end.
func (f *fakeIRC) onMessage(target, text string, send func(string, ...any)) bool {
	f.mu.Lock()
	fate, nick := deliver, f.nick
	switch {
	case !strings.HasPrefix(target, "#"):
	case !f.joined[target]: // it may not know yet that it was kicked out
		fate = refuse
	case len(f.fates) > 0:
		fate, f.fates = f.fates[0], f.fates[1:]
	}
	inspect := f.inspect
	f.mu.Unlock()
	if full := ":Hermes!hermes@bot.example PRIVMSG " + target + " :" + text; len(full) > 510 {
		f.t.Errorf("%d bytes with the prefix: %q", len(full), full)
	}
	echo := fmt.Sprintf(":%s!hermes@bot.example PRIVMSG %s :%s", nick, target, text)
	switch fate {
	case refuse:
		send(":irc.test 404 %s %s :Cannot send to channel", nick, target)
		return true
	case refuseOp:
		send(":irc.test 482 %s %s :You're not a channel operator", nick, target)
		return true
	case swallow:
		return true
	case dropBefore:
		f.change(func() {})
		return false
	}
	if inspect != nil {
		inspect(said{target, text})
	}
	f.change(func() {
		f.said = append(f.said, said{target, text})
		if fate == echoLate {
			f.late = echo
		}
	})
	switch fate {
	case dropAfter:
		return false
	case hold:
		buf := make([]byte, 512)
		for {
			n, err := f.current().Read(buf)
			if err != nil || strings.Contains(string(buf[:n]), "QUIT") {
				f.change(func() { f.quits++ })
				return false
			}
		}
	case deliver:
		if slices.Contains(strings.Fields(f.caps), "echo-message") {
			send("%s", echo)
		}
	}
	return true
}

func (f *fakeIRC) current() net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.conns[len(f.conns)-1]
}
