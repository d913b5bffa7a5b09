package ircd

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// claim is one row of the tables in README.md.
type claim struct {
	what   string
	names  []string // in backquotes
	done   bool
	tested []string // file:Test or file:Test/part
}

// claims reads the tables, by their headings.
func claims(t *testing.T) map[string][]claim {
	t.Helper()
	raw, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("`([^`]+)`")
	test := regexp.MustCompile(`[a-z0-9/]+_test\.go:`)
	out := map[string][]claim{}
	heading := ""
	for _, l := range strings.Split(string(raw), "\n") {
		if h, ok := strings.CutPrefix(l, "### "); ok {
			heading = h
		} else if strings.HasPrefix(l, "## ") {
			heading = ""
		}
		cells := strings.Split(strings.Trim(l, "|"), " |")
		if heading == "" || len(cells) != 3 || !strings.HasPrefix(l, "| ") || strings.Contains(l, "| Status |") {
			continue
		}
		c := claim{what: strings.TrimSpace(cells[0])}
		for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
			c.names = append(c.names, m[1])
		}
		switch status := strings.TrimSpace(cells[1]); status {
		case "done":
			c.done = true
		case "not offered":
		default:
			t.Errorf("%s: %q is no status", c.what, status)
		}
		starts := test.FindAllStringIndex(cells[2], -1)
		for i, at := range starts {
			end := len(cells[2])
			if i+1 < len(starts) {
				end = starts[i+1][0]
			}
			c.tested = append(c.tested, strings.Trim(cells[2][at[0]:end], " ,"))
		}
		out[heading] = append(out[heading], c)
	}
	return out
}

// TestTable demands that what README.md calls done is shown by a test that is there.
func TestTable(t *testing.T) {
	t.Parallel()
	rows := 0
	for heading, list := range claims(t) {
		for _, c := range list {
			rows++
			if c.done != (len(c.tested) > 0) {
				t.Errorf("%s, %s: what is done, and only that, has a test", heading, c.what)
			}
			for _, name := range c.tested {
				file, test, _ := strings.Cut(name, ":")
				test, part, split := strings.Cut(test, "/")
				raw, err := os.ReadFile(filepath.Join("..", file))
				if err != nil {
					t.Errorf("%s, %s: %v", heading, c.what, err)
				} else if !strings.Contains(string(raw), "\nfunc "+test+"(") || split && !strings.Contains(string(raw), `"`+part+`"`) {
					t.Errorf("%s, %s: there is no %s", heading, c.what, name)
				}
			}
		}
	}
	if rows < 90 {
		t.Errorf("only %d rows were read", rows)
	}
}

// offered are the names of a table with that status.
func offered(list []claim, done bool) []string {
	var out []string
	for _, c := range list {
		if c.done == done {
			out = append(out, c.names...)
		}
	}
	slices.Sort(out)
	return out
}

// TestTablePromisesWhatIsThere compares the tables with the commands, CAP LS, ISUPPORT and
// the modes: neither side has anything that the other lacks.
func TestTablePromisesWhatIsThere(t *testing.T) {
	t.Parallel()
	tables := claims(t)
	h, _ := openLibrary(t)
	p := h.dial(t, "x")
	p.send("CAP LS 302", "NICK x", "USER x 0 * :X", "CAP END")
	var caps, tokens []string
	for len(p.pending) == 0 || !strings.Contains(p.pending[0], " 251 ") {
		l, err := p.read()
		if err != nil {
			t.Fatal(err)
		}
		p.pending = []string{l}
		words := strings.Fields(l)
		switch {
		case like(":irc.test CAP * LS *", l):
			for _, w := range words[4:] {
				if name, _, _ := strings.Cut(strings.TrimPrefix(w, ":"), "="); name != "*" {
					caps = append(caps, name)
				}
			}
		case words[1] == rplISupport:
			list, _, _ := strings.Cut(l, " :are supported")
			for _, w := range strings.Fields(list)[3:] {
				name, _, _ := strings.Cut(w, "=")
				tokens = append(tokens, name)
			}
		}
	}
	caps = append(caps, "sts") // is shown where the configuration wants it
	var letters []string
	for _, l := range channelModes {
		letters = append(letters, string(l))
	}
	var own []string
	for _, l := range userModes {
		own = append(own, string(l))
	}
	capital := func(name string) bool { return strings.ToUpper(name) == name }
	for heading, is := range map[string][]string{
		"Commands": slices.Collect(maps.Keys(commandTable())), "Capabilities": caps, "Tokens of ISUPPORT": tokens,
		"Channel modes": letters, "User modes": own,
	} {
		slices.Sort(is)
		says := offered(tables[heading], true)
		if heading == "Commands" { // subcommands are named with their command
			says = slices.DeleteFunc(says, func(name string) bool {
				return !capital(name) || slices.Contains([]string{"REQ", "END"}, name)
			})
			says = slices.Compact(says)
		}
		if diff := cmp.Diff(is, says); diff != "" {
			t.Errorf("%s: the network (-) and README.md (+): %s", heading, diff)
		}
		for _, name := range offered(tables[heading], false) {
			if slices.Contains(is, name) {
				t.Errorf("%s: %s is said not to be offered, and is", heading, name)
			}
		}
	}
}

