package hermes

import (
	"fmt"
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// strangerLimit is how long people whom we found in a channel for members when we came, and
// don't know, may stay there. In channels that not every member may enter they may not stay
// at all.
const strangerLimit = 10 * time.Minute

// chores returns the lines to send so that the network becomes as it should be. What was
// sent lately is not sent again: the server may still be working on it.
func (f *foreign) chores(kept []Channel) []line {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.registered {
		return nil
	}
	now := f.clock()
	f.forgetIdle(now.Add(-unseenLimit))
	out := f.asked
	f.asked = nil
	var wanted []line
	byName := map[string]Channel{}
	for _, c := range kept {
		byName[f.fold(c.Name)] = c
		if f.joined[f.fold(c.Name)] {
			wanted = append(wanted, f.tidyChannel(c)...)
		}
	}
	for _, p := range f.people {
		if f.fold(p.nick) != f.fold(f.nick) {
			wanted = append(wanted, f.tidyPerson(p, byName, now)...)
			wanted = append(wanted, f.tellStranger(p, byName)...)
		}
	}
	for key, at := range f.done {
		if now.Sub(at) > againAfter {
			delete(f.done, key)
		}
	}
	for _, l := range wanted {
		key := strings.Join(l, " ")
		if _, lately := f.done[key]; !lately {
			f.done[key] = now
			out = append(out, l)
		}
	}
	return out
}

// tidyChannel returns the lines that put right a channel that we are in: our status first,
// then modes and topic. Hold mu.
func (f *foreign) tidyChannel(c Channel) []line {
	key := f.fold(c.Name)
	own := ""
	if me := f.people[f.fold(f.nick)]; me != nil {
		own = me.channels[key]
	}
	if !strings.ContainsAny(own, f.facts.statusModes[:strings.IndexByte(f.facts.statusModes, 'o')+1]) {
		return []line{f.kind.mode(c.Name, f.oper, "+o", f.nick)}
	}
	have := f.modes[key]
	if have == nil {
		return []line{{girc.MODE, c.Name}}
	}
	var out []line
	for _, change := range c.modeChanges(&f.facts, f.kind.extra(c), have) {
		out = append(out, f.kind.mode(c.Name, f.oper, change...))
	}
	if topic, known := f.topics[key]; known && !f.doors.topicWaits(c.Name) {
		if want, differs := c.topicFor(topic, f.facts.topicLimit()); differs {
			out = append(out, line{girc.TOPIC, c.Name, want})
		}
	}
	return out
}

// tidyPerson returns the lines that remove somebody from the network or from a channel, or
// give them another status in it. Hold mu.
func (f *foreign) tidyPerson(p *person, kept map[string]Channel, now time.Time) []line {
	if p.who != nil {
		if why := mayBeHere(p.who); why != "" {
			return f.kill(p, why)
		}
	}
	if f.oper && text.LooksLike(p.nick, f.cfg.Nick) {
		return []line{{girc.KILL, p.nick, reservedNick}}
	}
	var out []line
	for key, status := range p.channels {
		c, ok := kept[key]
		if !ok || !f.joined[key] {
			continue
		}
		if why := f.mustGo(p, c, now); why != "" {
			out = append(out, line{girc.KICK, c.Name, p.nick, why})
			continue
		}
		want := ""
		if p.who != nil {
			want = c.statusOf(p.who)
		}
		for _, change := range statusChanges(status, want) {
			out = append(out, f.kind.mode(c.Name, f.oper, change, p.nick))
		}
	}
	return out
}

// tellStranger tells a channel for members, once, that people whom we found there must say
// who they are. It spares channels that programs read. Hold mu.
func (f *foreign) tellStranger(p *person, kept map[string]Channel) []line {
	var out []line
	for key := range p.channels {
		c, ok := kept[key]
		if !ok || f.warned[key] || p.who != nil || !p.found || c.Guests || c.Join != "" || c.Speak != "" {
			continue
		}
		f.warned[key] = true
		out = append(out, line{girc.NOTICE, c.Name, fmt.Sprintf("I have been away and don't know you any more. Please tell me within %d minutes who you are, or you must leave: /msg %s IDENTIFY name key",
			int(strangerLimit.Minutes()), f.cfg.Nick)})
	}
	return out
}

// mustGo says why somebody may not be in a channel, "" when they may. Hold mu.
func (f *foreign) mustGo(p *person, c Channel, now time.Time) string {
	switch {
	case p.who != nil && !c.admits(p.who):
		return "Your class may not be here"
	case p.who != nil, c.Guests:
		return ""
	case p.found && c.Join == "" && now.Sub(f.since) < strangerLimit:
		return ""
	}
	return "Tell me first who you are: /msg " + f.cfg.Nick + " ENTER " + c.Name + " name key"
}

// statusChanges lists the changes from the status that somebody has in a channel to the one
// that they should have.
func statusChanges(have, want string) []string {
	var out []string
	for _, letter := range "ohv" {
		is := strings.ContainsRune(have, letter)
		switch {
		case string(letter) == want && !is:
			out = append(out, "+"+string(letter))
		case string(letter) != want && is && (letter != 'v' || want == ""):
			out = append(out, "-"+string(letter))
		}
	}
	return out
}

// onModes follows the modes of channels. Hold mu.
func (f *foreign) onModes(e girc.Event) {
	switch {
	case e.Command == girc.RPL_CHANNELMODEIS && len(e.Params) >= 3:
		have := map[byte]string{}
		for _, c := range f.facts.changes(e.Params[2:]) {
			have[c.letter] = c.arg
		}
		f.modes[f.fold(e.Params[1])] = have
	case e.Command == girc.MODE && len(e.Params) >= 2:
		key := f.fold(e.Params[0])
		for _, c := range f.facts.changes(e.Params[1:]) {
			switch {
			case strings.IndexByte(f.facts.statusModes, c.letter) >= 0:
				f.statusChanged(key, c)
			case strings.IndexByte(f.facts.lists, c.letter) >= 0 || f.modes[key] == nil:
			case c.add:
				f.modes[key][c.letter] = c.arg
			default:
				delete(f.modes[key], c.letter)
			}
		}
	}
}

// membersHere lists the members whom we know on the network, each once.
func (f *foreign) membersHere() []core.MemberID {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := map[core.MemberID]bool{}
	for _, p := range f.people {
		if p.who != nil {
			seen[p.who.ID] = true
		}
	}
	out := make([]core.MemberID, 0, len(seen))
	for id := range seen {
		out = append(out, id)
	}
	return out
}

// estrange makes a stranger of everybody who proved to be a member: what they proved it
// with is no longer that member's.
func (f *foreign) estrange(id core.MemberID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.people {
		if p.who != nil && p.who.ID == id {
			p.who, p.found = nil, false
		}
	}
}

// refresh gives everybody who is a member its facts as just read, and lets them into
// channels that have opened for them. Without ok they become strangers.
func (f *foreign) refresh(id core.MemberID, m member.Member, ok bool, kept []Channel) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, p := range f.people {
		if p.who == nil || p.who.ID != id {
			continue
		}
		before := p.who
		if p.who = nil; !ok {
			continue
		}
		p.who = &m
		for _, c := range kept {
			_, in := p.channels[f.fold(c.Name)]
			if c.AutoJoin && !in && c.admits(&m) && !c.admits(before) {
				l, _ := f.kind.enter(p.nick, c.Name, f.oper)
				f.ask(l)
			}
		}
	}
}
