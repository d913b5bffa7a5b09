package members

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// by is who acts, as a cause remembers it.
func by(c command.Call) member.By { return member.By{ID: c.Actor.Member.ID, Name: c.Actor.Name} }

// begin begins a cause and says so. Taking it back lifts that very cause.
func (d Deps) begin(ctx context.Context, tx *db.Tx, call command.Call, m member.Member, n member.NewCause, said string) (command.Reply, error) {
	n.Member, n.By = m.ID, by(call)
	c, err := d.Members.In(tx).BeginCause(ctx, n)
	if err != nil {
		return command.Reply{}, err
	}
	until := ""
	if !c.Ends.IsZero() {
		until = " until " + text.Instant(c.Ends)
	}
	reply := command.Say("%s%s (cause %d). Reason: %s", said, until, c.ID, c.Reason)
	return reply.With("member lift", liftArgs{Member: m, Cause: fmt.Sprint(c.ID)}), nil
}

// lasting is an optional duration.
func lasting(d *time.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return *d
}

// forWords is how long something is to last, in a preview.
func forWords(d *time.Duration) string {
	if d == nil {
		return "for good"
	}
	return "for " + text.Span(*d)
}

// held is the state of a command that begins or ends a cause with some effect.
func held(m member.Member, e member.Effect) string {
	out := string(e)
	for _, c := range m.Holding {
		if c.Effect == e {
			out += fmt.Sprintf(" %d", c.ID)
		}
	}
	return out
}

type disableArgs struct {
	Member member.Member  `arg:"name,below"`
	For    *time.Duration `arg:"for,flag" hint:"Left empty, it stays disabled until somebody enables it."`
	Reason command.Text   `arg:"reason" hint:"The member is shown it at login and in the client. Sessions, tracker and IRC end at once."`
}

func (d Deps) disable() command.Command {
	return command.Action[disableArgs]{
		Spec: command.Spec{Name: "member disable", Summary: "close an account; the member is shown the reason", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { return s.Member.Open() }},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a disableArgs) ([]string, error) {
			m := a.Member
			if c, off := m.Holds(member.Disabled); off {
				return nil, core.Errorf(core.Conflict, "%s is disabled already: %s", m.Name, c.Why())
			}
			if err := member.CheckReason(string(a.Reason)); err != nil {
				return nil, err
			}
			view, err := d.Members.In(tx).See(ctx, member.Others(), m) // others of the staff may read along
			seeds := ""
			if n := view.Seeding(); n.Shown {
				seeds = fmt.Sprintf(", who seeds %d torrents", n.Value)
			}
			return []string{fmt.Sprintf("This would disable %s (id %d, %s) %s%s; sessions, tracker and IRC end at once. Reason: %s",
				m.Name, m.ID, m.Class.Name, forWords(a.For), seeds, a.Reason)}, err
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a disableArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a disableArgs) (command.Reply, error) {
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: member.Disabled, Reason: string(a.Reason), For: lasting(a.For)},
				a.Member.Name+" is disabled")
		},
	}
}

type enableArgs struct {
	Member member.Member `arg:"name,below"`
	Reason command.Text  `arg:"reason,optional"`
}

func (d Deps) enable() command.Command {
	return command.Action[enableArgs]{
		Spec: command.Spec{Name: "member enable", Summary: "open a disabled account again", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { return !s.Member.Open() }},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a enableArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a enableArgs) (command.Reply, error) {
			if a.Member.Open() {
				return command.Reply{}, core.Errorf(core.Conflict, "%s is enabled already", a.Member.Name)
			}
			return d.lift(ctx, tx, c, a.Member, string(member.Disabled), string(a.Reason))
		},
	}
}

type warnArgs struct {
	Member member.Member `arg:"name,below"`
	For    time.Duration `arg:"duration" hint:"How long the warning lasts, such as 2w. Nobody is promoted meanwhile."`
	Reason command.Text  `arg:"reason" hint:"The member reads it on every page of the site while the warning lasts."`
}

