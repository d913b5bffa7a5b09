package ircd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	audit "github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// cmdKill is KILL: it ends all connections of whoever has a nick.
func cmdKill(r *request) {
	n, nick, reason := r.n, r.param(0), r.param(1)
	if reason = clip(strings.TrimSpace(reason), maxReason); reason == "" {
		reason = "No reason given"
	}
	r.act(deed{command: "kill", arguments: nick + " " + reason}, func(context.Context) (result, error) {
		var err error
		n.lockedFor(r, func() {
			u := n.find(nick)
			switch {
			case u == nil:
				r.reply(errNoSuchNick, clip(nick, maxNick), "No such nick")
				err = core.Errorf(core.NotFound, "nobody has the nick %s", clip(nick, maxNick))
			case u.can(core.IRCAnnounce):
				err = core.Errorf(core.Invalid, "%s works here and can't be killed", u.nick)
			default:
				n.tell(u, n.lineFrom(r.user(), "KILL", u.nick, reason))
				n.dropUser(u, "Killed ("+r.user().actor()+" ("+reason+"))")
			}
		})
		return result{}, err
	})
}

// dropUser ends all connections of somebody.
func (n *network) dropUser(u *user, reason string) {
	for _, s := range slices.Clone(u.sessions) {
		n.drop(s, reason)
	}
}

// cmdLine is KLINE and DLINE: [for how long] mask reason, where the time is as staff
// write it elsewhere (30m, 12h, 3d) or a number of minutes, as other servers take it.
func cmdLine(kind irc.LineKind) func(*request) {
	return func(r *request) {
		n, params := r.n, r.params
		lasts, timed := lineTime(params[0])
		if timed {
			params = params[1:]
		}
		if len(params) < 2 {
			r.locked(func() { r.reply(errNeedMoreParams, r.msg.Command, "Not enough parameters") })
			return
		}
		by := ""
		r.locked(func() { by = r.user().actor() })
		l, err := irc.NewLine(kind, params[0], strings.Join(params[1:], " "), by, n.clock(), lasts)
		if err != nil {
			r.locked(func() { r.complainOf(err) })
			return
		}
		addition := audit.LineAddition(l, n.clock())
		name := string(kind) + "line add"
		d := deed{command: name, arguments: strings.TrimPrefix(addition, name+" "), only: lineNeeds(kind)}
		r.act(d, func(ctx context.Context) (result, error) {
			if err := n.store.SaveLine(ctx, l); err != nil {
				return result{}, err
			}
			ended, err := n.followLines(ctx)
			return result{
				detail: fmt.Sprintf("this ended %d connections", ended),
				undo:   audit.LineRemoval(l),
			}, err
		})
	}
}

// lineNeeds is the power to set and see lines of a kind.
func lineNeeds(kind irc.LineKind) core.Permission {
	if kind == irc.DLine {
		return core.IRCAddress
	}
	return core.IRCRemove
}

// lineTime reads for how long a line is to be.
func lineTime(text string) (time.Duration, bool) {
	if minutes, err := strconv.Atoi(text); err == nil && minutes >= 0 {
		return time.Duration(min(minutes, 366*24*60)) * time.Minute, true
	}
	d, err := audit.ParseDuration(text)
	return d, err == nil
}

// cmdUnline is UNKLINE and UNDLINE.
func cmdUnline(kind irc.LineKind) func(*request) {
	return func(r *request) {
		n, mask := r.n, r.param(0)
		d := deed{command: string(kind) + "line remove", arguments: mask, only: lineNeeds(kind)}
		r.act(d, func(ctx context.Context) (result, error) {
			l, err := n.store.DropLine(ctx, kind, mask)
			if err != nil {
				return result{}, err
			}
			_, err = n.followLines(ctx)
			return result{undo: audit.LineAddition(l, n.clock())}, err
		})
	}
}
