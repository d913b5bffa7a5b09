package ircd

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// cmdJoin is JOIN: several channels with keys, or 0 to leave all. Operators with
// irc.override enter even where a mode forbids it, and that is written down.
func cmdJoin(r *request) {
	r.locked(r.joinAll)
	for _, name := range r.forced {
		r.forceJoin("", name)
	}
}

func (r *request) joinAll() {
	if r.param(0) == "0" {
		for _, m := range slices.Clone(r.user().channels) {
			if m.has(r.s) {
				r.n.part(m, r.s, "")
			}
		}
		return
	}
	keys := strings.Split(r.param(1), ",")
	for i, name := range targets(r.param(0)) {
		key := ""
		if i < len(keys) {
			key = keys[i]
		}
		r.join(name, key)
	}
}

func (r *request) join(name, key string) {
	n, u := r.n, r.user()
	ch := n.channels[fold(name)]
	if ch == nil && u.account == nil && !n.mayOpen(u) && validChannel(name) {
		if !r.joinsTooFast(name) {
			r.replyToStranger(name)
		}
		return
	}
	if ch == nil {
		if !n.mayOpen(u) || !validChannel(name) || len(n.channels) >= irc.MaxChannels {
			r.reply(errNoSuchChannel, clip(name, maxChannel), "No such channel")
			return
		}
		if !r.joinsTooFast(name) {
			n.openFree(r.s, name)
		}
		return
	}
	if r.s.in(ch) != nil || r.joinsTooFast(name) {
		return
	}
	if u.in(ch) != nil { // by another connection
		n.enter(u, ch, 0, r.s)
		return
	}
	if code, why := n.mayJoin(u, ch, key); code != "" {
		if u.may(core.IRCOverride) && ch.admits(u) && code != errTooManyChannels {
			r.forced = append(r.forced, ch.row.Name)
			return
		}
		if u.account == nil && ch.hides(u) {
			r.replyToStranger(name)
			return
		}
		r.reply(code, ch.row.Name, why)
		return
	}
	n.enter(u, ch, n.entryStatus(u), r.s)
}

// mayOpen reports whether u may open a channel by joining it. Guests could find out in that
// way which there are, so they may on an open network alone.
func (n *network) mayOpen(u *user) bool {
	return n.cfg.FreeChannels && (u.account != nil || n.cfg.OpenNetwork)
}

// replyToStranger refuses a guest a channel that it may not know of, with the same words
// whether there is one of that name or not.
func (r *request) replyToStranger(name string) {
	r.reply(errNeedReggedNick, clip(name, maxChannel), needsLogin)
}

// openFree makes a channel that lasts while someone is in it.
func (n *network) openFree(s *session, name string) {
	u := s.user
	if len(u.channels) >= maxJoined {
		n.numeric(s, errTooManyChannels, name, "You have joined too many channels")
		return
	}
	ch := newChannel(irc.Channel{Name: name, Modes: "+nt", Guests: true}, false, n.clock(), n.lastID)
	n.channels[fold(name)] = ch
	n.enter(u, ch, n.entryStatus(u)|statusOp, s)
}

// needsLogin is what a guest is told of a channel that is not for guests.
const needsLogin = "Cannot join channel: log in with your site name and IRC key first"

func (n *network) entryStatus(u *user) status {
	if u.account == nil {
		return 0
	}
	return rights(u.account.member)
}