func (d Deps) warn() command.Command {
	return command.Action[warnArgs]{
		Spec: command.Spec{Name: "member warn", Summary: "warn a member for a while; they are told the reason and the end", Permission: core.MemberWarn},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a warnArgs) (string, error) {
			return held(a.Member, member.Warned), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a warnArgs) (command.Reply, error) {
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: member.Warned, Reason: string(a.Reason), For: a.For}, a.Member.Name+" is warned")
		},
	}
}

type parkArgs struct {
	Member member.Member  `arg:"name,below"`
	For    *time.Duration `arg:"for,flag" hint:"Left empty, until the member logs in again."`
	Reason command.Text   `arg:"reason"`
}

func (d Deps) park() command.Command {
	return command.Action[parkArgs]{
		Spec: command.Spec{Name: "member park", Summary: "park the account of a member who is away: kept, without downloads, until they log in", Permission: core.MemberDisable,
			Offer: func(s command.Subject) bool { _, parked := s.Member.Holds(member.Parked); return !parked }},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a parkArgs) (string, error) {
			return held(a.Member, member.Parked), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a parkArgs) (command.Reply, error) {
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: member.Parked, Reason: string(a.Reason), For: lasting(a.For)}, a.Member.Name+" is parked")
		},
	}
}

// restriction is what "member restrict" can take from somebody.
type restriction string

// Choices implements the argument's type.
func (restriction) Choices() (out []string) {
	for _, i := range member.Effects() {
		if i.Word != "" {
			out = append(out, i.Word)
		}
	}
	return out
}

func (r restriction) effect() member.Effect {
	for _, i := range member.Effects() {
		if i.Word == string(r) {
			return i.Effect
		}
	}
	return ""
}

type restrictArgs struct {
	Member member.Member  `arg:"name,below"`
	What   restriction    `arg:"what"`
	For    *time.Duration `arg:"for,flag" hint:"Left empty, it holds until somebody lifts it."`
	Reason command.Text   `arg:"reason" hint:"The member reads it on every page of the site."`
}

func (d Deps) restrict() command.Command {
	return command.Action[restrictArgs]{
		Spec: command.Spec{Name: "member restrict", Summary: "switch off a member's downloads, uploads, invites or IRC, for a while or until it is lifted", Permission: core.MemberWarn,
			Button: "Switch off downloads, uploads, invites or IRC"},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a restrictArgs) (string, error) {
			return held(a.Member, a.What.effect()), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a restrictArgs) (command.Reply, error) {
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: a.What.effect(), Reason: string(a.Reason), For: lasting(a.For)},
				fmt.Sprintf("%s is restricted: %s is off", a.Member.Name, a.What))
		},
	}
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

type grantArgs struct {
	Member     member.Member  `arg:"name,below"`
	Permission permissionName `arg:"permission"`
	For        time.Duration  `arg:"duration"`
	Reason     command.Text   `arg:"reason"`
}

func (d Deps) grant() command.Command {
	return command.Action[grantArgs]{
		Spec: command.Spec{Name: "permission grant", Summary: "give a member one permission of yours for a while", Permission: core.MemberGrant},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a grantArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a grantArgs) (command.Reply, error) {
			p := core.Permission(a.Permission)
			if !c.Actor.Can(p) {
				return command.Reply{}, core.Errorf(core.Forbidden, "you can't give what you don't have: %s", p)
			}
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: member.Granted, Permission: p, Reason: string(a.Reason), For: a.For},
				fmt.Sprintf("%s has %s", a.Member.Name, p))
		},
	}
}

type withholdArgs struct {
	Member     member.Member  `arg:"name,below"`
	Permission permissionName `arg:"permission"`
	For        *time.Duration `arg:"for,flag" hint:"Left empty, it holds until somebody lifts it."`
	Reason     command.Text   `arg:"reason"`
}

func (d Deps) withhold() command.Command {
	return command.Action[withholdArgs]{
		Spec: command.Spec{Name: "permission withhold", Summary: "take one permission from a member, whatever their classes give them", Permission: core.MemberGrant},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a withholdArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a withholdArgs) (command.Reply, error) {
			p := core.Permission(a.Permission)
			return d.begin(ctx, tx, c, a.Member, member.NewCause{Effect: member.Withheld, Permission: p, Reason: string(a.Reason), For: lasting(a.For)},
				fmt.Sprintf("%s is withheld from %s", p, a.Member.Name))
		},
	}
}
