package members

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/recovery"
)

type recoverArgs struct {
	Member member.Member `arg:"name,below"`
	Reason command.Text  `arg:"reason" hint:"How you know that it is them who ask. Whoever approves it reads this."`
}

// recover lets a member choose a new passphrase who has no way back in but staff. It is the
// way into somebody's account, so another one of the staff must approve it.
func (d Deps) recover() command.Command {
	return command.Action[recoverArgs]{
		Spec: command.Spec{Name: "member recover", Summary: "a link by which a member chooses a new passphrase, who has lost theirs", Permission: core.MemberKeys, Approve: true},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a recoverArgs) ([]string, error) {
			if err := member.CheckReason(string(a.Reason)); err != nil {
				return nil, err
			}
			e, err := d.Members.In(tx).Email(ctx, a.Member.ID)
			how := "The link is mailed to the address that the member has confirmed."
			switch {
			case !d.Recovery.ByMail():
				how = "This site sends no mail, so the link is shown once to whoever asked for it, who gives it to the member."
			case !e.Reachable():
				how = "The member has no confirmed address that letters reach, so the link is shown once to whoever asked for it, who gives it to the member."
			}
			return []string{fmt.Sprintf("This would let %s (id %d, %s) choose a new passphrase by a link that is good once, for %s. Browsers, API tokens, certificates and IRC connections end when it is used.",
				a.Member.Name, a.Member.ID, a.Member.Class.Name, text.Span(recovery.StaffLinkTime)), how + " Reason: " + string(a.Reason)}, err
		},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a recoverArgs) (string, error) {
			e, err := d.Members.In(tx).Email(ctx, a.Member.ID)
			return fmt.Sprintf("%s %t", standing(a.Member), e.Reachable()), err
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a recoverArgs) (command.Reply, error) {
			if err := member.CheckReason(string(a.Reason)); err != nil {
				return command.Reply{}, err
			}
			mailed, err := d.Recovery.Grant(ctx, tx, a.Member.ID, c.Actor.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			said := fmt.Sprintf("%s is shown the link once by: member recoverlink %s", c.Actor.Name, a.Member.Name)
			if mailed {
				said = "The link is mailed to the member."
			}
			reply := command.Say("%s may choose a new passphrase. %s", a.Member.Name, said)
			return reply.With("member unrecover", unrecoverArgs{a.Member}), nil
		},
	}
}

// never is for what a member's page offers by itself, where there is a link.
func never(command.Subject) bool { return false }

type unrecoverArgs struct {
	Member member.Member `arg:"name,below"`
}

// unrecover takes back the links by which a member may choose a new passphrase.
func (d Deps) unrecover() command.Command {
	return command.Action[unrecoverArgs]{
		Spec: command.Spec{Name: "member unrecover", Summary: "take back the links by which a member may choose a new passphrase", Permission: core.MemberKeys, Offer: never},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a unrecoverArgs) (command.Reply, error) {
			n, err := d.Recovery.Withdraw(ctx, tx, a.Member.ID)
			if err == nil && n == 0 {
				err = core.Errorf(core.Conflict, "%s has no link that could be used", a.Member.Name)
			}
			return done(err, "%s has no link any more by which to choose a new passphrase.", a.Member.Name)
		},
	}
}

// recoverLink shows a link once that could not be mailed, to who asked for it.
func (d Deps) recoverLink() command.Command {
	return command.Action[unrecoverArgs]{
		Spec: command.Spec{Name: "member recoverlink", Summary: "the link that you asked for by member recover, where it could not be mailed; it is shown once",
			Permission: core.MemberKeys, Secret: true, Reveals: true, Offer: never},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a unrecoverArgs) (command.Reply, error) {
			path, until, err := d.Recovery.Shown(ctx, tx, a.Member.ID, c.Actor.Member.ID)
			if err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("Give this link to %s and to nobody else. It is good once, until %s, and is not shown again.", a.Member.Name, text.Instant(until))
			reply.Blocks = append(reply.Blocks, command.Secret{Label: "Link", Value: d.SiteURL + path})
			return reply, nil
		},
	}
}
