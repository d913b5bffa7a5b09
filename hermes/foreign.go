package hermes

import (
	"strings"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// foreign is what a session needs besides on a network whose server knows nothing of the
// site's accounts: who is where, what the channels are like, and what is to be mended. On
// our own network it is nil, and nothing in this file, people.go, chores.go, doors.go or
// the kinds of network.go is used. The session's mu guards it.
type foreign struct {
	*session
	kind  kind
	doors *doors
	more  []string // channels to be in besides the configured ones

	oper   bool                       // whether we are an operator of the network
	people map[string]*person         // by folded nick; see people.go
	modes  map[string]map[byte]string // of channels, once known
	asked  []line                     // to be sent soon; see ask
	done   map[string]time.Time       // when a chore was done last; see chores.go
	warned map[string]bool            // channels whose strangers were told that we don't know them
}

// goAbroad makes the session one on a foreign network, which d looks after.
func (s *session) goAbroad(d *doors) {
	f := &foreign{session: s, kind: d.kind, doors: d, people: map[string]*person{}, modes: map[string]map[byte]string{},
		done: map[string]time.Time{}, warned: map[string]bool{}}
	for _, channel := range d.channels() {
		f.more = append(f.more, channel.Name)
	}
	s.foreign = f
	s.outbox.setPace(s.cfg, f.kind, false)
}

// look learns from a line who is where, and what the channels are like. Hold mu.
func (f *foreign) look(e girc.Event) {
	f.onPeople(e)
	f.onModes(e)
	switch e.Command {
	case girc.JOIN, girc.PART, girc.KICK, girc.NICK, girc.MODE, girc.TOPIC, girc.RPL_CHANNELMODEIS, girc.RPL_ENDOFNAMES:
		f.doors.nudge()
	}
}

// onOper goes on with the registration as operator of the network.
func (f *foreign) onOper() {
	f.mu.Lock()
	first := !f.oper
	f.oper = true
	nick := f.nick
	f.mu.Unlock()
	if !first {
		return
	}
	for _, l := range f.kind.opered(nick) {
		f.write(l[0], l[1:]...)
	}
	f.outbox.setPace(f.cfg, f.kind, true)
	if nick != f.cfg.Nick {
		if err := f.takeNick(nick, true); err != nil {
			f.fail(err.Error())
			return
		}
	}
	f.settle()
}

// noteTopic remembers a topic that somebody else set, to be kept. Hold mu.
func (f *foreign) noteTopic(e girc.Event) {
	if e.Source == nil || f.fold(e.Source.Name) == f.fold(f.nick) {
		return
	}
	f.doors.keepTopic(setTopic{channel: e.Params[0], topic: withSegment(e.Params[1], "", maxTopic), by: e.Source.Name, at: f.clock()})
}

// identify finds the member who speaks, if they have proved to us who they are. Hold mu.
func (f *foreign) identify(m *message, e girc.Event) {
	if who := f.known(e); who != nil {
		m.account, m.member = who.Name, who.ID
		m.ticket = &ticket{f: f, p: f.people[f.fold(m.nick)], mask: maskOf(e.Source)}
	}
	if m.private {
		if _, entry := irc.ParseEntry(strings.TrimPrefix(stripFormat(m.text), "!")); entry {
			m.ticket = f.hand(e)
		}
	}
}
