package ircd

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// followChannel brings a channel up to date with what staff changed.
func (n *network) followChannel(ctx context.Context, name string) error {
	var ch *channel
	n.locked(func() { ch = n.channels[fold(name)] })
	if ch != nil {
		ch.saving.Lock()
		defer ch.saving.Unlock()
	}
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	row, err := n.store.Channel(query, name)
	gone := core.CodeOf(err) == core.NotFound
	if err != nil && !gone {
		return err // the event comes again
	}
	n.locked(func() {
		ch = n.channels[fold(name)]
		switch {
		case gone && (ch == nil || !ch.kept):
		case gone:
			n.closeChannel(ch)
		case ch == nil:
			ch = newChannel(row, true, n.clock(), n.lastID)
			n.channels[fold(row.Name)] = ch
			n.keepOrder(ch)
			n.gather(ch, irc.Channel{})
		default:
			n.changeChannel(ch, row)
		}
	})
	return nil
}

// keepOrder puts a kept channel in its place among the others.
func (n *network) keepOrder(ch *channel) {
	ch.kept = true
	if !slices.Contains(n.ordered, ch) {
		n.ordered = append(n.ordered, ch)
	}
	slices.SortFunc(n.ordered, func(a, b *channel) int {
		return cmp.Or(cmp.Compare(a.row.Position, b.row.Position), cmp.Compare(fold(a.row.Name), fold(b.row.Name)))
	})
}

// closeChannel ends a channel that was deleted. Each member is told of its own KICK only:
// all leave at once.
func (n *network) closeChannel(ch *channel) {
	delete(n.channels, fold(ch.row.Name))
	n.ordered = slices.DeleteFunc(n.ordered, func(other *channel) bool { return other == ch })
	for len(ch.members) > 0 {
		m := ch.members[len(ch.members)-1]
		n.tellIn(m, n.line("KICK", ch.row.Name, m.user.nick, "The channel was deleted"))
		m.remove()
	}
}

// changeChannel gives a channel its new row. Members who may no longer be in it leave,
// and those for whom it is meant now enter.
func (n *network) changeChannel(ch *channel, row irc.Channel) {
	was := ch.row
	topic, modes := ch.topic(), channel{flags: ch.flags, key: ch.key, limit: ch.limit}
	row.Name = was.Name // as it is known
	ch.row = row
	ch.flags, ch.key, ch.limit = 0, "", 0
	ch.setModes(row.Modes)
	n.keepOrder(ch)
	if params := modesBetween(&modes, ch); params != nil {
		n.tellChannel(ch, n.line("MODE", append([]string{row.Name}, params...)...))
	}
	if topic != ch.topic() {
		n.tellChannel(ch, n.line("TOPIC", row.Name, ch.topic()))
	}
	if (modes.flags^ch.flags)&flagAuditorium != 0 {
		for _, m := range ch.members {
			n.showAgain(m)
		}
	}
	for _, m := range slices.Clone(ch.members) {
		if !ch.admits(m.user) {
			n.expel(m, "The channel is not for you any more")
		}
	}
	n.gather(ch, was)
}

// modesBetween writes the changes from one channel's modes to another's as parameters of
// MODE; nil when they are the same.
func modesBetween(was, is *channel) []string {
	plus, minus := "", ""
	var args, lost []string
	for _, letter := range []byte(irc.ChannelFlags) {
		switch flag := flagOf(letter); {
		case is.flags&flag != 0 && was.flags&flag == 0:
			plus += string(rune(letter))
		case is.flags&flag == 0 && was.flags&flag != 0:
			minus += string(rune(letter))
		}
	}
	switch {
	case is.key != was.key && is.key != "":
		plus, args = plus+"k", append(args, is.key)
	case is.key != was.key:
		minus, lost = minus+"k", append(lost, "*")
	}
	switch {
	case is.limit != was.limit && is.limit > 0:
		plus, args = plus+"l", append(args, strconv.Itoa(is.limit))
	case is.limit != was.limit:
		minus += "l"
	}
	letters := ""
	if plus != "" {
		letters += "+" + plus
	}
	if minus != "" {
		letters += "-" + minus
	}
	if letters == "" {
		return nil
	}
	return append(append([]string{letters}, args...), lost...)
}

