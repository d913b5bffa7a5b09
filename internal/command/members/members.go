// Package members is the family of commands about accounts and classes.
//
// Concurrency: the commands have no state of their own.
package members

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/recovery"
)

// Deps is what the family works on.
type Deps struct {
	Members  *member.Store
	Invites  *invite.Store
	Recovery *recovery.Desk
	SiteURL  string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{
		d.stats(), d.show(), d.create(), d.disable(), d.enable(), d.class(), d.warn(), d.restrict(), d.park(), d.liftCommand(), d.resume(), d.grant(), d.withhold(),
		d.why(), d.privacy(), d.privacySet(), d.causes(), d.away(), d.back(),
		d.newKey("announcekey", "announce key", "a new announce key for a member; the old one stops working", member.Ways{AnnounceKey: true}, (*member.Store).NewAnnounceKey),
		d.newKey("irckey", "IRC key", "a new IRC key for a member; the old one stops working", member.Ways{IRCKey: true}, (*member.Store).NewIRCKey),
		d.passphrase(), d.recover(), d.recoverLink(), d.unrecover(), d.security(), d.slots(), d.replace(),
		d.find(), d.at(), d.addresses(), d.near(), d.held(), d.noteAdd(), d.noteList(), d.noteRemove(), d.noteRestore(),
	}
}

type statsArgs struct {
	Member *member.Member `arg:"member,other=stats.read"`
}

func (d Deps) stats() command.Command {
	return command.Question[statsArgs]{
		Spec: command.Spec{Name: "stats", Aliases: []string{"user", "u"}, Summary: "upload, download and ratio, yours or another member's", Public: true},
		Run: func(ctx context.Context, c command.Call, a statsArgs) (command.Reply, error) {
			if a.Member == nil && c.Actor.IsShell() {
				return command.Reply{}, core.Errorf(core.Invalid, "the shell has no figures of its own; name a member")
			}
			m, err := c.Actor.MemberOr(a.Member)
			if err != nil {
				return command.Reply{}, err
			}
			blocks, err := d.figures(ctx, c, m)
			return command.Reply{Blocks: blocks}, err
		},
	}
}

type showArgs struct {
	Member member.Member `arg:"name"`
}

// show is answered in private, as there are staff who may not see what is hidden.
func (d Deps) show() command.Command {
	return command.Question[showArgs]{
		Spec: command.Spec{Name: "member show", Summary: "an account with its state and figures", Permission: core.MemberSeePrivate, Secret: true},
		Run: func(ctx context.Context, c command.Call, a showArgs) (command.Reply, error) {
			view, err := d.Members.See(ctx, c.Actor.Sees(), a.Member)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Reply{Blocks: []command.Block{account(view), figureFields(view)}}, nil
		},
	}
}

// stateOf is the state of an account with all that holds for it.
func stateOf(m member.Member) string {
	var parts []string
	if m.Enabled() {
		parts = append(parts, "enabled")
	}
	for _, c := range m.Holding {
		parts = append(parts, causeLine(c))
	}
	return strings.Join(parts, "; ")
}

// causeLine is a cause with everything that staff know of it.
func causeLine(c member.Cause) string {
	line := causeWords(c)
	if !c.Starts.IsZero() {
		line += " since " + text.Instant(c.Starts)
	}
	if !c.Ends.IsZero() {
		line += " until " + text.Instant(c.Ends)
	}
	if c.By.Name != "" {
		line += " by " + c.By.Name
	}
	return fmt.Sprintf("%s: %s (cause %d)", line, c.Told(), c.ID)
}

type createArgs struct {
	Name  string        `arg:"name" hint:"1 to 32 letters, digits and underscores; also the name on IRC"`
	Class *member.Class `arg:"class,flag,below"`
	Email string        `arg:"email,flag,optional,secret"`

	draft member.Draft
}

func (d Deps) create() command.Command {
	return command.Action[createArgs]{
		Spec: command.Spec{Name: "member create", Summary: "make an account; its passphrase and keys are shown once",
			Permission: core.MemberCreate, Secret: true, Reveals: true},
		Prepare: func(ctx context.Context, _ command.Call, a *createArgs) (err error) {
			n := member.New{Name: a.Name, Email: a.Email}
			if a.Class != nil {
				n.Class = a.Class.Name
			}
			a.draft, err = d.Members.Draft(ctx, n)
			return err
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a createArgs) (command.Reply, error) {
			made, err := d.Members.In(tx).CreateFrom(ctx, a.draft)
			if err != nil {
				return command.Reply{}, err
			}
			m := made.Member
			if err := d.Invites.In(tx).Record(ctx, invite.Origin{Member: m.ID, Via: invite.ViaStaff}); err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("Account %s (id %d, %s) is there.", m.Name, m.ID, m.Class.Name)
			reply.Blocks = append(reply.Blocks,
				command.Secret{Label: "Passphrase", Value: made.Password}, command.Secret{Label: "Announce key", Value: made.AnnounceKey},
				command.Secret{Label: "IRC key", Value: made.IRCKey},
				command.Line{Text: "The passphrase is shown this once only.", Private: true})
			return reply.With("member disable", disableArgs{Member: m, Reason: "made by mistake"}), nil
		},
	}
}
