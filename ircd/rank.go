package ircd

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// The rule of rank for operators, by which every command of theirs that is about a person
// goes: see member.Member.MayActOn. Guests have no rank, and whoever is operator by the
// password of the configuration stands above all. The site's bot is left alone: people rely
// on it. Operators may do to themselves what they like.

// mayActOn says why an operator may not act on somebody, as an error with code Forbidden.
func (u *user) mayActOn(other *user) error {
	switch {
	case other.rescue && !u.rescue:
		return core.Errorf(core.Forbidden, "%s is an operator by the configuration, and nobody stands above them", other.nick)
	case other.account == nil:
		return nil
	}
	return u.mayActOnMember(other.account.member)
}

// mayActOnMember is mayActOn for an account, whether it is there or not.
func (u *user) mayActOnMember(m member.Member) error {
	switch {
	case u.account != nil && u.account.member.ID == m.ID:
		return nil
	case m.Can(core.IRCAnnounce):
		return core.Errorf(core.Forbidden, "%s works here and is left alone", m.Name)
	case u.rescue:
		return nil
	case u.account == nil || !u.account.member.MayActOn(m):
		return core.Errorf(core.Forbidden, "you can't do this to %s: only to guests, to members whose class is below yours, and to yourself", m.Name)
	}
	return nil
}

// victim finds the user that an operator names and may act on. It returns the user also
// where that is forbidden, for the audit log.
func (r *request) victim(nick string) (*user, error) {
	u := r.n.find(nick)
	if u == nil {
		r.reply(errNoSuchNick, clip(nick, maxNick), "No such nick")
		return nil, core.Errorf(core.NotFound, "nobody has the nick %s", clip(nick, maxNick))
	}
	return u, r.user().mayActOn(u)
}

// mayKeepOut says why an operator may not set a line: it names a member on whom they may
// not act, or would end a connection of one. subject is that member, for the audit log.
func (r *request) mayKeepOut(ctx context.Context, l irc.Line) (subject string, err error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	n := r.n
	named, err := l.Named(ctx, n.members)
	if err != nil {
		n.log.Error("whom a line names can't be looked up", "err", err)
		return "", core.Wrap(err, core.Unavailable, "accounts can't be looked up at the moment, try again in a minute")
	}
	lines := newNetLines([]irc.Line{l}, func(_ irc.Line, unread error) { err = unread })
	if err != nil {
		return "", err
	}
	n.lockedFor(r, func() {
		for _, m := range named {
			if err = r.user().mayActOnMember(m); err != nil {
				subject = audit.MemberSubject(m.ID)
				return
			}
		}
		for s := range n.sessions {
			if _, out := lines.keepOut(s, n.clock()); !out {
				continue
			}
			if err = r.user().mayActOn(s.user); err != nil {
				subject = s.user.subject()
				return
			}
		}
	})
	return subject, err
}
