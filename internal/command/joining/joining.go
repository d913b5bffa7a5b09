// Package joining is the family of commands about how people join: invites, the tree of who
// invited whom, applications and their questions, and the rules that everybody accepts.
//
// Concurrency: the commands have no state of their own.
package joining

import (
	"context"
	"fmt"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Deps is what the family works on.
type Deps struct {
	Invites  *invite.Store
	Members  *member.Store
	Settings *setting.Store
	SiteURL  string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{
		d.send(), d.link(), d.list(), d.revoke(), d.give(), d.take(), d.classInvites(),
		d.tree(), d.moveBranch(), d.disableBranch(), d.enableBranch(),
		d.applications(), d.application(), d.claim(), d.release(), d.note(), d.pass(), d.refuse(), d.reopen(),
		d.questions(), d.addQuestion(), d.removeQuestion(), d.moveQuestion(), d.requireRules(),
	}
}

// person is the actor as the domain notes who did something.
func person(a command.Actor) invite.Person { return invite.Person{ID: a.Member.ID, Name: a.Name} }

type sendArgs struct {
	Mail string       `arg:"mail,secret" hint:"the address of whoever you invite"`
	Note command.Text `arg:"note,optional" hint:"for you alone: whom you have invited"`
}

func (d Deps) send() command.Command {
	return command.Action[sendArgs]{
		Spec: command.Spec{Name: "invite send", Summary: "invite somebody by mail; where this site sends none, you get a link to pass on", Permission: core.InviteSend, Secret: true, Reveals: true},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a sendArgs) (command.Reply, error) {
			if a.Mail == "" {
				return command.Reply{}, core.FieldErrorf("mail", "write whose address it goes to; invite link makes one to pass on by hand")
			}
			return d.made(d.Invites.In(tx).Make(ctx, c.Actor.Member.ID, invite.New{Mail: a.Mail, Note: string(a.Note)}))
		},
	}
}

type linkArgs struct {
	Note command.Text `arg:"note,optional" hint:"for you alone: whom you have invited"`
}

func (d Deps) link() command.Command {
	return command.Action[linkArgs]{
		Spec: command.Spec{Name: "invite link", Summary: "a link to pass on by hand, by which one person can join", Permission: core.InviteSend, Secret: true, Reveals: true},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a linkArgs) (command.Reply, error) {
			return d.made(d.Invites.In(tx).Make(ctx, c.Actor.Member.ID, invite.New{Note: string(a.Note)}))
		},
	}
}

// made tells of an invite that was made.
func (d Deps) made(m invite.Made, err error) (command.Reply, error) {
	if err != nil {
		return command.Reply{}, err
	}
	left := ""
	if !m.Free {
		left = fmt.Sprintf(" You can make %d more.", m.Left)
	}
	until := text.Instant(m.ExpiresAt)
	r := command.Say("Invite #%d is on its way by mail, and is good until %s; unused, it is yours again then.%s", m.ID, until, left)
	if m.Token != "" {
		r = command.Say("Invite #%d is good for one person until %s; unused, it is yours again then.%s", m.ID, until, left)
		r.Blocks = append(r.Blocks, command.Secret{Label: "Link", Value: d.SiteURL + invite.Address(m.Token)})
	}
	return r.With("invite revoke", idArgs{ID: command.ID(m.ID)}), nil
}

type idArgs struct {
	ID command.ID `arg:"id"`
}

// lines is how many rows of a list are told.
const lines = 20

type listArgs struct {
	Member *member.Member `arg:"member,flag,other=invite.manage"`
}

func (d Deps) list() command.Command {
	return command.Question[listArgs]{
		Spec: command.Spec{Name: "invite list", Aliases: []string{"invites"}, Summary: "your invites and what came of each, and how many you can make", Permission: core.InviteSend, Secret: true},
		Run: func(ctx context.Context, c command.Call, a listArgs) (command.Reply, error) {
			var id core.MemberID // of the shell
			if a.Member != nil || !c.Actor.IsShell() {
				m, err := c.Actor.MemberOr(a.Member)
				if err != nil {
					return command.Reply{}, err
				}
				id = m.ID
			}
			list, err := d.Invites.Of(ctx, id, 0, lines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Invite", "Made", "What came of it", "Note"}, Empty: "No invite was made yet: invite link makes one."}
			for _, i := range list[:min(len(list), lines)] {
				made, came := i.CreatedAt.Format("2006-01-02"), outcome(i, c)
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprintf("#%d", i.ID), made, came, i.Note}, Text: fmt.Sprintf("#%d of %s: %s%s", i.ID, made, came, noted(i.Note))})
			}
			if len(list) > lines {
				t.More = "Older ones are on the site."
			}
			if id == 0 {
				return command.Reply{Blocks: []command.Block{t}}, nil
			}
			have, _, err := d.Invites.AllowanceOf(ctx, id)
			return command.Reply{Blocks: []command.Block{command.Line{Text: allowance(have)}, t}}, err
		},
	}
}

