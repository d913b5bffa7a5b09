package ircd

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// cmdJoin is JOIN: several channels with keys, or 0 to leave all.
func cmdJoin(r *request) {
	if r.param(0) == "0" {
		for ch := range r.c.channels {
			r.n.part(r.c, ch, "")
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
	n, c := r.n, r.c
	ch := n.channels[fold(name)]
	if ch == nil {
		if !n.cfg.FreeChannels || !validChannel(name) || len(n.channels) >= maxChannels {
			r.reply(errNoSuchChannel, clip(name, maxChannel), "No such channel")
			return
		}
		n.openFree(c, name)
		return
	}
	if _, in := c.channels[ch]; in {
		return
	}
	if code, why := n.mayJoin(c, ch, key); code != "" {
		r.reply(code, ch.row.Name, why)
		return
	}
	n.enter(c, ch, n.entryStatus(c))
}

// openFree makes a channel that lasts while someone is in it.
func (n *network) openFree(c *client, name string) {
	if len(c.channels) >= maxJoined {
		n.numeric(c, errTooManyChannels, name, "You have joined too many channels")
		return
	}
	ch := newChannel(ChannelRow{Name: name, Modes: "+nt", Guests: true}, false, n.clock())
	n.channels[fold(name)] = ch
	n.enter(c, ch, n.entryStatus(c)|statusOp)
}

func (n *network) entryStatus(c *client) status {
	if c.account == nil {
		return 0
	}
	return rights(c.account.member)
}

// mayJoin returns the numeric and the reason why c may not enter, "" when it may.
// Those whom rights make operators pass what operators set.
func (n *network) mayJoin(c *client, ch *channel, key string) (code, why string) {
	_, invited := c.invited[ch]
	switch {
	case len(c.channels) >= maxJoined:
		return errTooManyChannels, "You have joined too many channels"
	case !ch.admits(c.account) && c.account == nil:
		return errNeedReggedNick, "Cannot join channel: log in with your site name and IRC key first"
	case !ch.admits(c.account):
		return errInviteOnlyChan, "Cannot join channel: your class may not enter it"
	case n.entryStatus(c)&statusOp != 0:
		return "", ""
	case ch.banned(c):
		return errBannedFromChan, "Cannot join channel (+b): you are banned"
	case ch.flags&flagInviteOnly != 0 && !invited:
		return errInviteOnlyChan, "Cannot join channel (+i): you need an invitation"
	case ch.key != "" && ch.key != key && !invited:
		return errBadChannelKey, "Cannot join channel (+k): the key is wrong"
	case ch.limit > 0 && len(ch.members) >= ch.limit && !invited:
		return errChannelIsFull, "Cannot join channel (+l): it is full"
	}
	return "", ""
}

// autoJoin puts a member into the channels that are meant for it: all of them at
// login, those that its new rights opened after a change from before.
func (n *network) autoJoin(c *client, before *member.Member) {
	for _, ch := range n.ordered {
		_, in := c.channels[ch]
		if in || !ch.row.AutoJoin || c.account == nil || !ch.admits(c.account) || ch.banned(c) || len(c.channels) >= maxJoined {
			continue
		}
		if before != nil && ch.admitsMember(*before) {
			continue
		}
		n.enter(c, ch, n.entryStatus(c))
	}
}

// cmdPart is PART.
func cmdPart(r *request) {
	for _, name := range targets(r.param(0)) {
		ch := r.n.lookup(r.c, name)
		if ch == nil {
			r.reply(errNoSuchChannel, clip(name, maxChannel), "No such channel")
			continue
		}
		if _, in := r.c.channels[ch]; !in {
			r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
			continue
		}
		r.n.part(r.c, ch, clip(r.param(1), maxReason))
	}
}

func (n *network) part(c *client, ch *channel, reason string) {
	params := []string{ch.row.Name}
	if reason != "" {
		params = append(params, reason)
	}
	l := n.lineFrom(c, "PART", params...)
	for viewer := range ch.viewers(c) {
		n.send(viewer, l)
	}
	n.leave(c, ch)
}

// cmdKick is KICK: several people out of one channel.
func cmdKick(r *request) {
	n, c := r.n, r.c
	ch := n.lookup(c, r.param(0))
	if ch == nil {
		r.reply(errNoSuchChannel, clip(r.param(0), maxChannel), "No such channel")
		return
	}
	if !r.operates(ch) {
		return
	}
	reason := clip(r.param(2), maxReason)
	if reason == "" {
		reason = c.nick
	}
	nicks := targets(r.param(1))
	if len(nicks) > maxTargets {
		r.reply(errTooManyTargets, clip(r.param(1), maxNick), "Too many targets")
		return
	}
	for _, nick := range nicks {
		victim := n.find(nick)
		if victim == nil || !ch.has(victim) || !ch.sees(c, victim) {
			r.reply(errUserNotInChannel, clip(nick, maxNick), ch.row.Name, "They aren't on that channel")
			continue
		}
		if victim.account != nil && victim.account.member.Can(core.IRCAnnounce) {
			r.reply(errChanOPrivsNeeded, ch.row.Name, victim.nick+" works here and can't be kicked")
			continue
		}
		l := n.lineFrom(c, "KICK", ch.row.Name, victim.nick, reason)
		for viewer := range ch.viewers(victim) {
			n.send(viewer, l)
		}
		n.leave(victim, ch)
	}
}

func (ch *channel) has(c *client) bool {
	_, in := ch.members[c]
	return in
}

// operates reports whether the client is operator of the channel, and tells it
// when it isn't.
func (r *request) operates(ch *channel) bool {
	s, in := ch.members[r.c]
	switch {
	case !in:
		r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
	case s&statusOp == 0:
		r.reply(errChanOPrivsNeeded, ch.row.Name, "You're not channel operator")
	default:
		return true
	}
	return false
}

// cmdInvite is INVITE. An invitation passes what operators set (+i, +k, +l), never
// what the site's classes say.
func cmdInvite(r *request) {
	n, c := r.n, r.c
	guest, ch := n.find(r.param(0)), n.lookup(c, r.param(1))
	switch {
	case guest == nil:
		r.reply(errNoSuchNick, clip(r.param(0), maxNick), "No such nick")
		return
	case ch == nil:
		r.reply(errNoSuchChannel, clip(r.param(1), maxChannel), "No such channel")
		return
	case !ch.has(c):
		r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
		return
	case ch.has(guest):
		r.reply(errUserOnChannel, guest.nick, ch.row.Name, "is already on channel")
		return
	case ch.flags&flagInviteOnly != 0 && !r.operates(ch):
		return
	case !ch.admits(guest.account):
		r.reply(errChanOPrivsNeeded, ch.row.Name, "The class of "+guest.nick+" may not enter this channel")
		return
	}
	guest.invited[ch] = struct{}{}
	r.reply(rplInviting, guest.nick, ch.row.Name)
	n.send(guest, n.lineFrom(c, "INVITE", guest.nick, ch.row.Name))
	if guest.away != "" {
		r.reply(rplAway, guest.nick, guest.away)
	}
}
