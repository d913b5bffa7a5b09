package members

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// mayEnd says whether the actor may end or resume a cause: who may begin it may.
func mayEnd(a command.Actor, c member.Cause) error {
	if need := c.Effect.Info().Need; !a.Can(need) {
		return core.Errorf(core.Forbidden, "you may not lift this: it takes the permission %s", need)
	}
	return nil
}

type liftArgs struct {
	Member member.Member `arg:"name,below"`
	Cause  string        `arg:"cause" hint:"Its number, or what it is, such as disabled, warned, download, upload, invites or irc."`
	Reason command.Text  `arg:"reason,optional"`
}

func (d Deps) liftCommand() command.Command {
	return command.Action[liftArgs]{
		Spec: command.Spec{Name: "member lift", Summary: "end a warning, a restriction or a grant of a member before its time; nothing else ends with it",
			Permission: core.MemberWarn, Offer: func(s command.Subject) bool { return len(s.Member.Holding) > 0 }},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a liftArgs) (string, error) {
			return d.causeState(ctx, tx, a.Member, a.Cause)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a liftArgs) (command.Reply, error) {
			return d.lift(ctx, tx, c, a.Member, a.Cause, string(a.Reason))
		},
	}
}

// causeState is how a cause stands that is named by its number, and else all that hold.
func (d Deps) causeState(ctx context.Context, tx *db.Tx, m member.Member, named string) (string, error) {
	id, _ := strconv.ParseInt(named, 10, 64)
	if id <= 0 { // a word
		return standing(m), nil
	}
	c, err := d.Members.In(tx).CauseByID(ctx, id)
	if err != nil || c.Member != m.ID {
		return "", noCause(m, named)
	}
	return fmt.Sprintf("%d %t %d", c.ID, c.EndedAt.IsZero(), c.Ends.Unix()), nil
}

func noCause(m member.Member, named string) error {
	if len(m.Holding) == 0 {
		return &core.Error{Code: core.Conflict, Field: "cause", Text: "nothing is held against " + m.Name}
	}
	var list []string
	for _, c := range m.Holding {
		list = append(list, fmt.Sprintf("%d %s", c.ID, causeWords(c)))
	}
	return &core.Error{Code: core.Conflict, Field: "cause", Text: fmt.Sprintf("%s has no cause %q; there are: %s", m.Name, named, strings.Join(list, ", "))}
}

// causeWords is a cause in a few words.
func causeWords(c member.Cause) string {
	if c.Permission != "" {
		return string(c.Effect) + " " + string(c.Permission)
	}
	return string(c.Effect)
}

// named finds the one cause of m that holds and that somebody named.
func named(m member.Member, name string) (member.Cause, error) {
	var found []member.Cause
	for _, c := range m.Holding {
		if name == strconv.FormatInt(c.ID, 10) || strings.EqualFold(name, string(c.Effect)) || c.Effect.Info().Word != "" && strings.EqualFold(name, c.Effect.Info().Word) {
			found = append(found, c)
		}
	}
	switch len(found) {
	case 0:
		return member.Cause{}, noCause(m, name)
	case 1:
		return found[0], nil
	}
	var ids []string
	for _, c := range found {
		ids = append(ids, fmt.Sprintf("%d (%s)", c.ID, c.Why()))
	}
	return member.Cause{}, core.FieldErrorf("cause", "%s has several of these, give the number of one: %s", m.Name, strings.Join(ids, ", "))
}

func (d Deps) lift(ctx context.Context, tx *db.Tx, call command.Call, m member.Member, name, reason string) (command.Reply, error) {
	c, err := named(m, name)
	if err == nil {
		err = mayEnd(call.Actor, c)
	}
	if err != nil {
		return command.Reply{}, err
	}
	if _, err := d.Members.In(tx).EndCause(ctx, c.ID, by(call), reason); err != nil {
		return command.Reply{}, err
	}
	reply := command.Say("Lifted for %s: %s (cause %d; its reason was: %s).%s", m.Name, causeWords(c), c.ID, c.Told(), d.left(m, c.ID))
	return reply.With("member resume", resumeArgs{Member: m, ID: command.ID(c.ID)}), nil
}

// left says what goes on for a member when one cause has ended.
func (d Deps) left(m member.Member, ended int64) string {
	rest := slices.DeleteFunc(slices.Clone(m.Holding), func(c member.Cause) bool { return c.ID == ended })
	if len(rest) == 0 {
		return ""
	}
	var list []string
	for _, c := range rest {
		list = append(list, fmt.Sprintf("%s (%d)", causeWords(c), c.ID))
	}
	return " Still in force: " + strings.Join(list, ", ") + "."
}

type resumeArgs struct {
	Member member.Member `arg:"name,below"`
	ID     command.ID    `arg:"id"`
}

func (d Deps) resume() command.Command {
	return command.Action[resumeArgs]{
		Spec: command.Spec{Name: "member resume", Summary: "put a cause in force again that was lifted, until its own end", Permission: core.MemberWarn,
			Offer: func(command.Subject) bool { return false }},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a resumeArgs) (string, error) {
			return d.causeState(ctx, tx, a.Member, strconv.FormatInt(int64(a.ID), 10))
		},
		Run: func(ctx context.Context, tx *db.Tx, call command.Call, a resumeArgs) (command.Reply, error) {
			store := d.Members.In(tx)
			c, err := store.CauseByID(ctx, int64(a.ID))
			if core.CodeOf(err) == core.NotFound || err == nil && c.Member != a.Member.ID {
				err = core.FieldErrorf("id", "%s has no cause %d", a.Member.Name, a.ID)
			}
			if err == nil {
				err = mayEnd(call.Actor, c)
			}
			if err == nil && c.Effect == member.Granted && !call.Actor.Can(c.Permission) {
				err = core.Errorf(core.Forbidden, "you can't give what you don't have: %s", c.Permission)
			}
			if err != nil {
				return command.Reply{}, err
			}
			if c, err = store.ResumeCause(ctx, c.ID); err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("In force again for %s: %s (cause %d): %s", a.Member.Name, causeWords(c), c.ID, c.Why())
			return reply.With("member lift", liftArgs{Member: a.Member, Cause: fmt.Sprint(c.ID)}), nil
		},
	}
}
