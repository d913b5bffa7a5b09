// Package classes is the family of commands about classes: what there are, and what each
// of them may do.
//
// Concurrency: the commands have no state of their own.
package classes

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Deps is what the family works on.
type Deps struct{ Members *member.Store }

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.list(), d.show(), d.create(), d.set(), d.permit("permit", true), d.permit("forbid", false), d.delete(), d.ladder()}
}

// below returns a class that the actor may change: one below their own.
func (d Deps) below(ctx context.Context, tx *db.Tx, a command.Actor, name string) (member.Class, error) {
	c, err := d.Members.In(tx).ClassNamed(ctx, name)
	if err == nil && !a.IsShell() && !a.Member.MayGive(c) {
		err = core.Errorf(core.Forbidden, "you can change only classes below your own")
	}
	return c, err
}

func (d Deps) list() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "class list", Aliases: []string{"classes"}, Summary: "the classes, and what each asks of whoever is to have it", Public: true},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			list, err := d.Members.Classes(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Class", "Level", "Kind", "Asks", "Downloads at once"}}
			for _, c := range list {
				if c.Name != member.BotClass {
					row := command.Row{Cells: []string{c.Name, strconv.Itoa(c.Level), kind(c), c.Asks.Words(), slots(c)}}
					row.Text = fmt.Sprintf("%s (%d, %s): %s", c.Name, c.Level, kind(c), c.Asks.Words())
					t.Rows = append(t.Rows, row)
				}
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func kind(c member.Class) string {
	if c.Secondary {
		return "a duty beside another"
	}
	return "a rank"
}

func slots(c member.Class) string {
	if c.LeechSlots == 0 {
		return "any number"
	}
	return strconv.Itoa(c.LeechSlots)
}

type showArgs struct {
	Class string `arg:"class" hint:"Its name, in quotes if it has several words."`
}

func (d Deps) show() command.Command {
	return command.Question[showArgs]{
		Spec: command.Spec{Name: "class show", Summary: "what a class may do, and what it asks", Permission: core.MemberClass},
		Run: func(ctx context.Context, _ command.Call, a showArgs) (command.Reply, error) {
			c, err := d.Members.ClassNamed(ctx, a.Class)
			if err != nil {
				return command.Reply{}, err
			}
			n, err := d.Members.HaveClass(ctx, c)
			if err != nil {
				return command.Reply{}, err
			}
			var may []string
			for _, p := range c.Permissions.Sorted() {
				may = append(may, string(p))
			}
			return command.Say("%s (level %d, %s, %d members): asks %s; downloads at once: %s; may: %s", c.Name, c.Level, kind(c), n, c.Asks.Words(), slots(c), strings.Join(may, ", ")), nil
		},
	}
}

type createArgs struct {
	Name  string     `arg:"name" hint:"In quotes if it has several words."`
	Level command.ID `arg:"level" hint:"1 to 999; higher stands above lower."`
	Duty  *duty      `arg:"duty,flag" hint:"yes for a duty that members have beside their rank."`
}

type duty string

// Choices implements the argument's type.
func (duty) Choices() []string { return []string{"no", "yes"} }

func (d Deps) create() command.Command {
	return command.Action[createArgs]{
		Spec:  command.Spec{Name: "class create", Summary: "make a class, which may do nothing yet", Permission: core.ClassManage},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a createArgs) (string, error) { return a.Name, nil },
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a createArgs) (command.Reply, error) {
			made := member.Class{Name: text.Line(a.Name), Level: int(min(int64(a.Level), 1<<30)), Secondary: a.Duty != nil && *a.Duty == "yes"}
			if made.Level < 1000 && !c.Actor.IsShell() && !c.Actor.Member.MayGive(made) { // what is no level at all is refused as such
				return command.Reply{}, core.Errorf(core.Forbidden, "you can make only classes below your own")
			}
			if err := d.Members.In(tx).CreateClass(ctx, made); err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("The class %s is there, at level %d. Give it what it may do: class permit %s PERMISSION", made.Name, made.Level, command.Join([]string{made.Name}))
			return reply.With("class delete", deleteArgs{Class: made.Name}), nil
		},
	}
}

// what can be set of a class.
type what string

// Choices implements the argument's type.
func (what) Choices() []string {
	return []string{"level", "colour", "uploaded", "ratio", "uploads", "age"}
}

