// Package settings is the family of commands about what staff may change while the site
// runs.
//
// Concurrency: the commands have no state of their own.
package settings

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Deps is what the family works on.
type Deps struct {
	Settings *setting.Store
	Members  *member.Store
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.list(), d.show(), d.set(), d.reset(),
		d.word("setting add", "put a word on a list of the settings", "setting remove", (*setting.Store).Add, "%s: %s is on the list."),
		d.word("setting remove", "take a word off a list of the settings", "setting add", (*setting.Store).Remove, "%s: %s is no longer on the list.")}
}

// shown is how much of a value is told in a list; undoable is how long one may be that undo
// writes again.
const (
	shown    = 120
	undoable = 400
)

func (d Deps) list() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "setting list", Aliases: []string{"settings"}, Summary: "what may be changed while the site runs, and how it is set", Permission: core.SettingManage},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			list, err := d.Settings.List(ctx)
			t := command.Table{Columns: []string{"Setting", "Value", "Changed", "What it is"}}
			for _, c := range list {
				changed := "default"
				if c.Changed {
					changed = c.ChangedAt.Format("2006-01-02")
				}
				value := text.Cut(c.Value, shown)
				t.Rows = append(t.Rows, command.Row{Cells: []string{c.Name, value, changed, c.About}, Text: fmt.Sprintf("%s is %s (%s): %s", c.Name, value, changed, c.About)})
			}
			return command.Reply{Blocks: []command.Block{t}}, err
		},
	}
}

type nameArgs struct {
	Name string `arg:"name" hint:"such as registration.mode; setting list shows them all"`
}

func (d Deps) show() command.Command {
	return command.Question[nameArgs]{
		Spec: command.Spec{Name: "setting show", Summary: "one setting: all of its value, what it may be, and who changed it", Permission: core.SettingManage},
		Run: func(ctx context.Context, _ command.Call, a nameArgs) (command.Reply, error) {
			c, err := d.Settings.Get(ctx, a.Name)
			if err != nil {
				return command.Reply{}, err
			}
			fields := []command.Field{{Label: "Value", Value: c.Value}, {Label: "What it is", Value: c.About}, {Label: "Allowed", Value: c.Allowed}}
			changed := "it is the default"
			if c.Changed {
				by, err := d.who(ctx, c.ChangedBy)
				if err != nil {
					return command.Reply{}, err
				}
				changed = "changed at " + text.Instant(c.ChangedAt) + " by " + by
				fields = append(fields, command.Field{Label: "Default", Value: text.Cut(c.Default, shown)})
			}
			fields = append(fields, command.Field{Label: "State", Value: changed})
			return command.Reply{Blocks: []command.Block{command.Fields{List: fields,
				Text: fmt.Sprintf("%s is %s (%s): %s. It takes %s.", c.Name, c.Value, changed, c.About, c.Allowed)}}}, nil
		},
	}
}

// who names whoever changed something.
func (d Deps) who(ctx context.Context, id core.MemberID) (string, error) {
	if id == 0 {
		return "the shell", nil
	}
	m, err := d.Members.ByID(ctx, id)
	if core.CodeOf(err) == core.NotFound {
		return "somebody who is gone", nil
	}
	return m.Name, err
}

type setArgs struct {
	Name  string       `arg:"name" hint:"such as registration.mode; setting list shows them all"`
	Value command.Text `arg:"value"`
}

func (d Deps) set() command.Command {
	return command.Action[setArgs]{
		Spec: command.Spec{Name: "setting set", Summary: "change a setting at once, everywhere", Permission: core.SettingManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a setArgs) (string, error) {
			return d.standing(ctx, tx, a.Name)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a setArgs) (command.Reply, error) {
			if err := d.mayBe(ctx, tx, c.Actor, a); err != nil {
				return command.Reply{}, err
			}
			was, is, err := d.Settings.In(tx).Set(ctx, c.Actor.Member.ID, a.Name, string(a.Value))
			if err != nil {
				return command.Reply{}, err
			}
			return undo(command.Say("%s is now %s; it was %s.", is.Name, text.Cut(is.Value, shown), text.Cut(was.Value, shown)), was), nil
		},
	}
}

func (d Deps) reset() command.Command {
	return command.Action[nameArgs]{
		Spec: command.Spec{Name: "setting reset", Summary: "give a setting its default again", Permission: core.SettingManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a nameArgs) (string, error) {
			return d.standing(ctx, tx, a.Name)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a nameArgs) (command.Reply, error) {
			was, is, err := d.Settings.In(tx).Reset(ctx, c.Actor.Member.ID, a.Name)
			if err != nil {
				return command.Reply{}, err
			}
			return undo(command.Say("%s is now %s, its default; it was %s.", is.Name, text.Cut(is.Value, shown), text.Cut(was.Value, shown)), was), nil
		},
	}
}

// undo adds the command that brings back what a setting was. A long list can't be written in
// one line.
func undo(r command.Reply, was setting.Current) command.Reply {
	switch {
	case !was.Changed:
		return r.With("setting reset", nameArgs{Name: was.Name})
	case len(was.Value) <= undoable:
		return r.With("setting set", setArgs{Name: was.Name, Value: command.Text(was.Value)})
	}
	return r
}

// standing is what a decision about a setting rests on.
func (d Deps) standing(ctx context.Context, tx *db.Tx, name string) (string, error) {
	c, err := d.Settings.In(tx).Get(ctx, name)
	return c.Value, err
}

// mayBe checks what the table of settings can't know: that newcomers get a class which
// exists, and which the actor may give.
func (d Deps) mayBe(ctx context.Context, tx *db.Tx, actor command.Actor, a setArgs) error {
	s, err := setting.Named(a.Name)
	if err != nil || s.Name != setting.FirstClass.Name {
		return err
	}
	c, err := d.Members.In(tx).FirstClass(ctx, text.Line(string(a.Value)))
	if err != nil {
		return err
	}
	if !actor.IsShell() && !actor.Member.MayGive(c) {
		return core.Errorf(core.Forbidden, "you can't let people join as %s: only as a class below yours", c.Name)
	}
	return nil
}

type wordArgs struct {
	Name string `arg:"name" hint:"such as registration.refused_domains"`
	Word string `arg:"word"`
}

func (d Deps) word(name, summary, inverse string, do func(*setting.Store, context.Context, core.MemberID, string, string) (was, is setting.Current, err error), said string) command.Command {
	return command.Action[wordArgs]{
		Spec: command.Spec{Name: name, Summary: summary, Permission: core.SettingManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a wordArgs) (string, error) {
			return d.standing(ctx, tx, a.Name)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a wordArgs) (command.Reply, error) {
			_, is, err := do(d.Settings.In(tx), ctx, c.Actor.Member.ID, a.Name, a.Word)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say(said, is.Name, text.FoldASCII(a.Word)).With(inverse, wordArgs{Name: is.Name, Word: text.FoldASCII(a.Word)}), nil
		},
	}
}
