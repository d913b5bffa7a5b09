package members

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type privacyArgs struct {
	Preset string `arg:"preset,optional" hint:"Everything, figures, little or nothing is what others see. Left empty, you are told what they see now."`
}

// privacy chooses what others see of the asker, or tells it.
func (d Deps) privacy() command.Command {
	return command.Action[privacyArgs]{
		Spec: command.Spec{Name: "privacy", Summary: "what others see of you: everything, figures, little or nothing", Secret: true},
		State: func(ctx context.Context, tx *db.Tx, c command.Call, _ privacyArgs) (string, error) {
			return d.hides(ctx, tx, c)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a privacyArgs) (command.Reply, error) {
			me, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			if a.Preset == "" {
				return d.others(ctx, tx, me)
			}
			h, err := member.ReadHides(a.Preset)
			if err != nil {
				return command.Reply{}, err
			}
			return d.hide(ctx, tx, me, h)
		},
	}
}

// switchName is one of the switches.
type switchName string

// Choices implements the argument's type.
func (switchName) Choices() (out []string) {
	for _, s := range member.Switches() {
		out = append(out, s.Name)
	}
	return out
}

// onOff is whether something is hidden.
type onOff string

// Choices implements the argument's type.
func (onOff) Choices() []string { return []string{"on", "off"} }

type privacySetArgs struct {
	Switch switchName `arg:"switch"`
	To     onOff      `arg:"to" hint:"On hides it from others, off shows it."`
}

// privacySet hides or shows one thing.
func (d Deps) privacySet() command.Command {
	return command.Action[privacySetArgs]{
		Spec: command.Spec{Name: "privacy set", Summary: "hide one thing from others (on), or show it (off)", Secret: true},
		State: func(ctx context.Context, tx *db.Tx, c command.Call, _ privacySetArgs) (string, error) {
			return d.hides(ctx, tx, c)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a privacySetArgs) (command.Reply, error) {
			me, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			s, err := member.SwitchNamed(string(a.Switch))
			if err != nil {
				return command.Reply{}, err
			}
			h := me.Hides() | s.Bit
			if strings.EqualFold(string(a.To), "off") {
				h = me.Hides() &^ s.Bit
			}
			return d.hide(ctx, tx, me, h)
		},
	}
}

// hides is what a decision about privacy rests on: as the transaction sees it, since the
// actor was read before.
func (d Deps) hides(ctx context.Context, tx *db.Tx, c command.Call) (string, error) {
	if c.Actor.Member.ID == 0 {
		return "", nil
	}
	m, err := d.Members.In(tx).ByID(ctx, c.Actor.Member.ID)
	return m.Hides().Words(), err
}

// hide changes what the asker keeps from others, and says what they see now. Taking it back
// gives the choice that was.
func (d Deps) hide(ctx context.Context, tx *db.Tx, me member.Member, h member.Hides) (command.Reply, error) {
	if err := d.Members.In(tx).SetHides(ctx, me.ID, h); err != nil {
		return command.Reply{}, err
	}
	now, err := d.Members.In(tx).ByID(ctx, me.ID)
	if err != nil {
		return command.Reply{}, err
	}
	reply, err := d.others(ctx, tx, now)
	return reply.With("privacy", privacyArgs{Preset: me.Hides().Words()}), err
}

// others tells what others see of somebody.
func (d Deps) others(ctx context.Context, tx *db.Tx, m member.Member) (command.Reply, error) {
	view, err := d.Members.In(tx).See(ctx, member.Others(), m)
	if err != nil {
		return command.Reply{}, err
	}
	said := "Your choice is your own; you hide: " + m.Hides().String() + "."
	if p, ok := member.PresetOf(m.Hides()); ok {
		said = "Your choice is " + strings.ToLower(p.Title) + ". " + p.Means
	}
	return command.Reply{Blocks: []command.Block{command.Line{Text: said}, command.Line{Text: "Others see:"}, figureFields(view)}}, nil
}