// gather lets members enter a channel that was not meant for them under its old row and
// is now. Others, who may have left it, stay outside.
func (n *network) gather(ch *channel, was irc.Channel) {
	before := channel{row: was}
	for _, a := range n.accounts {
		if a.user != nil && (!was.AutoJoin || !before.admitsMember(a.member)) {
			n.enterByItself(a.user, ch, a.user.sessions)
		}
	}
}

// enterByItself lets connections of a user enter a channel that is meant for it, unless
// something forbids it. Channels are meant for members, or for guests whose account is
// disabled.
func (n *network) enterByItself(u *user, ch *channel, who []*session) {
	meant := ch.row.AutoJoin && u.account != nil || ch.row.Disabled && u.shutOut
	if meant && ch.admits(u) && (u.in(ch) != nil || !ch.banned(u) && len(u.channels) < maxJoined) {
		n.enter(u, ch, n.entryStatus(u), who...)
	}
}

// remove ends all connections of the user with a nick, because staff asked for it. The
// site's bot is not removed: people rely on it.
func (n *network) remove(nick, by, reason string) {
	n.locked(func() {
		u := n.find(nick)
		if u == nil || u.can(core.IRCAnnounce) {
			return
		}
		n.tell(u, n.line("KILL", u.nick, reason))
		n.dropUser(u, "Killed ("+by+" ("+reason+"))")
	})
}

// netLines are the lines that keep people out, ready to be compared with.
type netLines struct {
	all       []irc.Line // newest first
	addresses *ban.Set   // of the D-lines
	masks     []irc.Line // the K-lines
}

// newNetLines sorts lines. A D-line that can't be read has no effect; unread is called for
// it.
func newNetLines(rows []irc.Line, unread func(irc.Line, error)) netLines {
	lines := netLines{all: rows}
	var bans []ban.Ban
	for _, l := range rows {
		if l.Kind != irc.DLine {
			lines.masks = append(lines.masks, l)
			continue
		}
		b, err := l.Ban()
		if err != nil {
			unread(l, err)
			continue
		}
		bans = append(bans, b)
	}
	lines.addresses = ban.NewSet(bans)
	return lines
}

// countFitting returns how many connections a line would end.
func (n *network) countFitting(row irc.Line) (fits int, err error) {
	lines := newNetLines([]irc.Line{row}, func(_ irc.Line, unread error) { err = unread })
	n.locked(func() {
		for s := range n.sessions {
			if _, out := lines.keepOut(s, n.clock()); out {
				fits++
			}
		}
	})
	return fits, err
}

// followLines reads the lines again and ends the connections that they fit. It returns how
// many it ended.
func (n *network) followLines(ctx context.Context) (ended int, err error) {
	n.reading.Lock()
	defer n.reading.Unlock()
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	rows, err := n.store.Lines(query)
	if err != nil {
		return 0, err
	}
	lines := newNetLines(rows, func(l irc.Line, _ error) {
		n.log.Error("a D-line can't be read and has no effect", "line", l.ID)
	})
	n.locked(func() {
		n.lines = lines
		for s := range n.sessions {
			if n.dropIfKeptOut(s) {
				ended++
			}
		}
	})
	return ended, nil
}

// keepOut reports whether a line keeps a connection from the network, and its reason. Staff
// who could remove the line and the site's bot are never kept out, nor are
// programs on trusted addresses by a D-line.
func (lines *netLines) keepOut(s *session, now time.Time) (reason string, out bool) {
	m := s.account
	if s.user.rescue {
		return "", false
	}
	if m != nil && (m.member.Can(core.IRCRemove) || m.member.Can(core.IRCAnnounce)) {
		return "", false
	}
	if !s.exempt {
		if b, banned := lines.addresses.Address(s.from.Addr, ban.IRC, now); banned {
			return b.Reason, true
		}
	}
	u := s.user
	if u.name == "" || u.host == "" {
		return "", false
	}
	real := u.name + "@" + s.from.Addr.String()
	for _, l := range lines.masks {
		if l.Holds(now) && (u.fits(l.Mask, u.name+"@") || matches(l.Mask, real)) {
			return l.Reason, true
		}
	}
	return "", false
}

// dropIfKeptOut ends a connection that a line keeps from the network, and reports
// whether it did. The others aren't told why.
func (n *network) dropIfKeptOut(s *session) bool {
	reason, out := n.lines.keepOut(s, n.clock())
	if !out {
		return false
	}
	n.numeric(s, errYoureBanned, "You are kept from this network: "+reason)
	n.dropFor(s, "You are kept from this network: "+reason, "Kept out")
	return true
}