func noted(note string) string {
	if note == "" {
		return ""
	}
	return " (" + note + ")"
}

// outcome says what came of an invite.
func outcome(i invite.Invite, c command.Call) string {
	switch i.State(c.Now) {
	case invite.Used:
		return "used by " + i.UsedName + " at " + text.Instant(i.UsedAt)
	case invite.Revoked:
		return "taken back at " + text.Instant(i.RevokedAt)
	case invite.Expired:
		return "expired at " + text.Instant(i.ExpiresAt)
	}
	return "open until " + text.Instant(i.ExpiresAt)
}

// allowance says how many invites can be made.
func allowance(a invite.Allowance) string {
	if a.Unbounded {
		return "Who manages invites can make as many as they need."
	}
	return fmt.Sprintf("%d can be made now: of %d within 30 days %d are used or open, and of %d given by staff %d.", a.Left(), a.Class, a.ClassUsed, a.Stock, a.StockUsed)
}

func (d Deps) revoke() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "invite revoke", Summary: "take back an invite that is not used; it can be made again", Permission: core.InviteSend},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			i, err := d.Invites.In(tx).ByID(ctx, int64(a.ID))
			if err == nil {
				err = d.mayRevoke(ctx, tx, c.Actor, i)
			}
			if err == nil {
				i, err = d.Invites.In(tx).Revoke(ctx, i.ID, c.Actor.Member.ID)
			}
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Invite #%d is taken back; its link is no longer good.", i.ID), nil
		},
	}
}

// mayRevoke is the rule of rank for invites of others, which nobody else is told of.
func (d Deps) mayRevoke(ctx context.Context, tx *db.Tx, actor command.Actor, i invite.Invite) error {
	if actor.IsShell() || i.Inviter == actor.Member.ID {
		return nil
	}
	if !actor.Can(core.InviteManage) {
		return core.Errorf(core.NotFound, "there is no invite %d", i.ID)
	}
	if i.Inviter == 0 {
		return core.Errorf(core.Forbidden, "invite %d was made in the shell, and is taken back there", i.ID)
	}
	m, err := d.Members.In(tx).ByID(ctx, i.Inviter)
	if core.CodeOf(err) == core.NotFound {
		return nil
	}
	if err == nil {
		err = actor.MayActOn(m)
	}
	return err
}

type giveArgs struct {
	Member member.Member `arg:"name,below"`
	Number command.ID    `arg:"number" hint:"how many, up to 5000"`
	Reason command.Text  `arg:"reason"`
}

func (d Deps) give() command.Command {
	return command.Action[giveArgs]{
		Spec: command.Spec{Name: "invite give", Summary: "give a member invites besides those of their class", Permission: core.InviteManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a giveArgs) (string, error) {
			return d.given(ctx, tx, a.Member)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a giveArgs) (command.Reply, error) {
			r, err := d.stock(ctx, tx, a, 1, "%s has %d more invites: %s.")
			return r.With("invite take", takeArgs{Number: a.Number, Member: a.Member, Reason: a.Reason}), err
		},
	}
}

// takeArgs has the number first: of those on whom a page offers it, nearly all were given none.
type takeArgs struct {
	Number command.ID    `arg:"number" hint:"how many"`
	Member member.Member `arg:"name,below"`
	Reason command.Text  `arg:"reason"`
}

func (d Deps) take() command.Command {
	return command.Action[takeArgs]{
		Spec: command.Spec{Name: "invite take", Summary: "take away invites that a member was given and has not used", Permission: core.InviteManage},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a takeArgs) (string, error) {
			return d.given(ctx, tx, a.Member)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a takeArgs) (command.Reply, error) {
			give := giveArgs{Member: a.Member, Number: a.Number, Reason: a.Reason}
			r, err := d.stock(ctx, tx, give, -1, "%s has %d invites less: %s.")
			return r.With("invite give", give), err
		},
	}
}

