package ircd

import (
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// A member may have a bot and a bouncer logged in beside the client that a question is
// typed into. What the site's bot answers in private is for that client alone: the bot
// names the message that it answers, and the server knows by which connection it came.

// asked is a message that somebody sent lately, and the connection it came by; nil once
// that has ended.
type asked struct {
	id irc.MsgID
	by *session
}

// maxAsked is how many messages of a user are remembered to be answered. An answer comes
// within seconds.
const maxAsked = 32

// noteAsked remembers by which connection a message came.
func (r *request) noteAsked(l *line) {
	u := r.user()
	if len(u.asked) >= maxAsked {
		u.asked = slices.Delete(u.asked, 0, 1)
	}
	u.asked = append(u.asked, asked{l.id, r.s})
}

// hearers returns the connections that a private message goes to: all of the user, or for
// an answer of the site's bot the one that asked. If that has ended, or isn't known, the
// bot is told so and nobody gets it.
func (r *request) hearers(to *user, l *line) ([]*session, bool) {
	value, answers := l.tags[irc.ReplyTag]
	if !answers || to == r.user() || !r.user().can(core.IRCAnnounce) {
		return to.sessions, true
	}
	id, ok := irc.ParseMsgID(value)
	i := slices.IndexFunc(to.asked, func(a asked) bool { return ok && a.id == id })
	if i < 0 || to.asked[i].by == nil {
		r.complain(l.command, errNoSuchNick, to.nick, "The connection that asked is gone")
		return nil, false
	}
	return []*session{to.asked[i].by}, true
}

// sealed reports whether nobody in between can read what the connection gets.
func (s *session) sealed() bool { return s.from.Secure || s.from.Addr.Unmap().IsLoopback() }

// shown is a message as a recipient gets it: to the site's bot the server says whether an
// answer to the sender would go over an encrypted connection.
func (r *request) shown(to *user, l *line) *line {
	if !r.s.sealed() || !to.can(core.IRCAnnounce) {
		return l
	}
	return l.withTag(irc.SecureTag, "1")
}
