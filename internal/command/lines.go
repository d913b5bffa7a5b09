package command

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

func (r *Registry) lineCommands() []Spec {
	mask, lasts, reason := Arg{Name: "mask", Kind: Word}, Arg{Name: "for", Kind: Duration, Flag: true, Optional: true}, Arg{Name: "reason", Kind: Text}
	return []Spec{
		{
			Name: "kline list", Aliases: []string{"dline list"}, Summary: "who is kept from IRC, and why", Permission: core.IRCRemove, Run: r.lineList,
		}, {
			Name: "kline add", Summary: "keep user@host from IRC, for a time or for good", Permission: core.IRCRemove,
			Args: []Arg{lasts, mask, reason}, Changes: true, Preview: r.previewLine(irc.KLine), Run: r.lineAdd(irc.KLine),
		}, {
			Name: "kline remove", Summary: "let user@host onto IRC again", Permission: core.IRCRemove,
			Args: []Arg{mask}, Changes: true, Run: r.lineRemove(irc.KLine),
		}, {
			Name: "dline add", Summary: "keep an address or a network from IRC, for a time or for good", Permission: core.IRCAddress,
			Args: []Arg{lasts, mask, reason}, Changes: true, Preview: r.previewLine(irc.DLine), Run: r.lineAdd(irc.DLine),
		}, {
			Name: "dline remove", Summary: "let an address or a network onto IRC again", Permission: core.IRCAddress,
			Args: []Arg{mask}, Changes: true, Run: r.lineRemove(irc.DLine),
		}, {
			Name: "kill", Summary: "end all IRC connections of whoever has a nick", Permission: core.IRCRemove,
			Args: []Arg{{Name: "nick", Kind: Word}, reason}, Changes: true, Run: r.kill,
		},
	}
}

// lineList shows addresses only to those who may see them.
func (r *Registry) lineList(ctx context.Context, c Call) (Reply, error) {
	lines, err := r.deps.IRC.Lines(ctx)
	if err != nil {
		return Reply{}, err
	}
	out, hidden := []string{}, 0
	for _, l := range lines {
		if l.Kind == irc.DLine && !c.Actor.can(core.IRCAddress) {
			hidden++
			continue
		}
		out = append(out, fmt.Sprintf("%sline %s, %s, by %s on %s: %s", l.Kind, l.Mask, until(l.Expires), l.By, instant(l.At), l.Reason))
	}
	if hidden > 0 {
		out = append(out, fmt.Sprintf("(%d addresses that you may not see)", hidden))
	}
	if len(out) == 0 {
		out = []string{"Nobody is kept from IRC."}
	}
	return Reply{Lines: out}, nil
}

func until(t time.Time) string {
	if t.IsZero() {
		return "for good"
	}
	return "until " + instant(t)
}

func (r *Registry) line(kind irc.LineKind, c Call) (irc.Line, error) {
	return irc.NewLine(kind, c.Text("mask"), c.Text("reason"), c.Actor.Name, c.Now, c.Duration("for"))
}

func (r *Registry) previewLine(kind irc.LineKind) func(context.Context, Call) (Preview, error) {
	return func(_ context.Context, c Call) (Preview, error) {
		l, err := r.line(kind, c)
		return Preview{
			Lines: []string{fmt.Sprintf("This would keep everyone who fits %s from IRC, %s, and end their connections. Reason: %s", l.Mask, until(l.Expires), l.Reason)},
			State: l.Mask + " " + c.Duration("for").String(),
		}, err
	}
}

func (r *Registry) lineAdd(kind irc.LineKind) func(context.Context, Call) (Reply, error) {
	return func(ctx context.Context, c Call) (Reply, error) {
		l, err := r.line(kind, c)
		if err != nil {
			return Reply{}, err
		}
		if err := r.deps.IRC.AddLine(ctx, l); err != nil {
			return Reply{}, err
		}
		return Reply{
			Lines: []string{fmt.Sprintf("Who fits %s is kept from IRC, %s.", l.Mask, until(l.Expires))},
			Undo:  LineRemoval(l),
		}, nil
	}
}

func (r *Registry) lineRemove(kind irc.LineKind) func(context.Context, Call) (Reply, error) {
	return func(ctx context.Context, c Call) (Reply, error) {
		l, err := r.deps.IRC.RemoveLine(ctx, kind, c.Text("mask"))
		if err != nil {
			return Reply{}, err
		}
		return Reply{
			Lines: []string{fmt.Sprintf("Who fits %s may come to IRC again.", l.Mask)},
			Undo:  LineAddition(l, c.Now),
		}, nil
	}
}

// LineAddition is the command that adds a line for as long as it is to hold from now.
func LineAddition(l irc.Line, now time.Time) string {
	words := []string{string(l.Kind) + "line", "add"}
	if left := l.Expires.Sub(now); !l.Expires.IsZero() && left > 0 {
		words = append(words, fmt.Sprintf("--for=%dm", max(1, int(left.Round(time.Minute).Minutes()))))
	}
	return Join(append(words, l.Mask)) + " " + l.Reason
}

// LineRemoval is the command that removes a line.
func LineRemoval(l irc.Line) string { return Join([]string{string(l.Kind) + "line", "remove", l.Mask}) }

func (r *Registry) kill(ctx context.Context, c Call) (Reply, error) {
	if err := r.deps.IRC.Remove(ctx, c.Text("nick"), c.Actor.Name, c.Text("reason")); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("If %s is on IRC, the connections end now.", c.Text("nick"))}}, nil
}
