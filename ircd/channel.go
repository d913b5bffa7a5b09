package ircd

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// channel is a channel and who is in it. All fields but saving are guarded by
// the network's lock.
type channel struct {
	row     irc.Channel
	kept    bool // has a row in the database; otherwise it ends with its last member
	created time.Time
	flags   flags
	key     string
	limit   int       // 0 without
	said    irc.MsgID // id of the last message of this run, or a later id
	masks   [len(maskLists)][]maskEntry
	members []*membership // slices, because each message walks over them
	ranked  []*membership // those of the members who have a status

	// saving is held from looking at the topic or the modes until a change of
	// them is saved and made, so that memory and database agree. It is taken
	// without the network's lock.
	saving sync.Mutex
}

// membership is one user in one channel, by some of the user's connections. It lasts as
// long as one of them is there: the others in the channel see the first come and the last
// go, and what is said there reaches those that are in it and no more.
type membership struct {
	user     *user
	ch       *channel
	sessions []*session // of the user, never empty
	status   status
	place    int // in channel.members
	rank     int // in channel.ranked, while there is a status

	entered irc.MsgID // of the JOIN
}

// status is what a member of a channel is in it.
type status uint8

const (
	statusOp status = 1 << iota
	statusVoice
)

// symbols returns the prefixes of a status: all of them or the highest.
func (s status) symbols(all bool) string {
	switch {
	case s&statusOp != 0 && s&statusVoice != 0 && all:
		return "@+"
	case s&statusOp != 0:
		return "@"
	case s&statusVoice != 0:
		return "+"
	}
	return ""
}

// letters are the symbols as modes.
func (s status) letters() string {
	return strings.NewReplacer("@", "o", "+", "v").Replace(s.symbols(true))
}

// maxJoined is how many channels somebody may be in.
const maxJoined = 50

// newChannel makes a channel from its row. said is the latest id that a message in it may
// have. Modes that can't be read are left out.
func newChannel(row irc.Channel, kept bool, now time.Time, said irc.MsgID) *channel {
	ch := &channel{row: row, kept: kept, created: now, said: said}
	ch.setModes(row.Modes)
	return ch
}

// topic returns the topic that was set, or else the channel's purpose.
func (ch *channel) topic() string {
	if ch.row.TopicAt.IsZero() {
		return ch.row.Purpose
	}
	return ch.row.Topic
}

// admits reports whether somebody's rights let them enter the channel.
func (ch *channel) admits(u *user) bool {
	if u.account == nil {
		return ch.row.Guests || ch.row.Disabled && u.shutOut
	}
	return ch.admitsMember(u.account.member)
}

func (ch *channel) admitsMember(m member.Member) bool {
	return m.Can(core.IRCConnect) && m.Can(ch.row.Join) && ch.row.JoinClass.Allows(m.Class.Level, m.SecondaryIDs()...)
}

// seenBy reports whether viewer, who may be outside, sees that m is in the channel.
// In an auditorium people see themselves and those with a status, and operators
// see everyone.
func (m *membership) seenBy(viewer *user) bool {
	return m.ch.flags&flagAuditorium == 0 || viewer == m.user || m.status != 0 || viewer.status(m.ch)&statusOp != 0
}

// has reports whether a connection is in the channel.
func (m *membership) has(s *session) bool { return m != nil && slices.Contains(m.sessions, s) }

// hasAll reports whether all of some connections are in the channel.
func (m *membership) hasAll(who []*session) bool {
	return m != nil && !slices.ContainsFunc(who, func(s *session) bool { return !m.has(s) })
}

// in returns the membership by which a connection is in a channel, or nil.
func (s *session) in(ch *channel) *membership {
	if m := s.user.in(ch); m.has(s) {
		return m
	}
	return nil
}

// viewers yields those in the channel who see that m is. In an auditorium they
// are few, and found without looking at everybody: thousands may enter it at once.
func (m *membership) viewers() iter.Seq[*membership] {
	return func(yield func(*membership) bool) {
		if m.ch.flags&flagAuditorium == 0 || m.status != 0 {
			for _, viewer := range m.ch.members {
				if !yield(viewer) {
					return
				}
			}
			return
		}
		if !yield(m) {
			return
		}
		for _, viewer := range m.ch.ranked {
			if viewer.status&statusOp != 0 && !yield(viewer) {
				return
			}
		}
	}
}

// visible yields the members that viewer sees.
func (ch *channel) visible(viewer *user) iter.Seq[*membership] {
	return func(yield func(*membership) bool) {
		own := viewer.in(ch)
		list := ch.members
		if ch.flags&flagAuditorium != 0 && (own == nil || own.status&statusOp == 0) {
			list = ch.ranked
			if own != nil && own.status == 0 && !yield(own) {
				return
			}
		}
		for _, m := range list {
			if !yield(m) {
				return
			}
		}
	}
}