type setArgs struct {
	Class string `arg:"class" hint:"Its name, in quotes if it has several words."`
	What  what   `arg:"what" hint:"uploaded, ratio, uploads and age are what it asks of whoever is to have it."`
	Value string `arg:"value" hint:"A number; 100GiB for uploaded, 1.2 for ratio, 2w for age; 0 or none asks nothing."`
}

// valueOf is how something of a class stands, as it is written in a command.
func valueOf(c member.Class, w what) string {
	switch w {
	case "level":
		return strconv.Itoa(c.Level)
	case "colour":
		if c.Colour == "" {
			return "none"
		}
		return c.Colour
	case "uploaded":
		return strconv.FormatInt(int64(c.Asks.Uploaded), 10)
	case "ratio":
		return strconv.FormatFloat(float64(c.Asks.Ratio)/1000, 'f', -1, 64)
	case "uploads":
		return strconv.Itoa(c.Asks.Uploads)
	}
	return fmt.Sprintf("%dh", int64(c.Asks.Age/time.Hour))
}

func (d Deps) set() command.Command {
	return command.Action[setArgs]{
		Spec: command.Spec{Name: "class set", Summary: "change the level or the colour of a class, or what it asks", Permission: core.ClassManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a setArgs) (string, error) {
			c, err := d.Members.In(tx).ClassNamed(ctx, a.Class)
			return c.Name + " " + valueOf(c, a.What), err
		},
		Run: func(ctx context.Context, tx *db.Tx, call command.Call, a setArgs) (command.Reply, error) {
			c, err := d.below(ctx, tx, call.Actor, a.Class)
			if err != nil {
				return command.Reply{}, err
			}
			if err := d.setOne(ctx, tx, call, c, a); err != nil {
				return command.Reply{}, err
			}
			now, err := d.Members.In(tx).ClassNamed(ctx, c.Name)
			if err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("%s of %s is %s now (was %s).", strings.ToUpper(string(a.What)[:1])+string(a.What)[1:], c.Name, valueOf(now, a.What), valueOf(c, a.What))
			return reply.With("class set", setArgs{Class: c.Name, What: a.What, Value: valueOf(c, a.What)}), nil
		},
	}
}

func (d Deps) setOne(ctx context.Context, tx *db.Tx, call command.Call, c member.Class, a setArgs) error {
	store, asks := d.Members.In(tx), c.Asks
	number, err := strconv.Atoi(a.Value)
	switch a.What {
	case "level":
		if err != nil {
			return core.FieldErrorf("value", "a level is a number")
		}
		if moved := (member.Class{Level: number}); !call.Actor.IsShell() && !call.Actor.Member.MayGive(moved) {
			return core.Errorf(core.Forbidden, "you can't move a class to your own level or above")
		}
		return store.SetClassLevel(ctx, c, number)
	case "colour":
		return store.SetClassColour(ctx, c, strings.TrimPrefix(strings.ToLower(a.Value), "none"))
	case "uploaded":
		if asks.Uploaded, err = core.ParseBytes(a.Value); err != nil {
			return core.FieldErrorf("value", "write a size such as 100GiB")
		}
	case "ratio":
		ratio, err := strconv.ParseFloat(a.Value, 64)
		if err != nil || !(ratio >= 0 && ratio <= 1000) {
			return core.FieldErrorf("value", "write a ratio such as 1.2")
		}
		asks.Ratio = int(ratio*1000 + 0.5)
	case "uploads":
		if err != nil {
			return core.FieldErrorf("value", "write a number of uploads")
		}
		asks.Uploads = number
	case "age":
		if asks.Age, err = text.ParseDuration(a.Value); err != nil && a.Value != "0" && a.Value != "0h" {
			return core.FieldErrorf("value", "write a time such as 2w")
		}
	}
	return store.SetCriteria(ctx, c, asks)
}

// permissionName is any permission by its name.
type permissionName string

// Choices implements the argument's type.
func (permissionName) Choices() (out []string) {
	for _, p := range core.AllPermissions() {
		out = append(out, string(p.Name))
	}
	return out
}

type permitArgs struct {
	Class      string         `arg:"class" hint:"Its name, in quotes if it has several words."`
	Permission permissionName `arg:"permission"`
}

