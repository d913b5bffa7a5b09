package members

import (
	"context"
	"fmt"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// done is an act's reply of one sentence, or its error.
func done(err error, format string, args ...any) (command.Reply, error) {
	if err != nil {
		return command.Reply{}, err
	}
	return command.Say(format, args...), nil
}

// standing is what a decision about an account's state rests on.
func standing(m member.Member) string {
	return fmt.Sprintf("%d %s %s", m.ID, stateOf(m), m.Class.Name)
}

type disableArgs struct {
	Member member.Member `arg:"name,below"`
	Reason command.Text  `arg:"reason" hint:"The member is shown it at login and in the client. Sessions, tracker and IRC end at once."`
}

func (d Deps) disable() command.Command {
	return command.Action[disableArgs]{
		Spec: command.Spec{Name: "member disable", Summary: "close an account; the member is shown the reason", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { return s.Member.Enabled() }},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a disableArgs) ([]string, error) {
			m := a.Member
			if !m.Enabled() {
				return nil, core.Errorf(core.Conflict, "%s is disabled already: %s", m.Name, m.StateReason)
			}
			if err := member.CheckReason(string(a.Reason)); err != nil {
				return nil, err
			}
			p, err := d.Members.In(tx).Profile(ctx, m.ID, true)
			return []string{fmt.Sprintf("This would disable %s (id %d, %s), who seeds %d torrents; sessions, tracker and IRC end at once. Reason: %s",
				m.Name, m.ID, m.Class.Name, p.Seeding, a.Reason)}, err
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a disableArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a disableArgs) (command.Reply, error) {
			err := d.Members.In(tx).SetState(ctx, a.Member.ID, member.Disabled, string(a.Reason))
			reply, err := done(err, "%s is disabled.", a.Member.Name)
			return reply.With("member enable", enableArgs{Member: a.Member}), err
		},
	}
}

type enableArgs struct {
	Member member.Member `arg:"name,below"`
}

func (d Deps) enable() command.Command {
	return command.Action[enableArgs]{
		Spec: command.Spec{Name: "member enable", Summary: "open a disabled account again", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { return !s.Member.Enabled() }},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a enableArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a enableArgs) (command.Reply, error) {
			m := a.Member
			if m.Enabled() {
				return command.Reply{}, core.Errorf(core.Conflict, "%s is enabled already", m.Name)
			}
			err := d.Members.In(tx).SetState(ctx, m.ID, member.Enabled, "")
			reply, err := done(err, "%s is enabled again.", m.Name)
			return reply.With("member disable", disableArgs{Member: m, Reason: command.Text(m.StateReason)}), err
		},
	}
}

type classArgs struct {
	Member member.Member `arg:"name,below"`
	Class  member.Class  `arg:"class,below"`
}

func (d Deps) class() command.Command {
	return command.Action[classArgs]{
		Spec: command.Spec{Name: "member class", Summary: "give a member another class", Permission: core.MemberClass},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a classArgs) (string, error) {
			return a.Member.Class.Name, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a classArgs) (command.Reply, error) {
			m, class := a.Member, a.Class
			if m.Class.ID == class.ID {
				return command.Reply{}, core.Errorf(core.Conflict, "%s has the class %s already", m.Name, class.Name)
			}
			err := d.Members.In(tx).SetClass(ctx, m.ID, class.Name)
			reply, err := done(err, "%s is now %s (was %s).", m.Name, class.Name, m.Class.Name)
			return reply.With("member class", classArgs{Member: m, Class: m.Class}), err
		},
	}
}

type leechArgs struct {
	Member member.Member `arg:"name,below"`
	State  command.OnOff `arg:"state"`
	Reason command.Text  `arg:"reason,optional" hint:"Must be given to switch downloads off: the member reads it on every page of the site."`
}

// leechState is whether a member may download, and if not, why.
func leechState(m member.Member) string {
	if m.CanLeech {
		return "on"
	}
	return "off: " + m.LeechOffWhy()
}

func (d Deps) leech() command.Command {
	return command.Action[leechArgs]{
		Spec: command.Spec{Name: "member leech", Summary: "allow or stop a member's downloads", Permission: core.MemberDisable},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a leechArgs) (string, error) {
			return leechState(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a leechArgs) (command.Reply, error) {
			m := a.Member
			switch {
			case !a.State.On() && a.Reason == "":
				return command.Reply{}, core.FieldErrorf("reason", "say why after “off”: the member is shown the reason")
			case m.CanLeech && a.State.On():
				return command.Reply{}, core.Errorf(core.Conflict, "downloads of %s are on already", m.Name)
			case !m.CanLeech && !a.State.On():
				return command.Reply{}, core.Errorf(core.Conflict, "downloads of %s are off already (%s); switch them on before you give another reason", m.Name, m.LeechOffWhy())
			}
			err := d.Members.In(tx).SetCanLeech(ctx, m.ID, a.State.On(), string(a.Reason))
			said := fmt.Sprintf("Downloads of %s are %s.", m.Name, a.State)
			if a.Reason != "" {
				said += " Reason: " + string(a.Reason)
			}
			reply, err := done(err, "%s", said)
			return reply.With("member leech", leechArgs{Member: m, State: command.Switch(m.CanLeech), Reason: command.Text(m.LeechOffWhy())}), err
		},
	}
}

type slotsArgs struct {
	Class member.Class `arg:"class,below"`
	Slots string       `arg:"slots"`
}

func (d Deps) slots() command.Command {
	return command.Action[slotsArgs]{
		Spec: command.Spec{Name: "class slots", Summary: "how many torrents members of a class may download at once; 0 is any number",
			Permission: core.MemberClass},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a slotsArgs) (string, error) {
			return strconv.Itoa(a.Class.LeechSlots), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a slotsArgs) (command.Reply, error) {
			n, err := strconv.Atoi(a.Slots)
			if err != nil {
				n = -1 // SetLeechSlots says what is right
			}
			many := strconv.Itoa(n)
			if n == 0 {
				many = "any number of"
			}
			err = d.Members.In(tx).SetLeechSlots(ctx, a.Class.Name, n)
			reply, err := done(err, "Members of class %s may download %s torrents at once.", a.Class.Name, many)
			return reply.With("class slots", slotsArgs{Class: a.Class, Slots: strconv.Itoa(a.Class.LeechSlots)}), err
		},
	}
}