// put makes u a member without a status, by all of its sessions.
func (ch *channel) put(u *user) *membership {
	m := &membership{user: u, ch: ch, sessions: slices.Clone(u.sessions), place: len(ch.members)}
	ch.members = append(ch.members, m)
	u.channels = append(u.channels, m)
	return m
}

// remove is the opposite of put.
func (m *membership) remove() {
	m.setStatus(0)
	ch := m.ch
	last := len(ch.members) - 1
	ch.members[m.place] = ch.members[last]
	ch.members[m.place].place = m.place
	ch.members[last] = nil
	ch.members = ch.members[:last]
	m.user.channels = slices.DeleteFunc(m.user.channels, func(other *membership) bool { return other == m })
}

func (m *membership) setStatus(s status) {
	ch := m.ch
	switch {
	case m.status == 0 && s != 0:
		m.rank = len(ch.ranked)
		ch.ranked = append(ch.ranked, m)
	case m.status != 0 && s == 0:
		last := len(ch.ranked) - 1
		ch.ranked[m.rank] = ch.ranked[last]
		ch.ranked[m.rank].rank = m.rank
		ch.ranked[last] = nil
		ch.ranked = ch.ranked[:last]
	}
	m.status = s
}

// hides reports whether the channel is hidden from u. Secret channels are hidden from
// all who aren't in them, channels for members from guests.
func (ch *channel) hides(u *user) bool {
	if u.in(ch) != nil || u.may(core.IRCOverride) {
		return false
	}
	return ch.flags&flagSecret != 0 || u.account == nil && !ch.row.Guests
}

// rights returns the status that a member's permissions give.
func rights(m member.Member) status {
	var s status
	if m.Can(core.IRCOperate) {
		s |= statusOp
	}
	if m.Can(core.IRCVoice) {
		s |= statusVoice
	}
	return s
}

// maySpeak reports whether u may send to the channel by a connection that is in it as m,
// or outside. Where speaking needs a permission, no status replaces it: programs trust
// what is said there.
func (ch *channel) maySpeak(u *user, m *membership) bool {
	if ch.row.Speak != "" || ch.row.SpeakClass.ID != 0 {
		return m != nil && u.can(ch.row.Speak) && ch.row.SpeakClass.Allows(u.account.member.Class.Level, u.account.member.SecondaryIDs()...)
	}
	switch {
	case m == nil && (ch.flags&flagNoExternal != 0 || !ch.admits(u)):
		return false
	case m != nil && m.status != 0:
		return true
	}
	if ch.flags&flagMembersSpeak != 0 && u.account == nil {
		return false
	}
	return ch.flags&flagModerated == 0 && !ch.banned(u)
}

// lookup returns the channel of that name if u may know that it exists, or nil.
func (n *network) lookup(u *user, name string) *channel {
	ch := n.channels[fold(name)]
	if ch == nil || ch.hides(u) {
		return nil
	}
	return ch
}

// tellChannel sends a line to all members.
func (n *network) tellChannel(ch *channel, l *line) {
	for _, m := range ch.members {
		n.tellIn(m, l)
	}
}

// tellIn sends a line to those connections of a member that are in the channel.
func (n *network) tellIn(m *membership, l *line) {
	for _, s := range m.sessions {
		n.send(s, l)
	}
}

// enter puts connections of u into the channel, of which at least one isn't there. If they
// are the user's first, everyone who sees it is told; otherwise only they themselves.
func (n *network) enter(u *user, ch *channel, s status, who ...*session) {
	if len(who) == 0 {
		return
	}
	if m := u.in(ch); m != nil {
		for _, own := range who {
			if !m.has(own) {
				m.sessions = append(m.sessions, own)
				n.showOwn(own, m)
				n.wantReplay(own, m)
			}
		}
		return
	}
	m := ch.put(u)
	m.sessions = slices.Clone(who)
	m.setStatus(s)
	u.invited = slices.DeleteFunc(u.invited, func(other *channel) bool { return other == ch })
	entry := n.lineFrom(u, "JOIN", ch.row.Name)
	n.stamp(entry)
	m.entered = entry.id
	n.recordMove(m, entry, "")
	n.showEntry(m, entry.id, m.viewers())
	for _, own := range who {
		n.showInside(own, ch)
		n.wantReplay(own, m)
	}
	if s != 0 {
		l := n.statusLine(m, "+"+s.letters())
		for _, viewer := range ch.members {
			if viewer != m {
				n.tellIn(viewer, l)
			}
		}
	}
}

// entryLines makes the JOIN of m, plain and extended, and its AWAY, which is nil unless m
// is away. With id 0 the lines have no msgid.
func (n *network) entryLines(m *membership, id irc.MsgID) (plain, extended, away *line) {
	u := m.user
	plain = n.lineFrom(u, "JOIN", m.ch.row.Name)
	extended = n.lineFrom(u, "JOIN", m.ch.row.Name, orStar(u.accountName()), u.real)
	if id != 0 {
		plain.id, extended.id = id, id
		plain.at, extended.at = id.Time(), id.Time()
	}
	if u.away != "" {
		away = n.lineFrom(u, "AWAY", u.away)
	}
	return plain, extended, away
}