// permit gives a permission to a class, or takes it.
func (d Deps) permit(word string, has bool) command.Command {
	inverse, summary := "class forbid", "give a class one permission that you have yourself"
	if !has {
		inverse, summary = "class permit", "take one permission from a class"
	}
	return command.Action[permitArgs]{
		Spec: command.Spec{Name: "class " + word, Summary: summary, Permission: core.ClassManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a permitArgs) (string, error) {
			c, err := d.Members.In(tx).ClassNamed(ctx, a.Class)
			return fmt.Sprintf("%s %t", c.Name, c.Permissions.Has(core.Permission(a.Permission))), err
		},
		Run: func(ctx context.Context, tx *db.Tx, call command.Call, a permitArgs) (command.Reply, error) {
			c, err := d.below(ctx, tx, call.Actor, a.Class)
			p := core.Permission(a.Permission)
			switch {
			case err != nil:
				return command.Reply{}, err
			case !call.Actor.Can(p):
				return command.Reply{}, core.Errorf(core.Forbidden, "you can't give or take what you don't have: %s", p)
			case p == core.IRCAnnounce:
				return command.Reply{}, core.Errorf(core.Forbidden, "only the program's own account speaks in #announce")
			case c.Permissions.Has(p) == has:
				return command.Reply{}, core.Errorf(core.Conflict, "this is so already for the class %s", c.Name)
			}
			if err := d.Members.In(tx).SetClassPermission(ctx, c.Name, p, has); err != nil {
				return command.Reply{}, err
			}
			verb := "may"
			if !has {
				verb = "may no longer"
			}
			for _, i := range core.AllPermissions() {
				if i.Name == p {
					verb += " " + i.Description
				}
			}
			reply := command.Say("The class %s %s (%s).", c.Name, verb, p)
			return reply.With(inverse, permitArgs{Class: c.Name, Permission: a.Permission}), nil
		},
	}
}

type deleteArgs struct {
	Class string `arg:"class" hint:"Its name, in quotes if it has several words."`
}

func (d Deps) delete() command.Command {
	return command.Action[deleteArgs]{
		Spec: command.Spec{Name: "class delete", Summary: "delete a class that nobody has", Permission: core.ClassManage},
		Preview: func(ctx context.Context, tx *db.Tx, call command.Call, a deleteArgs) ([]string, error) {
			c, err := d.below(ctx, tx, call.Actor, a.Class)
			if err != nil {
				return nil, err
			}
			n, err := d.Members.In(tx).HaveClass(ctx, c)
			if err == nil && n > 0 {
				err = core.Errorf(core.Conflict, "%d members have the class %s: give them another first", n, c.Name)
			}
			return []string{fmt.Sprintf("This would delete the class %s with its %d permissions. It can't be undone; “class create” makes an empty one.", c.Name, len(c.Permissions))}, err
		},
		Run: func(ctx context.Context, tx *db.Tx, call command.Call, a deleteArgs) (command.Reply, error) {
			c, err := d.below(ctx, tx, call.Actor, a.Class)
			if err == nil {
				err = d.Members.In(tx).DeleteClass(ctx, c)
			}
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("The class %s is gone.", c.Name), nil
		},
	}
}

func (d Deps) ladder() command.Command {
	return command.Action[command.None]{
		Spec: command.Spec{Name: "class ladder", Summary: "add the twelve classes of a site that promotes by what members have done", Permission: core.ClassManage},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, _ command.None) ([]string, error) {
			classes, err := d.Members.In(tx).Classes(ctx)
			if err != nil {
				return nil, err
			}
			there := map[string]bool{}
			for _, c := range classes {
				there[strings.ToLower(c.Name)] = true
			}
			var added []string
			for _, c := range member.Ladder() {
				if !there[strings.ToLower(c.Name)] {
					added = append(added, c.Name)
				}
			}
			return []string{"This would add: " + strings.Join(added, ", ") + ". Classes that are there keep what they may do; those that ask nothing yet get what they ask."}, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, _ command.None) (command.Reply, error) {
			if !c.Actor.IsShell() && !c.Actor.Member.MayGive(member.Class{Level: 450}) {
				return command.Reply{}, core.Errorf(core.Forbidden, "you can make only classes below your own")
			}
			names, err := d.Members.In(tx).AddLadder(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Added or changed: %s.", strings.Join(names, ", ")), nil
		},
	}
}