// given is what a decision about a member's invites rests on.
func (d Deps) given(ctx context.Context, tx *db.Tx, m member.Member) (string, error) {
	have, err := d.Invites.In(tx).Allowance(ctx, m)
	return fmt.Sprintf("%d %d", m.ID, have.Stock), err
}

func (d Deps) stock(ctx context.Context, tx *db.Tx, a giveArgs, sign int, said string) (command.Reply, error) {
	if err := member.CheckReason(string(a.Reason)); err != nil {
		return command.Reply{}, err
	}
	if a.Number > invite.MaxGiven {
		return command.Reply{}, core.FieldErrorf("number", "write a number from 1 to %d", invite.MaxGiven)
	}
	have, err := d.Invites.In(tx).Give(ctx, a.Member.ID, sign*int(a.Number))
	if err != nil {
		return command.Reply{}, err
	}
	r := command.Say(said, a.Member.Name, a.Number, text.Line(string(a.Reason)))
	r.Blocks = append(r.Blocks, command.Line{Text: allowance(have)})
	return r, nil
}

type classArgs struct {
	Class   member.Class `arg:"class,below"`
	Invites string       `arg:"invites" hint:"how many its members can make within 30 days; 0 is none"`
}

func (d Deps) classInvites() command.Command {
	return command.Action[classArgs]{
		Spec: command.Spec{Name: "class invites", Summary: "how many invites the members of a class can make within 30 days", Permission: core.MemberClass},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a classArgs) (string, error) {
			return fmt.Sprintf("%d %d", a.Class.ID, a.Class.Invites), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a classArgs) (command.Reply, error) {
			n, err := strconv.Atoi(a.Invites)
			if err != nil {
				n = -1
			}
			if err := d.Members.In(tx).SetInvites(ctx, a.Class.Name, n); err != nil {
				return command.Reply{}, err
			}
			return command.Say("Each %s can make %d invites within 30 days; it was %d.", a.Class.Name, n, a.Class.Invites).
				With("class invites", classArgs{Class: a.Class, Invites: strconv.Itoa(a.Class.Invites)}), nil
		},
	}
}

// nobody is what staff write for no revision.
const nobody = "none"

type rulesArgs struct {
	Revision string `arg:"revision,optional" hint:"empty: the one that holds now; none: nobody is asked again"`
}

func (d Deps) requireRules() command.Command {
	return command.Action[rulesArgs]{
		Spec: command.Spec{Name: "rules require", Summary: "ask everybody to accept the rules again, as they are now", Permission: core.PageEdit},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, _ rulesArgs) (string, error) {
			c, err := d.Settings.In(tx).Get(ctx, setting.RulesRevision.Name)
			return c.Value, err
		},
		Preview: func(ctx context.Context, _ *db.Tx, _ command.Call, a rulesArgs) ([]string, error) {
			n, err := d.revision(ctx, a)
			if n == 0 {
				return []string{"This would ask nobody any more to accept the rules again."}, err
			}
			return []string{fmt.Sprintf("This would ask everybody who has not accepted revision %d of the rules to do so before they go on.", n)}, err
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a rulesArgs) (command.Reply, error) {
			n, err := d.revision(ctx, a)
			if err != nil {
				return command.Reply{}, err
			}
			was, _, err := d.Settings.In(tx).Set(ctx, c.Actor.Member.ID, setting.RulesRevision.Name, strconv.FormatInt(n, 10))
			if err != nil {
				return command.Reply{}, err
			}
			back := rulesArgs{Revision: was.Value}
			if back.Revision == "0" {
				back.Revision = nobody
			}
			if n == 0 {
				return command.Say("Nobody is asked any more to accept the rules again.").With("rules require", back), nil
			}
			return command.Say("Everybody is asked to accept revision %d of the rules.", n).With("rules require", back), nil
		},
	}
}

// revision is the revision of the rules that is asked for.
func (d Deps) revision(ctx context.Context, a rulesArgs) (int64, error) {
	now, err := d.Invites.Rules(ctx)
	if err != nil {
		return 0, err
	}
	switch a.Revision {
	case "":
		if now == 0 {
			return 0, core.Errorf(core.Conflict, "nobody has written rules of this site's own yet: they are as the program ships them")
		}
		return now, nil
	case nobody:
		return 0, nil
	}
	n, err := strconv.ParseInt(a.Revision, 10, 64)
	if err != nil || n < 1 || n > now {
		return 0, core.FieldErrorf("revision", "the rules have the revisions 1 to %d; or write %s", now, nobody)
	}
	return n, nil
}
