package ircd

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

func TestBucket(t *testing.T) {
	var b bucket
	now := time.Unix(1.8e9, 0)
	for i := range 3 {
		if wait := b.take(now, 20, 3); wait != 0 {
			t.Errorf("the %d. of a full bucket waits %s", i+1, wait)
		}
	}
	for _, step := range []struct{ later, wait time.Duration }{
		{0, 4 * time.Second}, {time.Second, 3 * time.Second}, {-time.Hour, 3 * time.Second}, {3 * time.Second, 0}, {time.Hour, 0}, {0, 0}, {0, 0}, {0, 4 * time.Second},
	} {
		now = now.Add(step.later)
		if wait := b.take(now, 20, 3); wait != step.wait {
			t.Errorf("%s later one waits %s, want %s", step.later, wait, step.wait)
		}
	}
}

// TestThrottles checks that clients are told how long to wait for the next JOIN and NICK,
// and that the site's bot need not wait.
func TestThrottles(t *testing.T) {
	in := inside(t, func(c *Config) {
		c.FreeChannels = true
		c.JoinsPerMinute, c.JoinsBurst, c.NicksPerMinute, c.NicksBurst = 10, 2, 10, 2
	})
	alice := in.join(t, "alice")
	alice.send("JOIN #a,#b,#c,#general")
	alice.expect("* JOIN #b")
	alice.expect(":irc.test 439 alice #c :You join channels too fast, wait 7s")
	alice.sync()
	alice.none("* 439 alice #general *") // is in it
	alice.send("NICK alice|1", "NICK alice|1", "NICK alice|2", "NICK alice|3")
	alice.expect("* NICK alice|2")
	alice.expect(":irc.test 438 alice|2 alice|3 :You change your nick too fast, wait 7s")
	in.sweepAfter(7 * time.Second)
	alice.send("NICK alice|3", "JOIN #c", "JOIN #d")
	alice.expect("* NICK alice|3")
	alice.expect("* JOIN #c")
	alice.expect("* 439 alice|3 #d *")

	hermes := in.join(t, "Hermes")
	hermes.send("JOIN #a,#b,#c,#d,#e,#f")
	hermes.expect("* JOIN #f")
}

// TestExcessFlood cuts off a client that sends much more than it may.
func TestExcessFlood(t *testing.T) {
	h := open(t, func(c *Config) {
		c.GuestLinesPerMinute, c.GuestLinesBurst = 1, 5
		c.LinesPerMinute, c.LinesBurst = 6000, 30
	})
	guest, alice := h.join(t, "g"), h.join(t, "alice")
	flood := strings.Repeat("PRIVMSG nobody :"+long(400)+"\r\n", 200)
	if _, err := guest.conn.Write([]byte(flood)); err != nil {
		t.Fatal(err)
	}
	if last := guest.ended(); last != "ERROR :Closing link: Excess Flood" && last != "" { // "" when the reset overtook it
		t.Errorf("the last line was %q", last)
	}
	// What people paste is only slowed down.
	alice.send(strings.Split(strings.TrimSuffix(flood[:50*(400+18)], "\r\n"), "\r\n")...)
	alice.sync()
}

// TestPaces checks how fast each kind of client may send, and that nobody gets a fresh allowance by
// changing a mode.
func TestPaces(t *testing.T) {
	in := inside(t, func(c *Config) {
		c.GuestLinesPerMinute, c.GuestLinesBurst = 60, 1e3
		c.LinesPerMinute, c.LinesBurst = 120, 2e3
		c.BotLinesPerMinute, c.BotLinesBurst = 600, 5e3
	})
	guest, alice, hermes := in.join(t, "guest"), in.join(t, "alice"), in.join(t, "Hermes")
	pace := func(name string) (perSecond float64, burst int, left float64) {
		in.n.locked(func() {
			if p := in.n.find(name).sessions[0].pace.Load(); p != nil {
				perSecond, burst, left = float64(p.Limit()), p.Burst(), p.TokensAt(in.n.clock())
			}
		})
		return perSecond, burst, left
	}
	check := func(name string, perSecond float64, burst int) {
		t.Helper()
		if gotRate, gotBurst, _ := pace(name); gotRate != perSecond || gotBurst != burst {
			t.Errorf("%s may send %v a second and %d at once, want %v and %d", name, gotRate, gotBurst, perSecond, burst)
		}
	}
	guest.send("MODE guest +B")
	guest.sync()
	check("guest", 1, 1000)
	check("alice", 2, 2000)
	check("Hermes", 0, 0)
	_, _, before := pace("alice")
	alice.send("MODE alice +B")
	alice.sync()
	check("alice", 10, 5000)
	in.join(t, "alice/2").sync()
	if _, _, left := pace("alice"); left >= before {
		t.Errorf("the mode B gave lines back: %v after %v", left, before)
	}
	in.n.locked(func() {
		if p := in.n.find("alice").sessions[1].pace.Load(); p.Burst() != 5000 {
			t.Errorf("the bot's second connection may send %d at once", p.Burst())
		}
	})
	alice.send("MODE alice -B")
	alice.sync()
	check("alice", 2, 2000)
	hermes.sync()
}

// TestCloaksOutliveTheRun checks that a K-line on a guest's host still fits after a restart.
func TestCloaksOutliveTheRun(t *testing.T) {
	h := newHouse(t, nil)
	h.deps.CloakKey = []byte("a key of the site")
	h.start(t)
	boss, guest := h.join(t, "boss"), h.join(t, "guest")
	guest.send("USERHOST guest")
	guest.expect("* 302 guest :guest=+guest@bb03b2fe19.guest.bio-test")
	boss.send("OPER boss key-boss", "KLINE *@bb03b2fe19.guest.bio-test :not you")
	if last := guest.ended(); last != "ERROR :Closing link: You are kept from this network: not you" {
		t.Errorf("the last line was %q", last)
	}
	must(t, h.stop())
	h.start(t)
	again := h.dial(t, "guest")
	again.send("NICK other", "USER other 0 * :Other")
	if last := again.ended(); last != "ERROR :Closing link: You are kept from this network: not you" {
		t.Errorf("after the restart the last line was %q", last)
	}
	if lines, err := h.shelf.Lines(t.Context()); err != nil || len(lines) != 1 || lines[0].Kind != irc.KLine {
		t.Errorf("lines %+v, %v", lines, err)
	}
}
