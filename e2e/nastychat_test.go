package e2e

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// memberCommands are the names of all commands that members may run.
func (n *nastyHouse) memberCommands() (names []string) {
	n.t.Helper()
	raw := must[[]byte](n.t)(os.ReadFile("../internal/commands/commands.txt"))
	columns, name := regexp.MustCompile(`\s{2,}`), regexp.MustCompile(`^[a-z]+( [a-z]+)*( |$)`)
	for line := range strings.Lines(string(raw)) {
		c := columns.Split(strings.TrimSpace(line), -1)
		if strings.HasPrefix(line, "#") || len(c) < 2 || c[1] != "members" && c[1] != "anyone" {
			continue
		}
		words := name.FindString(strings.ReplaceAll(c[0], "|", " | "))
		if words == "" {
			n.t.Fatalf("which command is %q?", c[0])
		}
		if i := strings.Index(c[0], "|"); i >= 0 { // "irclog private on|off": the choice is no part of the name
			words = words[:strings.LastIndexByte(strings.TrimSpace(words), ' ')]
		}
		names = append(names, strings.TrimSpace(words))
	}
	if len(names) < 15 {
		n.t.Fatalf("read only %q", names)
	}
	return names
}

// commandLines are command lines that are nasty for a command.
func commandLines(name string) (out []string) {
	const most = 1900
	for _, b := range textBombs {
		out = append(out, name+" "+b.make(most-len(name)))
	}
	for _, more := range []string{"even odd", "common even odd", "zz", "--", "—torrent 1", repeated(`"a" `)(most), repeated("“a” ")(most), repeated("--a=\"b\" ")(most), repeated("‘")(most)} {
		out = append(out, name+" "+more)
	}
	return out
}

// commands sends nasty arguments to every command that members may run, by its form on
// the site.
func (n *nastyHouse) commands() {
	n.t.Helper()
	r := siteRoute{method: http.MethodPost, path: "/commands/:command", need: "any member", body: 16 << 10}
	for _, name := range n.memberCommands() {
		page := "/commands/" + strings.ReplaceAll(name, " ", "-")
		var names []string
		n.ann.get(page).Find("form[action='" + page + "'] [name]").Each(func(_ int, in *goquery.Selection) { names = append(names, in.AttrOr("name", "")) })
		list := filled(int(r.body), append(names, "back")...)
		for _, arg := range names {
			for _, line := range commandLines("")[len(textBombs):] { // filled has those
				list = append(list, nasty{name: arg + ": " + line[:min(len(line), 20)], typ: formType, body: text(url.Values{arg: {line}}.Encode())})
			}
		}
		for _, q := range list {
			q.path = page
			n.try(name+": "+q.name, func() int { return n.send(r, q) })
		}
	}
}

// chat is a connection of ann's to the IRC network, which says lines as they are.
type chat struct {
	n    *nastyHouse
	conn net.Conn
	in   *bufio.Reader
	turn int
}

func (n *nastyHouse) dial() *chat {
	n.t.Helper()
	c := &chat{n: n, conn: must[net.Conn](n.t)(net.DialTimeout("tcp", n.h.irc, patience))}
	n.t.Cleanup(func() { _ = c.conn.Close() })
	c.in = bufio.NewReaderSize(c.conn, 64<<10)
	c.say("CAP REQ :sasl message-tags batch labeled-response server-time draft/multiline draft/chathistory", "NICK ann", "USER ann 0 * :ann", "AUTHENTICATE PLAIN")
	c.until(" AUTHENTICATE +", "AUTHENTICATE +")
	c.say("AUTHENTICATE "+base64.StdEncoding.EncodeToString([]byte("\x00ann\x00"+n.ann.ircKey)), "CAP END")
	c.until(" 376 ", " 422 ")
	return c
}

func (c *chat) say(lines ...string) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	for _, l := range lines {
		if _, err := io.WriteString(c.conn, l+"\r\n"); err != nil {
			return // it was thrown out, which is an answer
		}
	}
}

// until reads until a line has one of some parts, and reports whether one came.
func (c *chat) until(wants ...string) bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.HasPrefix(line, ":Hermes!") || strings.Contains(line, " :Hermes!") {
			c.n.heard["Hermes"]++
		}
		for _, w := range wants {
			if strings.Contains(line, w) {
				return true
			}
		}
	}
}

// done waits until everything that was said is answered.
func (c *chat) done() bool {
	c.turn++
	c.say(fmt.Sprintf("PING :turn%d", c.turn))
	return c.until(fmt.Sprintf("turn%d", c.turn))
}

