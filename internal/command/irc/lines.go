package irc

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (d Deps) lines() []command.Command {
	return []command.Command{
		command.Question[command.None]{
			Spec: command.Spec{Name: "kline list", Aliases: []string{"dline list"}, Summary: "who is kept from IRC, and why", Permission: core.IRCRemove},
			Run:  d.lineList,
		},
		d.lineAdd(irc.KLine, "keep user@host from IRC, for a time or for good", core.IRCRemove),
		d.lineRemove(irc.KLine, "let user@host onto IRC again", core.IRCRemove),
		d.lineAdd(irc.DLine, "keep an address or a network from IRC, for a time or for good", core.IRCAddress),
		d.lineRemove(irc.DLine, "let an address or a network onto IRC again", core.IRCAddress),
		command.Action[killArgs]{
			Spec: command.Spec{Name: "kill", Summary: "end all IRC connections of whoever has a nick", Permission: core.IRCRemove},
			Run:  d.kill,
		},
	}
}

// lineList shows addresses only to those who may see them.
func (d Deps) lineList(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
	lines, err := d.Channels.Lines(ctx)
	if err != nil {
		return command.Reply{}, err
	}
	t, hidden := command.Table{Columns: []string{"Kind", "Mask", "Holds", "By", "Set", "Reason"}}, 0
	for _, l := range lines {
		if l.Kind == irc.DLine && !c.Actor.Can(core.IRCAddress) {
			hidden++
			continue
		}
		kind, holds, set := string(l.Kind)+"line", until(l.Expires), text.Instant(l.At)
		t.Rows = append(t.Rows, command.Row{Cells: []string{kind, l.Mask, holds, l.By, set, l.Reason},
			Text: fmt.Sprintf("%s %s, %s, by %s on %s: %s", kind, l.Mask, holds, l.By, set, l.Reason)})
	}
	if hidden > 0 {
		t.More = fmt.Sprintf("(%d addresses that you may not see)", hidden)
	} else {
		t.Empty = "Nobody is kept from IRC."
	}
	return command.Reply{Blocks: []command.Block{t}}, nil
}

func until(t time.Time) string {
	if t.IsZero() {
		return "for good"
	}
	return "until " + text.Instant(t)
}

type lineArgs struct {
	For    time.Duration `arg:"for,flag,optional"`
	Mask   string        `arg:"mask"`
	Reason command.Text  `arg:"reason"`
}

// line is what was asked for.
func (a lineArgs) line(kind irc.LineKind, c command.Call) (irc.Line, error) {
	return irc.NewLine(kind, a.Mask, string(a.Reason), c.Actor.Name, c.Now, a.For)
}

type unlineArgs struct {
	Mask string `arg:"mask"`
}

func (d Deps) lineAdd(kind irc.LineKind, summary string, permission core.Permission) command.Command {
	return command.Action[lineArgs]{
		Spec: command.Spec{Name: string(kind) + "line add", Summary: summary, Permission: permission},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a lineArgs) ([]string, error) {
			l, err := a.line(kind, c)
			if err == nil {
				err = d.mayKeepOut(ctx, tx, c, l)
			}
			return []string{fmt.Sprintf("This would keep everyone who fits %s from IRC, %s, and end their connections. Reason: %s", l.Mask, until(l.Expires), l.Reason)}, err
		},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a lineArgs) (string, error) {
			return d.standingLine(ctx, tx, kind, a.Mask)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a lineArgs) (command.Reply, error) {
			l, err := a.line(kind, c)
			if err == nil {
				err = d.mayKeepOut(ctx, tx, c, l)
			}
			if err != nil {
				return command.Reply{}, err
			}
			if err := d.Channels.In(tx).AddLine(ctx, l); err != nil {
				return command.Reply{}, err
			}
			return command.Say("Who fits %s is kept from IRC, %s.", l.Mask, until(l.Expires)).
				With(string(kind)+"line remove", unlineArgs{Mask: l.Mask}), nil
		},
	}
}

func (d Deps) lineRemove(kind irc.LineKind, summary string, permission core.Permission) command.Command {
	return command.Action[unlineArgs]{
		Spec: command.Spec{Name: string(kind) + "line remove", Summary: summary, Permission: permission},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a unlineArgs) (string, error) {
			return d.standingLine(ctx, tx, kind, a.Mask)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a unlineArgs) (command.Reply, error) {
			l, err := d.Channels.In(tx).RemoveLine(ctx, kind, a.Mask, c.Actor.Name)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Who fits %s may come to IRC again.", l.Mask).
				With(string(kind)+"line add", lineArgs{For: l.Left(c.Now), Mask: l.Mask, Reason: command.Text(l.Reason)}), nil
		},
	}
}

// standingLine is what a decision about a mask rests on: the line that is there.
func (d Deps) standingLine(ctx context.Context, tx *db.Tx, kind irc.LineKind, mask string) (string, error) {
	l, err := d.Channels.In(tx).Line(ctx, kind, mask)
	switch {
	case core.CodeOf(err) == core.NotFound:
		return "nobody is kept out", nil
	case err != nil:
		return "", err
	}
	expires := "for good"
	if !l.Expires.IsZero() {
		expires = "until " + l.Expires.Format(time.RFC3339)
	}
	return fmt.Sprintf("%s %s, by %s: %s", l.Mask, expires, l.By, l.Reason), nil
}

type killArgs struct {
	Nick   string       `arg:"nick"`
	Reason command.Text `arg:"reason"`
}

// mayActOn is the rule of rank, as the network has it for operators: they may act on
// themselves, too.
func mayActOn(c command.Call, m member.Member) error {
	if m.ID == c.Actor.Member.ID {
		return nil
	}
	return c.Actor.MayActOn(m)
}

// mayKeepOut refuses a line that names a member on whom the actor may not act.
func (d Deps) mayKeepOut(ctx context.Context, tx *db.Tx, c command.Call, l irc.Line) error {
	named, err := l.Named(ctx, d.Members.In(tx))
	for _, m := range named {
		if err == nil {
			err = mayActOn(c, m)
		}
	}
	return err
}

// mayRemove refuses a nick that somebody may have on whom the actor may not act.
func (d Deps) mayRemove(ctx context.Context, tx *db.Tx, c command.Call, nick string) error {
	for i, name := range irc.OwnersOf(nick) {
		m, err := d.Members.In(tx).ByNick(ctx, name)
		switch {
		case core.CodeOf(err) == core.NotFound:
			continue
		case err == nil:
			err = mayActOn(c, m)
		}
		if err != nil || i == 0 { // nobody else may have a nick that is somebody's
			return err
		}
	}
	return nil
}

func (d Deps) kill(ctx context.Context, tx *db.Tx, c command.Call, a killArgs) (command.Reply, error) {
	if err := d.mayRemove(ctx, tx, c, a.Nick); err != nil {
		return command.Reply{}, err
	}
	return done(d.Channels.In(tx).Remove(ctx, a.Nick, c.Actor.Name, string(a.Reason)), "If %s is on IRC, the connections end now.", a.Nick)
}