// mayJoin returns the numeric and the reason why u may not enter, "" when it may.
// Users whose rights make them operators are not bound by what operators set.
func (n *network) mayJoin(u *user, ch *channel, key string) (code, why string) {
	invited := slices.Contains(u.invited, ch)
	switch {
	case len(u.channels) >= maxJoined:
		return errTooManyChannels, "You have joined too many channels"
	case !ch.admits(u) && u.account == nil:
		return errNeedReggedNick, needsLogin
	case !ch.admits(u):
		return errInviteOnlyChan, "Cannot join channel: your class may not enter it"
	case n.entryStatus(u)&statusOp != 0:
		return "", ""
	case ch.banned(u) && !invited:
		return errBannedFromChan, "Cannot join channel (+b): you are banned"
	case ch.flags&flagMembersOnly != 0 && u.account == nil && !invited:
		return errNeedReggedNick, "Cannot join channel (+R): log in with your site name and IRC key first"
	case ch.flags&flagInviteOnly != 0 && !invited && !ch.fits('I', u):
		return errInviteOnlyChan, "Cannot join channel (+i): you need an invitation"
	case ch.key != "" && ch.key != key && !invited:
		return errBadChannelKey, "Cannot join channel (+k): the key is wrong"
	case ch.limit > 0 && len(ch.members) >= ch.limit && !invited:
		return errChannelIsFull, "Cannot join channel (+l): it is full"
	}
	return "", ""
}

// autoJoin puts connections of a user into the channels that are meant for it: at login,
// where before is nil, into all of them, and later into those that the rights before did
// not open.
func (n *network) autoJoin(u *user, before *member.Member, who ...*session) {
	for _, ch := range n.ordered {
		if before == nil || !ch.admitsMember(*before) {
			n.enterByItself(u, ch, who)
		}
	}
}

// cmdPart is PART.
func cmdPart(r *request) {
	for _, name := range targets(r.param(0)) {
		ch := r.n.lookup(r.user(), name)
		if ch == nil {
			r.reply(errNoSuchChannel, clip(name, maxChannel), "No such channel")
			continue
		}
		m := r.s.in(ch)
		if m == nil {
			r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
			continue
		}
		r.n.part(m, r.s, clip(r.param(1), maxReason))
	}
}

// part takes one connection out of a channel, and shows it that.
func (n *network) part(m *membership, s *session, reason string) {
	if len(m.sessions) == 1 {
		n.partAll(m, reason)
		return
	}
	n.withdraw(m, s, reason)
	n.send(s, n.partLine(m, reason))
}

// withdraw takes a connection out of a channel. It isn't told itself, nor are others unless
// it was the user's last one there.
func (n *network) withdraw(m *membership, s *session, reason string) {
	m.sessions = slices.DeleteFunc(m.sessions, func(other *session) bool { return other == s })
	if len(m.sessions) == 0 {
		n.partAll(m, reason)
	}
}

func (n *network) partLine(m *membership, reason string) *line {
	if reason == "" {
		return n.lineFrom(m.user, "PART", m.ch.row.Name)
	}
	return n.lineFrom(m.user, "PART", m.ch.row.Name, reason)
}

// partAll takes a user out of a channel and tells everyone who sees it.
func (n *network) partAll(m *membership, reason string) {
	if !n.closing {
		l := n.partLine(m, reason)
		n.stamp(l)
		n.recordMove(m, l, reason)
		for viewer := range m.viewers() {
			n.tellIn(viewer, l)
		}
	}
	n.leave(m)
}

// cmdKick is KICK: several people out of one channel, or as many out of one channel each
// (RFC 2812).
func cmdKick(r *request) {
	channels, nicks := targets(r.param(0)), targets(r.param(1))
	if len(channels) > 1 {
		nicks = strings.Split(r.param(1), ",") // each belongs to the channel at its place, so none is left out
	}
	switch {
	case len(nicks) > maxTargets || len(channels) > maxTargets:
		r.reply(errTooManyTargets, clip(r.param(1), maxNick), "Too many targets")
		return
	case len(channels) == 0, len(channels) > 1 && len(channels) != len(nicks):
		r.reply(errNeedMoreParams, "KICK", "Name one channel, or as many as people")
		return
	}
	for i, name := range channels {
		if len(channels) > 1 {
			r.kick(name, nicks[i:i+1])
		} else {
			r.kick(name, nicks)
		}
	}
}