// showEntry sends the JOIN of m to some in the channel.
func (n *network) showEntry(m *membership, id irc.MsgID, viewers iter.Seq[*membership]) {
	plain, extended, away := n.entryLines(m, id)
	for viewer := range viewers {
		for _, s := range viewer.sessions {
			if s.has(capExtendedJoin) {
				n.send(s, extended)
			} else {
				n.send(s, plain)
			}
			if away != nil && viewer != m && s.has(capAwayNotify) {
				n.send(s, away)
			}
		}
	}
}

// showOwn lets one session of a member enter the channel, for its own eyes only.
func (n *network) showOwn(s *session, m *membership) {
	plain, extended, _ := n.entryLines(m, 0)
	if s.has(capExtendedJoin) {
		plain = extended
	}
	n.send(s, plain)
	n.showInside(s, m.ch)
}

// showInside sends what follows one's own JOIN: topic, and names unless the client
// asks for them itself.
func (n *network) showInside(s *session, ch *channel) {
	if ch.topic() != "" {
		n.sendTopic(s, ch)
	}
	if s.has(capReadMarker) {
		n.send(s, n.markLine(ch.row.Name, s.user.marks()[fold(ch.row.Name)]))
	}
	if !s.has(capNoImplicitNames) {
		n.sendNames(s, ch)
		n.numeric(s, rplEndOfNames, ch.row.Name, "End of NAMES list")
	}
}

// leave takes a member out of the channel and tells nobody.
func (n *network) leave(m *membership) {
	m.remove()
	if len(m.ch.members) == 0 && !m.ch.kept {
		delete(n.channels, fold(m.ch.row.Name))
	}
}

// expel takes a member out in the server's name.
func (n *network) expel(m *membership, reason string) {
	l := n.line("KICK", m.ch.row.Name, m.user.nick, reason)
	n.stamp(l)
	n.recordMove(m, l, m.user.nick+" "+reason)
	for viewer := range m.viewers() {
		n.tellIn(viewer, l)
	}
	n.leave(m)
}

// grantStatus gives a member of the channel what the site's rights give.
func (n *network) grantStatus(m *membership) {
	if a := m.user.account; a != nil {
		n.setStatus(m, m.status|rights(a.member), "")
	}
}

// updateStatus follows a change of rights: what the rights gave is taken back
// with them, what an operator gave stays.
func (n *network) updateStatus(m *membership, before member.Member) {
	was, is := rights(before), rights(m.user.account.member)
	n.setStatus(m, m.status&^(was&^is)|is&^was, "")
}

// setStatus changes the status of a member and tells everyone. by is the prefix
// of the user who did it, "" for the server.
func (n *network) setStatus(m *membership, now status, by string) {
	was := m.status
	if was == now {
		return
	}
	modes := ""
	if gained := now &^ was; gained != 0 {
		modes += "+" + gained.letters()
	}
	if lost := was &^ now; lost != 0 {
		modes += "-" + lost.letters()
	}
	l := n.statusLine(m, modes)
	if by != "" {
		l.source = by
	}
	unseen := func(yield func(*membership) bool) {
		for _, viewer := range m.ch.members {
			if !m.seenBy(viewer.user) && !yield(viewer) {
				return
			}
		}
	}
	if was == 0 { // in an auditorium the member comes into view
		n.showEntry(m, 0, unseen)
	}
	m.setStatus(now)
	n.stamp(l)
	n.recordEvent(m.ch, nil, l, strings.Join(l.params[1:], " "))
	n.tellChannel(m.ch, l)
	if now == 0 { // and out of it again
		part := n.lineFrom(m.user, "PART", m.ch.row.Name)
		for viewer := range unseen {
			n.tellIn(viewer, part)
		}
	}
	if m.ch.flags&flagAuditorium != 0 && (was^now)&statusOp != 0 {
		n.showAgain(m)
	}
}

// showAgain shows a member, and nobody else, that it enters the channel again: the set of
// people that it sees there has changed, and clients keep a list of them.
func (n *network) showAgain(m *membership) {
	n.tellIn(m, n.lineFrom(m.user, "PART", m.ch.row.Name, "You will see others in this channel now"))
	for _, s := range m.sessions {
		n.showOwn(s, m)
	}
}

// statusLine is a MODE about one member; modes are such as "+ov".
func (n *network) statusLine(m *membership, modes string) *line {
	params := []string{m.ch.row.Name, modes}
	for _, r := range modes {
		if r != '+' && r != '-' {
			params = append(params, m.user.nick)
		}
	}
	return n.line("MODE", params...)
}
