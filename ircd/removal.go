package ircd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// cmdKill is KILL: it ends all connections of the user with a nick.
func cmdKill(r *request) {
	n, nick, reason := r.n, r.param(0), r.param(1)
	if reason = clip(strings.TrimSpace(reason), maxReason); reason == "" {
		reason = "No reason given"
	}
	r.actInMemory(deed{command: "kill", arguments: nick + " " + reason}, func() (*user, func(), error) {
		u, err := r.victim(nick)
		return u, func() {
			n.tell(u, n.lineFrom(r.user(), "KILL", u.nick, reason))
			n.dropUser(u, "Killed ("+r.user().actor()+" ("+reason+"))")
		}, err
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
		addition := irc.LineAddition(l, n.clock())
		name := string(kind) + "line add"
		r.act(deed{
			command: name, arguments: strings.TrimPrefix(addition, name+" "), only: lineNeeds(kind),
			check: func(ctx context.Context) (result, error) {
				if subject, err := r.mayKeepOut(ctx, l); err != nil {
					return result{subject: subject}, err
				}
				fits, err := n.countFitting(l)
				return result{detail: fmt.Sprintf("fits %d connections", fits), undo: irc.LineRemoval(l)}, err
			},
			change: func(ctx context.Context, store ChannelStore, _ *result) error { return store.AddLine(ctx, l) },
			do: func(ctx context.Context) (string, error) {
				ended, err := n.followLines(ctx)
				return fmt.Sprintf("this ended %d connections", ended), err
			},
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
func lineTime(word string) (time.Duration, bool) {
	if minutes, err := strconv.Atoi(word); err == nil && minutes >= 0 {
		return time.Duration(min(minutes, 366*24*60)) * time.Minute, true
	}
	d, err := text.ParseDuration(word)
	return d, err == nil
}

// cmdUnline is UNKLINE and UNDLINE.
func cmdUnline(kind irc.LineKind) func(*request) {
	return func(r *request) {
		n, mask, by := r.n, r.param(0), ""
		r.locked(func() { by = r.user().actor() })
		r.act(deed{
			command: string(kind) + "line remove", arguments: mask, only: lineNeeds(kind),
			change: func(ctx context.Context, store ChannelStore, res *result) error {
				l, err := store.RemoveLine(ctx, kind, mask, by)
				res.undo = irc.LineAddition(l, n.clock())
				return err
			},
			do: func(ctx context.Context) (string, error) {
				_, err := n.followLines(ctx)
				return "", err
			},
		})
	}
}