func (r *request) kick(channel string, nicks []string) {
	n, u := r.n, r.user()
	ch := n.lookup(u, channel)
	if ch == nil {
		r.reply(errNoSuchChannel, clip(channel, maxChannel), "No such channel")
		return
	}
	if !r.operates(ch) {
		return
	}
	reason := clip(r.param(2), maxReason)
	if reason == "" {
		reason = u.nick
	}
	for _, nick := range nicks {
		victim := n.memberOf(ch, nick)
		if victim == nil || !victim.seenBy(u) {
			r.reply(errUserNotInChannel, clip(nick, maxNick), ch.row.Name, "They aren't on that channel")
			continue
		}
		if victim.user.can(core.IRCAnnounce) {
			r.reply(errChanOPrivsNeeded, ch.row.Name, victim.user.nick+" works here and can't be kicked")
			continue
		}
		l := n.lineFrom(u, "KICK", ch.row.Name, victim.user.nick, reason)
		n.stamp(l)
		n.recordEvent(ch, u, l, victim.user.nick+" "+reason)
		for viewer := range victim.viewers() {
			n.tellIn(viewer, l)
		}
		n.leave(victim)
	}
}

// memberOf returns the membership of the user with a nick, or nil.
func (n *network) memberOf(ch *channel, nick string) *membership {
	if u := n.find(nick); u != nil {
		return u.in(ch)
	}
	return nil
}

// operates reports whether the asker is an operator of the channel, and tells them if not.
func (r *request) operates(ch *channel) bool {
	m := r.s.in(ch)
	switch {
	case m == nil:
		r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
	case m.status&statusOp == 0:
		r.reply(errChanOPrivsNeeded, ch.row.Name, "You're not channel operator")
	default:
		return true
	}
	return false
}

// cmdInvite is INVITE; without parameters it lists the invitations that one has. An
// invitation by an operator overrides what operators set (+b, +i, +k, +l), but never the
// site's classes.
func cmdInvite(r *request) {
	n, u := r.n, r.user()
	if len(r.params) == 0 {
		r.listInvites()
		return
	}
	if len(r.params) == 1 {
		r.reply(errNeedMoreParams, "INVITE", "Not enough parameters")
		return
	}
	guest, ch := n.find(r.param(0)), n.lookup(u, r.param(1))
	switch {
	case guest == nil:
		r.reply(errNoSuchNick, clip(r.param(0), maxNick), "No such nick")
		return
	case ch == nil:
		r.reply(errNoSuchChannel, clip(r.param(1), maxChannel), "No such channel")
		return
	case r.s.in(ch) == nil:
		r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
		return
	case guest.in(ch) != nil:
		r.reply(errUserOnChannel, guest.nick, ch.row.Name, "is already on channel")
		return
	case ch.flags&flagInviteOnly != 0 && !r.operates(ch):
		return
	case !ch.admits(guest):
		r.reply(errChanOPrivsNeeded, ch.row.Name, "The class of "+guest.nick+" may not enter this channel")
		return
	}
	if u.status(ch)&statusOp != 0 {
		n.invite(guest, ch)
	}
	r.reply(rplInviting, guest.nick, ch.row.Name)
	l := n.lineFrom(u, "INVITE", guest.nick, ch.row.Name)
	n.tell(guest, l)
	for _, m := range ch.ranked {
		for _, s := range m.sessions {
			if m.status&statusOp != 0 && s != r.s && s.has(capInviteNotify) {
				n.send(s, l)
			}
		}
	}
	if guest.away != "" {
		r.reply(rplAway, guest.nick, guest.away)
	}
}

// invite notes an invitation. Only the latest are kept. An invitation to a channel that
// has ended doesn't open a later channel of that name.
func (n *network) invite(u *user, ch *channel) {
	if slices.Contains(u.invited, ch) {
		return
	}
	if len(u.invited) >= maxJoined {
		u.invited = slices.Delete(u.invited, 0, 1)
	}
	u.invited = append(u.invited, ch)
}

func (r *request) listInvites() {
	u := r.user()
	for _, ch := range u.invited {
		if r.n.channels[fold(ch.row.Name)] == ch {
			r.reply(rplInviteList, ch.row.Name)
		}
	}
	r.reply(rplEndOfInviteList, "End of INVITE list")
}