// nastyLines are what a member may say to the IRC network.
func nastyLines() map[string][]string {
	const room = 480
	lines := map[string][]string{
		"who of all":     {"WHO *", "WHO * %tcuihsnfdlaor,999"},
		"who of a mask":  {"WHO " + repeated("*a")(room) + "b", "WHO " + repeated("*?")(room)},
		"lists":          {"LIST", "LIST " + repeated("*a")(room), "LIST " + repeated("*a,")(room)},
		"names":          {"NAMES " + repeated("#general,")(room)},
		"whois":          {"WHOIS " + repeated("ann,")(room), "WHOWAS " + repeated("ann,")(room), "ISON " + repeated("ann ")(room), "USERHOST " + repeated("ann ")(room)},
		"bans again":     {"MODE #general " + repeated("b")(room), "MODE #general " + repeated("+beI")(room)},
		"many modes":     {"MODE #general +" + repeated("ovkl")(200) + " " + repeated("a ")(200)},
		"many channels":  {"JOIN " + counting("#a", ",")(room), "PART " + counting("#a", ",")(room), "JOIN " + repeated("#general,")(room), "JOIN 0"},
		"many targets":   {"PRIVMSG " + repeated("ann,")(200) + "ann :" + repeated("a")(200), "NOTICE " + repeated("#general,")(200) + "#general :a", "TAGMSG " + repeated("#general,")(room)},
		"a large memory": {"CHATHISTORY LATEST #general * 100000", "CHATHISTORY BETWEEN #general timestamp=1970-01-01T00:00:00.000Z timestamp=9999-01-01T00:00:00.000Z 100000", "CHATHISTORY TARGETS timestamp=1970-01-01T00:00:00.000Z timestamp=9999-01-01T00:00:00.000Z 100000", "HISTORY #general 1000000", "CHATHISTORY AROUND #general msgid=zzzzzzzzzzzz 99999"},
		"watching many":  {"MONITOR + " + counting("a", ",")(room), "MONITOR L", "MONITOR S", "MONITOR C"},
		"many tags":      {"@" + counting("+a", ";")(4000) + "+z TAGMSG #general", "@label=" + repeated("a")(4000) + " PING a", "@+a=" + repeated(`\:`)(4000) + " PRIVMSG #general :a"},
		"words of a line": {
			"PRIVMSG #general :" + repeated("\x0304,01\x02\x1f")(room), "PRIVMSG #general :" + repeated("\u0627\u200c")(room), "PRIVMSG #general :" + repeated("\xff")(room),
			"PRIVMSG #general :" + repeated("\u0301")(room), "PRIVMSG ann :\x01" + repeated("PING ")(room),
		},
		"about oneself":   {"SETNAME :" + repeated("\u0301")(room), "AWAY :" + repeated("a")(room), "NICK " + repeated("a")(room), "TOPIC #general :" + repeated("\u0301")(room)},
		"many parameters": {"PING " + repeated("a ")(room), repeated("PING")(room), ":" + repeated("a")(room) + " PING", repeated(" ")(room), "CAP REQ :" + counting("a", " ")(room), "CAP LS 99999999999999999999"},
		"taking back":     {"REDACT #general zzzzzzzzzzzz :" + repeated("a")(400), "MARKREAD #general timestamp=9999-01-01T00:00:00.000Z", "INVITE ann #general", "KICK #general " + repeated("ann,")(200)},
		"help":            {"HELP " + repeated("a")(room), "STATS m", "INFO", "LINKS", "LUSERS", "TRACE", "VERSION", "MOTD", "ADMIN"},
		"authentication":  {"AUTHENTICATE PLAIN", "AUTHENTICATE " + repeated("A")(400), "AUTHENTICATE " + repeated("A")(400), "AUTHENTICATE *", "OPER ann " + repeated("a")(400)},
		"a line of 1 MB":  {repeated("PRIVMSG #general :a")(1 << 20)},
	}
	long := []string{"BATCH +a draft/multiline #general"}
	for range 40 {
		long = append(long, "@batch=a;draft/multiline-concat PRIVMSG #general :"+repeated("\u0301")(400))
	}
	lines["many lines in one"] = append(long, "BATCH -a")
	return lines
}

// onIRC says nasty lines to the network, and nasty commands to Hermes.
func (n *nastyHouse) onIRC() {
	n.t.Helper()
	c := n.dial()
	again := func() int { // after a line for which the network throws one out
		n.heard["thrown out"]++
		c = n.dial()
		return 0
	}
	for name, lines := range nastyLines() {
		n.try("IRC: "+name, func() int {
			if c.say(lines...); !c.done() {
				return again()
			}
			return 0
		})
	}
	for _, name := range n.memberCommands() {
		for _, line := range commandLines(name) {
			if strings.ContainsAny(line, "\r\n\x00") {
				continue
			}
			n.try("Hermes: "+line[:min(len(line), 60)], func() int {
				if c.say("PRIVMSG Hermes :" + strings.ToValidUTF8(line[:min(len(line), 450)], "")); !c.done() {
					return again()
				}
				return 0
			})
		}
	}
	c.done()
	n.t.Logf("heard: %v", n.heard)
	if n.heard["Hermes"] < 100 || n.heard["tracker"] < 10 || n.heard["thrown out"] > 20 {
		n.t.Error("nobody listens")
	}
}

