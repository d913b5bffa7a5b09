package ircd

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// What operators with irc.override may do for others, and against a channel's modes and
// operators. They are still bound by the site's classes: nobody gets into a channel that
// is not for their class, or a nick that isn't theirs.

// overrides reports whether the asker may change a channel without being its operator.
func (r *request) overrides(ch *channel) bool {
	return r.user().may(core.IRCOverride) && r.user().status(ch)&statusOp == 0
}

// looksInto reports whether the asker may see what is shown to those in a channel only.
func (r *request) looksInto(ch *channel) bool {
	return r.user().in(ch) != nil || r.user().may(core.IRCOverride)
}

// announce tells the operators of a channel what somebody else did to it.
func (r *request) announce(ch *channel, text string) {
	l := r.n.line("NOTICE", "@"+ch.row.Name, "*** "+text)
	for _, m := range ch.ranked {
		if m.status&statusOp != 0 && m.user != r.user() {
			r.n.tellIn(m, l)
		}
	}
}

// cmdSajoin is SAJOIN [nick] #channel,…: it lets somebody, or oneself, enter.
func cmdSajoin(r *request) {
	nick, list := r.param(0), r.param(1)
	if strings.HasPrefix(nick, "#") {
		nick, list = "", nick
	}
	names := targets(list)
	if len(names) == 0 || len(names) > maxTargets {
		r.locked(func() { r.reply(errNeedMoreParams, "SAJOIN", "Name one to "+itoa(maxTargets)+" channels") })
		return
	}
	for _, name := range names {
		r.forceJoin(nick, name)
	}
}

// forceJoin lets somebody enter a channel with all connections; "" is the connection that
// asks.
func (r *request) forceJoin(nick, name string) {
	n, itself := r.n, nick == ""
	if itself {
		r.locked(func() { nick = r.user().nick })
	}
	r.actInMemory(deed{command: "sajoin", arguments: nick + " " + name}, func() (*user, func(), error) {
		u, err := r.victim(nick)
		if err != nil {
			return u, nil, err
		}
		who := u.sessions
		if itself {
			who = []*session{r.s}
		}
		ch := n.channels[fold(name)]
		switch {
		case ch == nil:
			err = core.Errorf(core.NotFound, "there is no channel %s", clip(name, maxChannel))
		case u.in(ch).hasAll(who):
			err = core.Errorf(core.Conflict, "%s is in %s already", u.nick, ch.row.Name)
		case !ch.admits(u):
			err = core.Errorf(core.Invalid, "the class of %s may not enter %s", u.nick, ch.row.Name)
		case u.in(ch) == nil && len(u.channels) >= maxJoined:
			err = core.Errorf(core.Conflict, "%s is in too many channels", u.nick)
		}
		return u, func() {
			n.enter(u, ch, n.entryStatus(u), who...)
			r.announce(ch, r.user().actor()+" let "+u.nick+" into "+ch.row.Name)
		}, err
	})
}

// cmdSapart is SAPART nick #channel,… [reason].
func cmdSapart(r *request) {
	n, names := r.n, targets(r.param(1))
	if len(names) == 0 || len(names) > maxTargets {
		r.locked(func() { r.reply(errNeedMoreParams, "SAPART", "Name one to "+itoa(maxTargets)+" channels") })
		return
	}
	nick, reason := r.param(0), clip(r.param(2), maxReason)
	for _, name := range names {
		r.actInMemory(deed{command: "sapart", arguments: strings.TrimSpace(nick + " " + name + " " + reason)}, func() (*user, func(), error) {
			u, err := r.victim(nick)
			if err != nil {
				return u, nil, err
			}
			ch := n.channels[fold(name)]
			if ch == nil || u.in(ch) == nil {
				return u, nil, core.Errorf(core.NotFound, "%s is not in %s", u.nick, clip(name, maxChannel))
			}
			return u, func() {
				n.partAll(u.in(ch), reason)
				r.announce(ch, r.user().actor()+" took "+u.nick+" out of "+ch.row.Name)
			}, nil
		})
	}
}

// cmdSamode is SAMODE: MODE for channels that one doesn't operate, and for others' own
// modes. Nobody becomes operator by it.
func cmdSamode(r *request) {
	n, target := r.n, r.param(0)
	if strings.HasPrefix(target, "#") {
		var ch *channel
		r.locked(func() {
			if ch = n.channels[fold(target)]; ch == nil {
				r.reply(errNoSuchChannel, clip(target, maxChannel), "No such channel")
			}
		})
		if ch != nil {
			r.forceModes(ch)
		}
		return
	}
	r.actInMemory(deed{command: "samode", arguments: target + " " + r.param(1)}, func() (*user, func(), error) {
		u, err := r.victim(target)
		return u, func() { r.changeUserModes(u) }, err
	})
}

