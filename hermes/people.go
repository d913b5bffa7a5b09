package hermes

import (
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Where the server doesn't tell who somebody is on the site, they tell the bot. Somebody
// who gave name and key counts as that member for as long as it is certain that the very
// same connection speaks. The bot knows a connection by its whole nick!user@host, which it
// must see all the time: in a channel with us, or through MONITOR. In doubt people are
// strangers again, and so is everybody when our own connection ends.

const (
	unseenLimit = time.Minute // how long we trust somebody whom we share no channel with and can't watch
	maxPeople   = 100_000

	errMonitorFull = "734"
)

// person is somebody who has a nick now. It ends when the nick is given up or passes to
// somebody else; a ticket is good for one person only.
type person struct {
	nick     string
	mask     string            // nick!user@host as last seen, "" while unknown
	channels map[string]string // channels shared with us: statuses as letters, by folded name
	who      *member.Member    // nil for strangers
	since    time.Time         // when they proved to be who
	seen     time.Time         // last sign of them
	watched  bool              // MONITOR would tell when they go
	found    bool              // was in a channel before we came
}

// ticket remembers who said something, so that a later answer goes to the same person.
type ticket struct {
	f    *foreign
	p    *person
	mask string
}

// person returns the person who has nick now, a new one if we know none. mask is "" where
// the line doesn't tell it. Hold mu.
func (f *foreign) person(nick, mask string) *person {
	key := f.fold(nick)
	p := f.people[key]
	if p == nil {
		if len(f.people) >= maxPeople {
			f.forgetIdle(time.Time{})
		}
		p = &person{nick: nick, channels: map[string]string{}}
		f.people[key] = p
	}
	if mask != "" && p.mask != mask {
		p.who = nil // the host changed and nobody told us how
		p.mask = mask
	}
	if !f.sure(p) {
		p.who = nil
	}
	p.seen = f.clock()
	return p
}

// sure reports whether it is certain that somebody hasn't left unseen since they said who
// they are. Hold mu.
func (f *foreign) sure(p *person) bool {
	return len(p.channels) > 0 || p.watched || f.clock().Sub(p.since) <= unseenLimit
}

// forget ends a person. Hold mu.
func (f *foreign) forget(nick string) {
	key := f.fold(nick)
	if p := f.people[key]; p != nil {
		delete(f.people, key)
		if p.watched {
			f.ask(line{"MONITOR", "-", p.nick})
		}
	}
}

// forgetIdle ends all people who share no channel with us and of whom we have seen nothing
// since, except members whom we watch. Hold mu.
func (f *foreign) forgetIdle(since time.Time) {
	for _, p := range f.people {
		if len(p.channels) == 0 && (!p.watched || p.who == nil) && (since.IsZero() || p.seen.Before(since)) {
			f.forget(p.nick)
		}
	}
}

// hand gives out a ticket for the sender of a message. From then on we watch them, where
// the server can. Hold mu.
func (f *foreign) hand(e girc.Event) *ticket {
	p := f.person(e.Source.Name, maskOf(e.Source))
	if f.facts.monitor && !p.watched && len(p.channels) == 0 {
		p.watched = true
		f.ask(line{"MONITOR", "+", p.nick})
	}
	return &ticket{f: f, p: p, mask: p.mask}
}

// bind notes that the holder of the ticket is m. It reports false if somebody else may have
// the nick by now.
func (t *ticket) bind(m member.Member) bool {
	f := t.f
	f.mu.Lock()
	defer f.mu.Unlock()
	if !t.held() {
		return false
	}
	t.p.who, t.p.since = &m, f.clock()
	return true
}

// holds reports whether the same person still has the nick.
func (t *ticket) holds() bool {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	return t.held()
}

// held is holds for callers that hold mu.
func (t *ticket) held() bool {
	return t.f.people[t.f.fold(t.p.nick)] == t.p && t.p.mask == t.mask
}

// known returns the member that speaks, nil for strangers. Hold mu.
func (f *foreign) known(e girc.Event) *member.Member {
	p := f.people[f.fold(e.Source.Name)]
	if p == nil || p.who == nil {
		return nil
	}
	if p.mask != maskOf(e.Source) || !f.sure(p) {
		p.who = nil
		return nil
	}
	return p.who
}

func maskOf(src *girc.Source) string { return src.Name + "!" + src.Ident + "@" + src.Host }

// onPeople keeps track of who is where. Hold mu.
func (f *foreign) onPeople(e girc.Event) {
	for _, nick := range f.kind.left(e) {
		f.forget(nick)
		if f.oper && e.Command == girc.NOTICE && text.LooksLike(nick, f.cfg.Nick) && f.fold(nick) != f.fold(f.nick) {
			f.ask(line{girc.KILL, nick, reservedNick})
		}
	}
	switch e.Command {
	case girc.RPL_NAMREPLY:
		if len(e.Params) >= 4 {
			f.onNames(f.fold(e.Params[2]), strings.Fields(e.Last()))
		}
		return
	case errMonitorFull: // nobody watches those then
		if len(e.Params) >= 3 {
			for _, nick := range strings.Split(e.Params[2], ",") {
				if p := f.people[f.fold(nick)]; p != nil {
					p.watched = false
				}
			}
		}
		return
	case girc.ERR_NOSUCHNICK:
		if len(e.Params) >= 2 && !strings.HasPrefix(e.Params[1], "#") {
			f.forget(e.Params[1])
		}
		return
	}
	if e.Source == nil || e.Source.Name == "" {
		return
	}
	nick := e.Source.Name
	switch {
	case e.Command == girc.QUIT:
		f.forget(nick)
	case e.Command == girc.KILL && len(e.Params) >= 1:
		f.forget(e.Params[0])
	case len(e.Params) == 0:
	case e.Command == girc.NICK:
		f.renamed(nick, e.Params[0])
	case e.Command == girc.JOIN:
		p := f.person(nick, maskOf(e.Source))
		p.channels[f.fold(e.Params[0])] = ""
		if p.watched {
			p.watched = false
			f.ask(line{"MONITOR", "-", p.nick})
		}
	case e.Command == girc.PART:
		f.departed(nick, f.fold(e.Params[0]))
	case e.Command == girc.KICK && len(e.Params) >= 2:
		f.departed(e.Params[1], f.fold(e.Params[0]))
	case e.Command == girc.CAP_CHGHOST && len(e.Params) >= 2:
		if p := f.people[f.fold(nick)]; p != nil {
			p.mask = p.nick + "!" + e.Params[0] + "@" + e.Params[1]
		}
	}
}

func (f *foreign) onNames(channel string, entries []string) {
	for _, entry := range entries {
		status, nick, mask := f.facts.name(entry)
		if nick != "" {
			p := f.person(nick, mask)
			if _, in := p.channels[channel]; !in {
				p.found = true
			}
			p.channels[channel] = status
		}
	}
}

func (f *foreign) renamed(from, to string) {
	p := f.people[f.fold(from)]
	if p == nil {
		return
	}
	delete(f.people, f.fold(from))
	if _, rest, ok := strings.Cut(p.mask, "!"); ok {
		p.mask = to + "!" + rest
	}
	if p.watched {
		p.watched = false
		f.ask(line{"MONITOR", "-", from})
	}
	p.nick = to
	f.people[f.fold(to)] = p
}

// departed takes somebody out of a channel, or everybody if it is we who left.
func (f *foreign) departed(nick, channel string) {
	if f.fold(nick) == f.fold(f.nick) {
		for _, p := range f.people {
			f.outOf(p, channel)
		}
		delete(f.modes, channel)
		return
	}
	if p := f.people[f.fold(nick)]; p != nil {
		f.outOf(p, channel)
	}
}

func (f *foreign) outOf(p *person, channel string) {
	if _, in := p.channels[channel]; !in {
		return
	}
	if delete(p.channels, channel); len(p.channels) == 0 {
		f.forget(p.nick)
	}
}

// statusChanged follows a MODE line's changes of statuses. Hold mu.
func (f *foreign) statusChanged(channel string, c modeChange) {
	p := f.people[f.fold(c.arg)]
	if p == nil {
		return
	}
	status, in := p.channels[channel]
	if !in {
		return
	}
	status = strings.ReplaceAll(status, string(rune(c.letter)), "")
	if c.add {
		status += string(rune(c.letter))
	}
	p.channels[channel] = status
}

// ask queues a line that doors.run is to send soon. Hold mu.
func (f *foreign) ask(l line) {
	if len(f.asked) < maxPeople {
		f.asked = append(f.asked, l)
	}
	f.doors.nudge()
}
