package ircd

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/member"
)

// peer is a client of a test. Lines that were read but not looked for yet are
// pending.
type peer struct {
	t       testing.TB
	name    string
	conn    net.Conn
	in      *bufio.Reader
	pending []string
	pings   int
}

func (h *house) dial(t testing.TB, name string) *peer {
	t.Helper()
	_, addr := h.Addrs()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, name, conn)
}

func newPeer(t testing.TB, name string, conn net.Conn) *peer {
	t.Cleanup(func() { conn.Close() })
	return &peer{t: t, name: name, conn: conn, in: bufio.NewReader(conn)}
}

// join connects and registers: as a member when the site knows the name, as a
// guest otherwise. What follows a slash in the name tells apart the connections of
// one member.
func (h *house) join(t testing.TB, name string, caps ...string) *peer {
	t.Helper()
	return joinBy(t, h, h.dial(t, name), caps...)
}

func joinBy(t testing.TB, h *house, p *peer, caps ...string) *peer {
	t.Helper()
	name, _, _ := strings.Cut(p.name, "/")
	account, _, _ := strings.Cut(name, "|")
	_, err := h.people.ByName(t.Context(), account)
	guest := err != nil
	if !guest {
		p.send("CAP REQ :" + strings.Join(append(caps, "sasl"), " "))
		p.send("AUTHENTICATE PLAIN", "AUTHENTICATE "+plain(account, "key-"+strings.ToLower(account)))
		p.expect("* 903 *")
	} else if len(caps) > 0 {
		p.send("CAP REQ :" + strings.Join(caps, " "))
	}
	p.send("NICK "+name, "USER "+name+" 0 * :Real "+name, "CAP END")
	p.expect("*:irc.test 001 " + calledHere(guest, name) + " *")
	p.sync()
	p.pending = nil
	return p
}

// calledHere is the nick that somebody has who asked for one that nobody else has.
func calledHere(guest bool, nick string) string {
	if guest && !member.IsGuestNick(nick) {
		return nick + member.GuestSuffix
	}
	return nick
}

func plain(name, key string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + name + "\x00" + key))
}

func (p *peer) send(lines ...string) {
	p.t.Helper()
	if err := p.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	for _, l := range lines {
		if _, err := p.conn.Write([]byte(l + "\r\n")); err != nil {
			p.t.Fatalf("%s: send %q: %v", p.name, l, err)
		}
	}
}

func (p *peer) read() (string, error) {
	if err := p.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	l, err := p.in.ReadString('\n')
	if strings.Contains(l, "127.0.0.1") && !slices.Contains([]string{"officer", "boss", "plainop", "keeper", "deputy"}, p.name) && strings.Count(l, p.name) < 2 {
		p.t.Errorf("%s is shown an address: %s", p.name, l)
	}
	if err == nil && !strings.HasSuffix(l, "\r\n") {
		p.t.Errorf("%s: a line without CR LF: %q", p.name, l)
	}
	return strings.TrimRight(l, "\r\n"), err
}

// expect reads until a line fits the pattern (with *). It and the lines before
// it are dropped.
func (p *peer) expect(pattern string) {
	p.t.Helper()
	var seen []string
	for {
		var l string
		if len(p.pending) > 0 {
			l, p.pending = p.pending[0], p.pending[1:]
		} else {
			var err error
			if l, err = p.read(); err != nil {
				p.t.Fatalf("%s waits for %q, has seen\n%s\n%v", p.name, pattern, strings.Join(seen, "\n"), err)
			}
		}
		if like(pattern, l) {
			return
		}
		seen = append(seen, l)
	}
}

// sync makes sure that all the server has for the client is pending.
func (p *peer) sync() {
	p.t.Helper()
	p.pings++
	token := fmt.Sprintf("sync%d", p.pings)
	p.send("PING " + token)
	for {
		l, err := p.read()
		if err != nil {
			p.t.Fatalf("%s: sync: %v; pending\n%s", p.name, err, strings.Join(p.pending, "\n"))
		}
		if strings.HasSuffix(l, " "+":"+token) {
			return
		}
		p.pending = append(p.pending, l)
	}
}

// none demands that no pending line fits the pattern.
func (p *peer) none(pattern string) {
	p.t.Helper()
	for _, l := range p.pending {
		if like(pattern, l) {
			p.t.Errorf("%s got %q, which fits %q", p.name, l, pattern)
		}
	}
}

// ended waits for the server to close the connection and returns its last line.
func (p *peer) ended() string {
	p.t.Helper()
	last := ""
	for {
		l, err := p.read()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				p.t.Fatalf("%s is still connected", p.name)
			}
			return last
		}
		last = l
	}
}

// like reports whether s fits a pattern, in which only * is special; it is case-sensitive.
func like(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	if !strings.HasPrefix(s, parts[0]) {
		return false
	}
	s = s[len(parts[0]):]
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, parts[last])
}

// talk plays a conversation. Each line is one of
//
//	name is caps…     connect and register
//	name > line       send
//	name < pattern    wait for a line that fits
//	name = pattern    the next line must fit
//	name ! pattern    no line fits, after all have been heard
//	name .            forget what came so far, after all have been heard
//	name x pattern    the connection ends, with this line as its last
func (h *house) talk(t *testing.T, script string) {
	t.Helper()
	peers := map[string]*peer{}
	open := map[string]bool{}
	hear := func() {
		t.Helper()
		for range 2 { // what one says reaches the others before their second sync
			for name, p := range peers {
				if open[name] {
					p.sync()
				}
			}
		}
	}
	for _, raw := range strings.Split(strings.TrimSpace(script), "\n") {
		text := strings.TrimSpace(raw)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, rest, _ := strings.Cut(text, " ")
		verb, arg, _ := strings.Cut(strings.TrimSpace(rest), " ")
		p := peers[name]
		if p == nil && verb != "is" {
			p = h.dial(t, name)
			peers[name] = p
		}
		switch verb {
		case "is":
			peers[name] = h.join(t, name, strings.Fields(arg)...)
			open[name] = true
		case ">":
			p.send(arg)
		case "<":
			p.expect(arg)
		case "=":
			if len(p.pending) == 0 {
				l, err := p.read()
				if err != nil {
					t.Fatalf("%s waits for %q: %v", name, arg, err)
				}
				p.pending = append(p.pending, l)
			}
			if !like(arg, p.pending[0]) {
				t.Fatalf("%s: the next line must fit %q, but pending are\n%s", name, arg, strings.Join(p.pending, "\n"))
			}
			p.pending = p.pending[1:]
		case "!":
			hear()
			p.none(arg)
		case ".":
			hear()
			p.pending = nil
		case "x":
			if last := p.ended(); !like(arg, last) {
				t.Fatalf("%s: the last line must fit %q but is %q", name, arg, last)
			}
			open[name] = false
		default:
			t.Fatalf("no such verb: %q", text)
		}
	}
}