// forceModes changes the modes of a channel on behalf of an operator.
func (r *request) forceModes(ch *channel) {
	words := r.params[1:]
	if strings.Contains(words[0], "k") && len(words) > 1 {
		words = []string{words[0], "(left out)"} // a key is among them
	}
	ch.saving.Lock()
	defer ch.saving.Unlock()
	plan := r.planModes(ch)
	if len(plan.changes) == 0 {
		return // it has been answered
	}
	r.act(deed{
		command: "samode", arguments: ch.row.Name + " " + strings.Join(words, " "),
		check: func(context.Context) (_ result, err error) {
			r.n.lockedFor(r, func() { err = r.mayRaise(plan.changes) })
			return result{subject: audit.ChannelSubject(ch.row.Name)}, err
		},
		change: func(ctx context.Context, store ChannelStore, _ *result) error { return plan.save(ctx, store, ch) },
		do: func(context.Context) (string, error) {
			r.n.lockedFor(r, func() {
				r.n.makeChanges(r.user(), ch, plan.changes)
				r.announce(ch, r.user().actor()+" changed the modes of "+ch.row.Name)
			})
			return "", nil
		},
	})
}

// mayRaise says why the asker may not give or take the status of a channel that is among
// some changes: it is somebody's on whom they may not act.
func (r *request) mayRaise(changes []modeChange) error {
	for _, m := range changes {
		if m.letter != 'o' && m.letter != 'v' {
			continue
		}
		if who := r.n.find(m.arg); who != nil {
			if err := r.user().mayActOn(who); err != nil {
				return err
			}
		}
	}
	return nil
}

// cmdSanick is SANICK: it gives somebody the nick that they would get if they asked for it.
func cmdSanick(r *request) {
	n, old, nick := r.n, r.param(0), r.param(1)
	var u *user
	account := ""
	// give gives the nick, or only says why that can't be.
	give := func(ctx context.Context, really bool) error {
		return n.settled(func(unchanged func(core.MemberID, string) bool) (settled bool, err error) {
			if account != "" {
				if err := n.mayUse(ctx, account, nick); err != nil {
					return true, err
				}
			}
			n.lockedFor(r, func() {
				for _, base := range basesOf(nick) {
					if !unchanged(0, base) {
						return
					}
				}
				settled = true
				switch holder := n.find(nick); {
				case n.nicks[fold(u.nick)] != u || u.accountName() != account:
					err = core.Errorf(core.NotFound, "%s is gone", clip(old, maxNick))
				case account == "":
					if as := n.guestNick(nick, u); as == "" {
						err = core.Errorf(core.Conflict, "%s can't be had", nick)
					} else if really {
						n.rename(u, as)
					}
				case holder != nil && holder != u:
					err = core.Errorf(core.Conflict, "%s is somebody else's nick now", nick)
				case really:
					n.rename(u, nick)
				}
			})
			return settled, err
		})
	}
	r.act(deed{
		command: "sanick", arguments: old + " " + nick,
		check: func(ctx context.Context) (res result, err error) {
			n.lockedFor(r, func() {
				u, err = r.victim(old)
				if res.subject = u.subject(); err == nil {
					account = u.accountName()
				}
			})
			switch {
			case err != nil:
				return res, err
			case !validNick(nick):
				return res, core.Errorf(core.Invalid, "%s can't be a nick", clip(nick, maxNick))
			}
			return res, give(ctx, false)
		},
		do: func(ctx context.Context) (string, error) { return "", give(ctx, true) },
	})
}

// cmdChghost is CHGHOST: it gives somebody another displayed host for as long as they
// stay on the network, or the cloaked one again. Bans and K-lines on the cloaked host
// keep fitting.
func cmdChghost(r *request) {
	n, nick, host := r.n, r.param(0), r.param(1)
	r.actInMemory(deed{command: "chghost", arguments: strings.TrimSpace(nick + " " + host)}, func() (*user, func(), error) {
		u, err := r.victim(nick)
		if err == nil && host != "" && (!validServerName(host) || strings.HasSuffix(fold(host), "."+slug(n.name))) {
			err = core.Errorf(core.Invalid, "a host has letters, digits, . and -, with a dot in it, and doesn't end as the hosts of this network do")
		}
		return u, func() {
			u.vhost = host
			n.changeHost(u, u.name, n.hostOf(u))
		}, err
	})
}

// cmdWallops is WALLOPS: a message to everyone with the mode w, and to its sender.
func cmdWallops(r *request) {
	n, text := r.n, r.param(0)
	r.actInMemory(deed{command: "wallops", arguments: text, loud: true}, func() (*user, func(), error) {
		return nil, func() {
			l := n.lineFrom(r.user(), "WALLOPS", text)
			for _, u := range n.nicks {
				if u.wallops || u == r.user() {
					n.tell(u, l)
				}
			}
		}, nil
	})
}
