package members

import (
	"context"
	"fmt"
	"strconv"
	"strings"

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

// standing is what a decision about an account rests on.
func standing(m member.Member) string {
	var ids []string
	for _, c := range m.Holding {
		ids = append(ids, fmt.Sprint(c.ID))
	}
	return fmt.Sprintf("%d %s %s", m.ID, strings.Join(ids, ","), m.Class.Name)
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