// TestISupportTellsTheTruth tries out the limits of ISUPPORT: that much is accepted, and no
// more.
func TestISupportTellsTheTruth(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.FreeChannels = true })
	says := map[string]string{}
	for _, token := range testConfig().isupport("x") {
		name, value, _ := strings.Cut(token, "=")
		says[name] = value
	}
	long := func(token string, more int) string {
		t.Helper()
		n, err := strconv.Atoi(says[token])
		if err != nil || n < 10 {
			t.Fatalf("%s=%s", token, says[token])
		}
		return strings.Repeat("x", n+more)
	}
	guest := h.dial(t, "guest")
	guest.send("NICK "+long("NICKLEN", 1), "NICK "+long("NICKLEN", 0), "USER "+long("USERLEN", 1)+" 0 * :X")
	guest.expect(":irc.test 432 *")
	guest.expect(":irc.test 001 " + long("NICKLEN", -len(member.GuestSuffix)) + member.GuestSuffix + " :*!" + long("USERLEN", 0) + "@*")
	h.people.put(31, "x", "User", core.IRCConnect)
	h.people.put(32, "y", "User", core.IRCConnect)
	p, q := h.join(t, "x"), h.join(t, "y")
	p.send("NICK x|"+long("NICKLEN", -1), "NICK x|"+long("NICKLEN", -2), "NICK x", "JOIN 0")
	p.expect(":irc.test 432 *")
	p.expect("* NICK x|" + long("NICKLEN", -2))
	p.expect("* PART *")

	channel := "#" + long("CHANNELLEN", -1)
	p.send("JOIN "+channel+"x", "JOIN "+channel, "JOIN #c", "JOIN #A[", "JOIN #a[", "JOIN #a{")
	p.expect(":irc.test 403 x *")
	p.expect(":x!* JOIN " + channel)
	p.expect(":x!* JOIN #A[")
	p.expect(":x!* JOIN #a{") // CASEMAPPING=ascii: another one
	q.send("JOIN #c")
	q.expect(":irc.test 366 y #c *")
	p.send("TOPIC #c :"+long("TOPICLEN", 1), "AWAY :"+long("AWAYLEN", 1), "WHOIS x", "AWAY")
	p.expect(":x!* TOPIC #c :" + long("TOPICLEN", 0))
	p.expect(":irc.test 301 x x :" + long("AWAYLEN", 0))
	p.send("MODE #c +k "+long("KEYLEN", 1), "MODE #c +k "+long("KEYLEN", 0), "MODE #c -k *")
	p.expect(":irc.test 525 x #c *")
	p.expect(":x!* MODE #c +k " + long("KEYLEN", 0))
	p.send("KICK #c y :" + long("KICKLEN", 1))
	p.expect(":x!* KICK #c y :" + long("KICKLEN", 0))
	p.send("PING "+long("LINELEN", -len("PING \r\n")+1), "PING "+long("LINELEN", -len("PING \r\n")))
	p.expect(":irc.test 417 x *")
	p.expect(":irc.test PONG *")
	if host := memberHostOf(1<<63-1, strings.Repeat("w", 100), strings.Repeat("w", 100)); len(host) > len(long("HOSTLEN", 0)) {
		t.Errorf("a host has %d bytes", len(host))
	}
	triesModes(t, p, q, says)
}

// triesModes tries out what ISUPPORT says of modes and of numbers; x and y are in #c, of
// which x is an operator.
func triesModes(t *testing.T, p, q *peer, says map[string]string) {
	t.Helper()
	if says["PREFIX"] != "(ov)@+" || says["STATUSMSG"] != "@+" || says["CHANTYPES"] != "#" {
		t.Errorf("%v", says)
	}
	// CHANMODES: the lists are shown without a parameter, k wants one, l to be set.
	if !strings.HasPrefix(says["CHANMODES"], "beI,k,l,") {
		t.Errorf("CHANMODES=%s", says["CHANMODES"])
	}
	p.send("MODE #c +"+strings.Split(says["CHANMODES"], ",")[3], "MODE #c beI", "MODE #c +k", "MODE #c +l 5", "MODE #c -l")
	p.expect(":x!* MODE #c +*C*")
	for _, end := range []string{rplEndOfBanList, rplEndOfExceptList, rplEndOfInvexList, errInvalidModeParam} {
		p.expect(":irc.test " + end + " x *")
	}
	p.expect(":x!* MODE #c -l")

	if says["MODES"] != "6" || says["MAXTARGETS"] != "4" || !strings.Contains(says["TARGMAX"], "PRIVMSG:4,") {
		t.Fatalf("%v", says)
	}
	p.send("MODE #c +bbbbbbb a b c d e f g", "PRIVMSG y,#c,#a,#b :four", "PRIVMSG y,#c,#a,#b,#d :five")
	p.expect(":x!* MODE #c +bbbbbb a!*@* b!*@* c!*@* d!*@* e!*@* f!*@*")
	p.expect(":irc.test 407 x *")
	q.expect(":x!* PRIVMSG y :four")
	for i := range 101 {
		p.send("MODE #c +e m" + strconv.Itoa(i))
	}
	p.expect(":irc.test 478 x #c m100!*@* *") // MAXLIST=beI:100
	for i := range 50 {
		p.send("JOIN #many" + strconv.Itoa(i))
	}
	p.expect(":irc.test 405 x #many46 *") // CHANLIMIT=#:50, with four before
	if says["MAXLIST"] != "beI:100" || says["CHANLIMIT"] != "#:50" {
		t.Errorf("%v", says)
	}
}

func memberHostOf(id core.MemberID, class, name string) string {
	n := &network{name: name}
	return n.memberHost(member.Member{ID: id, Class: member.Class{Name: class}})
}
