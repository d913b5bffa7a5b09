package bans

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// PerPage is how many bans a list shows at once.
const PerPage = 25

type kindWord string

// Choices are the kinds.
func (kindWord) Choices() (out []string) {
	for _, k := range ban.Kinds() {
		out = append(out, string(k))
	}
	return out
}

type listArgs struct {
	Kind   kindWord       `arg:"kind,flag,optional"`
	Reach  string         `arg:"reach,flag,optional" hint:"site, irc, tracker or mail"`
	Over   *command.OnOff `arg:"over,flag" hint:"on: those that are over or were lifted"`
	Before *command.ID    `arg:"before,flag"`
}

func (a listArgs) filter() (f ban.Filter, err error) {
	f = ban.Filter{Kind: ban.Kind(a.Kind), Over: a.Over != nil && a.Over.On()}
	if a.Before != nil {
		f.Before = int64(*a.Before)
	}
	if a.Reach != "" {
		f.Reach, err = ban.ParseReach(a.Reach)
	}
	return f, err
}

func (d Deps) list() command.Command {
	return command.Question[listArgs]{
		Spec: command.Spec{Name: "ban list", Aliases: []string{"bans"}, Summary: "who is banned, from what, why and until when", Permission: core.BanManage, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a listArgs) (command.Reply, error) {
			f, err := a.filter()
			if err != nil {
				return command.Reply{}, err
			}
			list, err := d.Bans.Page(ctx, f, PerPage+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := table(c, list)
			t.Empty = "Nobody is banned."
			if f != (ban.Filter{}) {
				t.Empty = "No ban fits."
			}
			if len(list) > PerPage {
				t.Rows, t.More = t.Rows[:PerPage], fmt.Sprintf("Older ones: ban list --before %d", list[PerPage-1].ID)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// Columns are those of a table of bans.
var Columns = []string{"Ban", "Kind", "Value", "Reach", "Holds", "By", "Set", "Reason"}

// table shows bans. What nobody may see is hidden.
func table(c command.Call, list []ban.Ban) command.Table {
	t := command.Table{Columns: Columns}
	for _, b := range list {
		v, h, set := value(c.Actor, b), holds(b, c.Now), text.Instant(b.Starts)
		t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprint(b.ID), string(b.Kind), v, b.Reach.String(), h, b.By, set, b.Reason},
			Text: fmt.Sprintf("%d: %s %s (%s), %s, by %s on %s: %s", b.ID, b.Kind, v, b.Reach, h, b.By, set, b.Reason)})
	}
	return t
}

// holds says how long a ban holds, or why it does not.
func holds(b ban.Ban, now time.Time) string {
	switch {
	case !b.LiftedAt.IsZero():
		return "lifted by " + b.LiftedBy
	case !b.Holds(now):
		return "over since " + text.Instant(b.Ends)
	}
	return b.Until()
}

type idArgs struct {
	ID command.ID `arg:"id" hint:"the number of the ban; ban list shows it"`
}

func (d Deps) show() command.Command {
	return command.Question[idArgs]{
		Spec: command.Spec{Name: "ban show", Summary: "all about a ban", Permission: core.BanManage, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a idArgs) (command.Reply, error) {
			b, err := d.Bans.ByID(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			f := command.Fields{List: []command.Field{{Label: "Ban", Value: fmt.Sprint(b.ID)}, {Label: "Kind", Value: string(b.Kind)}, {Label: "Value", Value: value(c.Actor, b)},
				{Label: "Reach", Value: b.Reach.String()}, {Label: "Reason", Value: b.Reason}, {Label: "Holds", Value: holds(b, c.Now)},
				{Label: "Set", Value: text.Instant(b.Starts) + " by " + b.By}}}
			if b.Note != "" {
				f.List = append(f.List, command.Field{Label: "Note", Value: b.Note})
			}
			if !b.LiftedAt.IsZero() {
				f.List = append(f.List, command.Field{Label: "Lifted", Value: text.Instant(b.LiftedAt) + " by " + b.LiftedBy + ": " + b.LiftReason})
			}
			return command.Reply{Blocks: []command.Block{f}}, nil
		},
	}
}

type findArgs struct {
	What string `arg:"what,secret" hint:"an address, a network or a mail address"`
}

func (d Deps) find() command.Command {
	return command.Question[findArgs]{
		Spec: command.Spec{Name: "ban find", Summary: "which bans hit an address, a network or a mail address", Permission: core.BanManage, Secret: true, Watched: true},
		Run: func(ctx context.Context, c command.Call, a findArgs) (command.Reply, error) {
			hits, err := hitting(a.What)
			if err != nil {
				return command.Reply{}, err
			}
			list, err := d.Bans.Active(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			var found []ban.Ban
			for _, b := range list {
				if hits(b, c.Now) {
					found = append(found, b)
				}
			}
			t := table(c, found)
			if t.Empty = "No ban hits it."; len(found) > PerPage {
				t.Rows, t.More = t.Rows[:PerPage], fmt.Sprintf("(%d more)", len(found)-PerPage)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// hitting returns what says of a ban whether it hits what somebody typed. Of a network it
// says so if any address of it is hit.
func hitting(typed string) (func(b ban.Ban, now time.Time) bool, error) {
	if strings.Contains(typed, "@") {
		return func(b ban.Ban, now time.Time) bool {
			_, hit := ban.NewSet([]ban.Ban{b}).Mail(typed, now)
			return hit || b.Kind == ban.Mail && b.Value == ban.FoldMail(typed)
		}, nil
	}
	kind, v, err := ban.Value(typed, 0)
	if err != nil {
		return nil, core.FieldErrorf("what", "write an address (192.0.2.7), a network (192.0.2.0/24) or a mail address")
	}
	p := ban.Ban{Kind: kind, Value: v}.Prefix()
	return func(b ban.Ban, now time.Time) bool { return b.Holds(now) && b.Prefix().Overlaps(p) }, nil
}