// onTracker sends nasty requests to the tracker, with ann's key for a torrent and without
// a key.
func (n *nastyHouse) onTracker() {
	n.t.Helper()
	key := string(announceKey(n.ann.download(n.own.TorrentID)))
	hash := repeated("%ff")(60)
	const most = 64 << 10
	list := map[string]string{
		"many hashes to announce": "/announce?" + repeated("info_hash="+hash+"&")(most), "many hashes to scrape": "/scrape?" + repeated("info_hash="+hash+"&")(most),
		"nearly as many as are read": "/scrape?" + repeated("info_hash="+hash+"&")(7900), "many names": "/announce?" + counting("a", "&")(7900),
		"digits": "/announce?info_hash=" + hash + "&peer_id=-TR4000-aaaaaaaaaaaa&port=1&uploaded=" + repeated("9")(7000), "broken": "/announce?" + repeated("%")(7900),
		"all in one": "/announce?info_hash=" + hash + "&peer_id=-TR4000-aaaaaaaaaaaa&port=1&left=1&numwant=99999999999&compact=0&event=started", "scrape of all": "/scrape",
		"long": "/" + repeated("a")(most), "up": "/" + repeated("../")(most), "a line of 1 MB": "/announce?" + repeated("a=b&")(1<<20),
	}
	for name, what := range list {
		for _, k := range []string{"/" + key, "/" + repeated("a")(40), ""} {
			n.try("tracker: "+name, func() int { return n.raw("GET "+k+what+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 1) })
		}
	}
	n.try("tracker: many headers", func() int {
		return n.raw("GET /"+key+"/announce HTTP/1.1\r\n"+counting("A", ": b\r\n")(1<<20)+"\r\n", 1)
	})
	n.try("tracker: a header without an end", func() int { return n.raw("GET /"+key+"/announce HTTP/1.1\r\nA: "+repeated("a")(8<<20), 1) })
	n.try("tracker: many requests in a row", func() int { return n.raw("GET /"+key+"/scrape?info_hash="+hash+" HTTP/1.1\r\nHost: a\r\n\r\n", 5000) })
	n.try("tracker: a body", func() int {
		return n.raw("POST /"+key+"/announce HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n"+repeated("a")(8<<20), 1)
	})
	n.try("tracker: pieces of a body", func() int {
		return n.raw("POST /"+key+"/announce HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"+repeated("1\r\na\r\n")(8<<20), 1)
	})
	n.try("tracker: over UDP", n.overUDP)
}

// raw sends bytes to the tracker some times and reads what comes. The answer's status is
// not looked at: it is 200 for whatever a client asks.
func (n *nastyHouse) raw(request string, times int) int {
	n.t.Helper()
	conn := must[net.Conn](n.t)(net.DialTimeout("tcp", strings.TrimPrefix(n.h.tracker, "http://"), patience))
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for range times {
			if _, err := io.WriteString(conn, request); err != nil {
				return // the tracker has heard enough
			}
		}
		_ = conn.(*net.TCPConn).CloseWrite()
	}()
	if got, _ := io.Copy(io.Discard, conn); got > 0 { // the rest is cut off
		n.heard["tracker"]++
	}
	_ = conn.Close()
	<-sent
	return 0
}

// overUDP connects (BEP 15), scrapes as much as fits into a datagram, and announces with
// options that never end (BEP 41).
func (n *nastyHouse) overUDP() int {
	n.t.Helper()
	conn := must[net.Conn](n.t)(net.DialTimeout("udp", strings.TrimPrefix(n.h.tracker, "http://"), patience))
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	ask := func(b []byte) []byte {
		_, _ = conn.Write(b)
		_ = conn.SetReadDeadline(time.Now().Add(time.Second)) // it may well be silent
		answer := make([]byte, 64<<10)
		size, err := conn.Read(answer)
		if err != nil {
			return nil
		}
		return answer[:size]
	}
	hello := binary.BigEndian.AppendUint64(nil, 0x41727101980)
	answer := ask(append(hello, 0, 0, 0, 0, 1, 2, 3, 4))
	if len(answer) < 16 {
		n.t.Fatal("the tracker does not answer over UDP")
	}
	id := answer[8:16]
	ask(append(append([]byte{}, id...), append([]byte{0, 0, 0, 2, 1, 2, 3, 4}, make([]byte, 60_000)...)...))
	announce := append(append([]byte{}, id...), append([]byte{0, 0, 0, 1, 1, 2, 3, 4}, make([]byte, 82)...)...)
	for range 10_000 {
		announce = append(announce, 2, 4, '/', 'a', 'b', 'c')
	}
	ask(announce)
	return 0
}
