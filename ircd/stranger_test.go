package ircd

import (
	"regexp"
	"strings"
	"testing"
)

// TestGuestsLearnNothingFromRefusals asks, as a guest, about what there is and what there
// isn't: a channel for members beside none, and a member who is not here, or no more,
// beside nobody.
func TestGuestsLearnNothingFromRefusals(t *testing.T) {
	t.Parallel()
	t.Run("channels of the site", func(t *testing.T) {
		t.Parallel()
		h, _ := openLibrary(t)
		askAsStranger(t, h)
	})
	t.Run("channels of anybody", func(t *testing.T) {
		t.Parallel()
		h, _ := openLibrary(t)
		must(t, h.stop())
		h.cfg.FreeChannels = true
		h.Room = New(h.cfg, h.needs())
		h.start(t)
		h.join(t, "alice").send("JOIN #lab", "MODE #lab +is")
		askAsStranger(t, h, "#lab")
	})
}

func askAsStranger(t *testing.T, h *house, more ...string) {
	carol := h.join(t, "carol")
	carol.send("QUIT")
	carol.ended()
	guest := h.join(t, "guest", "draft/chathistory", "batch", "draft/message-redaction", "message-tags", "draft/read-marker")
	ask := func(line, name, as string) string {
		t.Helper()
		guest.pending = nil
		guest.send(strings.ReplaceAll(line, "%", name))
		guest.sync()
		answer := strings.ReplaceAll(strings.Join(guest.pending, "\n"), name, as)
		if _, rest, ok := strings.Cut(answer, " BATCH +"); ok { // each has a number of its own
			_, answer, _ = strings.Cut(rest, " ")
		}
		return answer
	}
	for _, line := range []string{"JOIN %", "JOIN % key", "PART %", "TOPIC %", "TOPIC % :x", "NAMES %", "LIST %", "WHO %", "WHO % o", "MODE %", "MODE % b", "MODE % +m",
		"KICK % guest", "INVITE guest %", "PRIVMSG % :x", "PRIVMSG @% :x", "NOTICE % :x", "@+x=y TAGMSG %", "HISTORY %", "CHATHISTORY LATEST % * 5", "REDACT % abc",
		"MARKREAD %", "PRIVMSG Hermes :ENTER %"} {
		none := ask(line, "#nothing", "#")
		for _, channel := range append(more, "#staff", "#general", "#STAFF", "#announce") {
			if got := ask(line, channel, "#"); got != none {
				t.Errorf("%s: %s is told from none:\n%s\n%s", line, channel, got, none)
			}
		}
	}
	for _, line := range []string{"WHOIS %", "WHO %", "WHOWAS %", "ISON %", "USERHOST %", "MONITOR + %", "MONITOR - %", "PRIVMSG % :x", "INVITE % #support", "MODE %",
		"CHATHISTORY LATEST % * 5", "REDACT % abc", "ACCEPT %", "NS IDENTIFY % wrong"} {
		if line == "INVITE % #support" {
			guest.send("JOIN #support")
			guest.sync()
		}
		none := ask(line, "nemo", "N")
		if got := ask(line, "carol", "N"); got != none {
			t.Errorf("%s: a member is told from nobody:\n%s\n%s", line, got, none)
		}
	}
	for _, line := range []string{"NICK %", "NICK %|away", "NICK %_", "NICK [%]"} { // nemo is nobody's name
		answer := func(name string) string {
			guest.send("NICK guest")
			guest.sync()
			return regexp.MustCompile(`@msgid=\S+`).ReplaceAllString(ask(line, name, "N")+ask("NICK guest", name, "N"), "")
		}
		if none, got := answer("nemo"), answer("carol"); got != none {
			t.Errorf("%s: a member's name is told from nobody's:\n%s\n%s", line, got, none)
		}
	}
	begin := func(name string) string {
		p := h.dial(t, "who")
		defer p.conn.Close()
		p.send("NICK "+name, "USER u 0 * :u")
		p.expect("* MODE * +i")
		p.sync()
		return strings.ReplaceAll(strings.Join(p.pending, "\n"), name, "N")
	}
	if none, got := begin("nemo"), begin("carol"); got != none {
		t.Errorf("a guest who begins as a member is told\n%s\nand as nobody\n%s", got, none)
	}
	targets := ask("CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2200-01-01T00:00:00.000Z 50", "%", "%")
	list := ask("LIST", "%", "%")
	for _, hidden := range append(more, "#staff", "#general", "#announce") {
		if strings.Contains(targets+list, hidden) {
			t.Errorf("%s is listed: %s\n%s", hidden, targets, list)
		}
	}
}

// TestOpenNetwork lets guests be called as they wish and open channels, where that is set.
func TestOpenNetwork(t *testing.T) {
	t.Parallel()
	const script = `
		x > NICK carol
		x > USER u 0 * :u
		x < :irc.test 001 carol *
		y > NICK CAROL
		y > USER u 0 * :u
		y < :irc.test 433 * CAROL *
		y > NICK dave
		y < :irc.test 001 dave *
		y > NICK carol
		y < :irc.test 433 dave carol *
		y > NICK H3rmes
		y < :irc.test 433 dave H3rmes *
		x > JOIN #lab
		x < :carol!* JOIN #lab
		x < :irc.test 353 carol = #lab :@carol
		y > NICK erin
		y < :dave!* NICK erin
		carol is
		x < :carol!* NICK Guest*`
	open(t, func(c *Config) { c.OpenNetwork, c.FreeChannels = true, true }).talk(t, script)
	open(t, func(c *Config) { c.FreeChannels = true }).talk(t, `
		x > NICK carol
		x > USER u 0 * :u
		x < :irc.test 001 carol|guest *
		x > JOIN #lab
		x < :irc.test 477 carol|guest #lab *`)
	open(t, func(c *Config) { c.OpenNetwork = true }).talk(t, `
		x > NICK carol
		x > USER u 0 * :u
		x < :irc.test 001 carol *
		x > JOIN #lab
		x < :irc.test 477 carol #lab *`)
	if on, off := (Config{OpenNetwork: true}).Caution(), (Config{FreeChannels: true}).Caution(); !strings.Contains(on, "open_network") || off != "" {
		t.Errorf("the cautions are %q and %q", on, off)
	}
}
