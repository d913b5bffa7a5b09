package ircd

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// channel is a channel and who is in it. All fields but saving are guarded by
// the network's lock.
type channel struct {
	row     ChannelRow
	kept    bool // has a row in the database; otherwise it ends with its last member
	created time.Time
	flags   flags
	key     string
	limit   int // 0 without
	bans    []ban
	members map[*client]status
	ranked  map[*client]struct{} // those of the members who have a status

	// saving is held from looking at the topic or the modes until a change of
	// them is saved and made, so that memory and database agree. It is taken
	// without the network's lock.
	saving sync.Mutex
}

type ban struct {
	mask, by string
	at       time.Time
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

const (
	maxJoined = 50
	maxBans   = 50
)

// newChannel makes a channel of its row. Modes that can't be read are left out.
func newChannel(row ChannelRow, kept bool, now time.Time) *channel {
	ch := &channel{row: row, kept: kept, created: now, members: map[*client]status{}, ranked: map[*client]struct{}{}}
	ch.setModes(row.Modes)
	return ch
}

// topic returns the channel's topic: that which was set, or else its purpose.
func (ch *channel) topic() string {
	if ch.row.TopicAt.IsZero() {
		return ch.row.Purpose
	}
	return ch.row.Topic
}

// admits reports whether somebody's rights open the channel. a is nil for guests.
func (ch *channel) admits(a *account) bool {
	if a == nil {
		return ch.row.Guests
	}
	return ch.admitsMember(a.member)
}

func (ch *channel) admitsMember(m member.Member) bool {
	return m.Can(core.IRCConnect) && m.Can(ch.row.Join)
}

// sees reports whether viewer sees that c is in the channel. In an auditorium
// people see themselves and those with a status, and operators see everyone.
func (ch *channel) sees(viewer, c *client) bool {
	return ch.flags&flagAuditorium == 0 || viewer == c || ch.members[c] != 0 || ch.members[viewer]&statusOp != 0
}

// viewers yields those who see that c, a member, is in the channel. In an
// auditorium they are few, and found without looking at everybody: thousands
// may enter it at once.
func (ch *channel) viewers(c *client) iter.Seq[*client] {
	return func(yield func(*client) bool) {
		if ch.flags&flagAuditorium == 0 || ch.members[c] != 0 {
			for viewer := range ch.members {
				if !yield(viewer) {
					return
				}
			}
			return
		}
		if !yield(c) {
			return
		}
		for viewer := range ch.ranked {
			if ch.members[viewer]&statusOp != 0 && !yield(viewer) {
				return
			}
		}
	}
}

// visible yields the members that viewer sees, with their status.
func (ch *channel) visible(viewer *client) iter.Seq2[*client, status] {
	return func(yield func(*client, status) bool) {
		s, in := ch.members[viewer]
		if ch.flags&flagAuditorium == 0 || s&statusOp != 0 {
			for c, s := range ch.members {
				if !yield(c, s) {
					return
				}
			}
			return
		}
		if in && s == 0 && !yield(viewer, s) {
			return
		}
		for c := range ch.ranked {
			if !yield(c, ch.members[c]) {
				return
			}
		}
	}
}

// put makes c a member with a status.
func (ch *channel) put(c *client, s status) {
	ch.members[c] = s
	if s == 0 {
		delete(ch.ranked, c)
	} else {
		ch.ranked[c] = struct{}{}
	}
}

// hides reports whether the channel is kept from c: secret ones from all who
// aren't in it, those of members from guests.
func (ch *channel) hides(c *client) bool {
	if ch.has(c) {
		return false
	}
	return ch.flags&flagSecret != 0 || c.account == nil && !ch.row.Guests
}

// banned reports whether a ban fits c.
func (ch *channel) banned(c *client) bool {
	for _, b := range ch.bans {
		if matches(b.mask, c.prefix()) {
			return true
		}
	}
	return false
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

// maySpeak reports whether c may send to the channel. Where speaking needs a
// permission nothing else replaces it: programs trust what is said there.
func (ch *channel) maySpeak(c *client) bool {
	s, in := ch.members[c]
	if ch.row.Speak != "" {
		return in && c.account != nil && c.account.member.Can(ch.row.Speak)
	}
	switch {
	case !in && (ch.flags&flagNoExternal != 0 || !ch.admits(c.account)):
		return false
	case s != 0:
		return true
	}
	return ch.flags&flagModerated == 0 && !ch.banned(c)
}

// lookup returns the channel that c may know of, or nil.
func (n *network) lookup(c *client, name string) *channel {
	ch := n.channels[fold(name)]
	if ch == nil || ch.hides(c) {
		return nil
	}
	return ch
}

// enter puts c into the channel and tells everyone who sees it.
func (n *network) enter(c *client, ch *channel, s status) {
	ch.put(c, s)
	c.channels[ch] = struct{}{}
	delete(c.invited, ch)
	n.showEntry(c, ch, ch.viewers(c))
	if ch.topic() != "" {
		n.sendTopic(c, ch)
	}
	n.sendNames(c, ch)
	if s != 0 {
		l := n.statusLine(c, ch, "+"+s.letters())
		for viewer := range ch.members {
			if viewer != c {
				n.send(viewer, l)
			}
		}
	}
}

// showEntry sends the JOIN of c to some in the channel.
func (n *network) showEntry(c *client, ch *channel, viewers iter.Seq[*client]) {
	plain := n.lineFrom(c, "JOIN", ch.row.Name)
	account := c.accountName()
	if account == "" {
		account = "*"
	}
	extended := n.lineFrom(c, "JOIN", ch.row.Name, account, c.real)
	var away *line
	if c.away != "" {
		away = n.lineFrom(c, "AWAY", c.away)
	}
	for viewer := range viewers {
		if viewer.has(capExtendedJoin) {
			n.send(viewer, extended)
		} else {
			n.send(viewer, plain)
		}
		if away != nil && viewer != c && viewer.has(capAwayNotify) {
			n.send(viewer, away)
		}
	}
}

// leave takes c out of the channel without a word.
func (n *network) leave(c *client, ch *channel) {
	delete(ch.members, c)
	delete(ch.ranked, c)
	delete(c.channels, ch)
	if len(ch.members) == 0 && !ch.kept {
		delete(n.channels, fold(ch.row.Name))
		for other := range n.clients {
			delete(other.invited, ch)
		}
	}
}

// expel takes c out by the server's word. It returns the line for c, which the
// others got already.
func (n *network) expel(c *client, ch *channel, reason string) *line {
	l := n.line("KICK", ch.row.Name, c.nick, reason)
	for viewer := range ch.viewers(c) {
		if viewer != c {
			n.send(viewer, l)
		}
	}
	n.leave(c, ch)
	return l
}

// grantStatus gives c, who is in the channel, what the member's rights give.
func (n *network) grantStatus(c *client, ch *channel) {
	if c.account != nil {
		n.setStatus(c, ch, ch.members[c]|rights(c.account.member), "")
	}
}

// updateStatus follows a change of rights: what the rights gave is taken back
// with them, what an operator gave stays.
func (n *network) updateStatus(c *client, ch *channel, before member.Member) {
	was, is := rights(before), rights(c.account.member)
	n.setStatus(c, ch, ch.members[c]&^(was&^is)|is&^was, "")
}

// setStatus changes the status of c in the channel and tells everyone. by is the
// prefix of who did it, "" for the server.
func (n *network) setStatus(c *client, ch *channel, now status, by string) {
	was := ch.members[c]
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
	l := n.statusLine(c, ch, modes)
	if by != "" {
		l.source = by
	}
	unseen := func(yield func(*client) bool) {
		for viewer := range ch.members {
			if !ch.sees(viewer, c) && !yield(viewer) {
				return
			}
		}
	}
	if was == 0 { // in an auditorium c comes into view
		n.showEntry(c, ch, unseen)
	}
	ch.put(c, now)
	for viewer := range ch.members {
		n.send(viewer, l)
	}
	if now == 0 { // and out of it again
		part := n.lineFrom(c, "PART", ch.row.Name)
		for viewer := range unseen {
			n.send(viewer, part)
		}
	}
	if ch.flags&flagAuditorium != 0 && (was^now)&statusOp != 0 {
		n.showAgain(c, ch)
	}
}

// showAgain lets c enter anew what it is in, for its own eyes only: whom it sees
// there has changed, and its client keeps a list.
func (n *network) showAgain(c *client, ch *channel) {
	n.send(c, n.lineFrom(c, "PART", ch.row.Name, "You will see others in this channel now"))
	n.showEntry(c, ch, slices.Values([]*client{c}))
	if ch.topic() != "" {
		n.sendTopic(c, ch)
	}
	n.sendNames(c, ch)
}

// statusLine is a MODE about one member; modes are such as "+ov".
func (n *network) statusLine(c *client, ch *channel, modes string) *line {
	params := []string{ch.row.Name, modes}
	for _, r := range modes {
		if r != '+' && r != '-' {
			params = append(params, c.nick)
		}
	}
	return n.line("MODE", params...)
}
