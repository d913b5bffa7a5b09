package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/mail"
)

// Joining is what tells of people who join. Those who are invited or apply have no account,
// and so no inbox: they are sent letters, in the transaction that moves the consumer's place.
type Joining struct {
	Invites *invite.Store
	Letters *mail.Queue
}

// handlers are none where nothing of it is given.
func (j *Joining) handlers() []eventlog.Handler {
	if j == nil {
		return nil
	}
	return []eventlog.Handler{
		eventlog.OnTx(func(ctx context.Context, tx *db.Tx, _ eventlog.Event, e eventlog.InviteMade) error {
			return j.invitation(ctx, tx, e)
		}),
		eventlog.OnTx(func(ctx context.Context, tx *db.Tx, _ eventlog.Event, e eventlog.ApplicationDecided) error {
			return j.refusal(ctx, tx, e)
		}),
	}
}

// invitation writes the letter of an invite, and then keeps its link no longer.
func (j *Joining) invitation(ctx context.Context, tx *db.Tx, e eventlog.InviteMade) error {
	invites := j.Invites.In(tx)
	l, ok, err := invites.Letter(ctx, e.Invite)
	if err != nil || !ok {
		return err
	}
	i, err := invites.ByID(ctx, e.Invite)
	if err != nil {
		return err
	}
	letter := mail.Letter{To: l.To, Member: i.Inviter, Once: fmt.Sprintf("invite:%d", e.Invite),
		Content: mail.Invitation{Inviter: l.Inviter, Link: invite.Address(l.Token), Until: l.ExpiresAt}}
	switch {
	case l.Via == invite.ViaApplication:
		letter.Member = 0 // a letter that comes back is the applicant's
		letter.Content = mail.ApplicationVerdict{Accepted: true, Link: invite.Address(l.Token), Until: l.ExpiresAt}
	case l.Inviter == "":
		letter.Content = mail.Invitation{Inviter: "Somebody of the staff", Link: invite.Address(l.Token), Until: l.ExpiresAt}
	}
	if err := j.put(ctx, tx, letter); err != nil {
		return err
	}
	return invites.Posted(ctx, e.Invite)
}

// refusal writes to an applicant who was refused. Whoever passed is sent their invite.
func (j *Joining) refusal(ctx context.Context, tx *db.Tx, e eventlog.ApplicationDecided) error {
	v, ok, err := j.Invites.In(tx).Verdict(ctx, e.Application)
	if err != nil || !ok || !j.Letters.Configured() {
		return err
	}
	return j.put(ctx, tx, mail.Letter{To: v.To, Once: fmt.Sprintf("application:%d:%d", e.Application, v.At.Unix()),
		Content: mail.ApplicationVerdict{Text: v.Reason, Again: v.WaitUntil}})
}

// put queues a letter. One that makes no sense is a fault of the event.
func (j *Joining) put(ctx context.Context, tx *db.Tx, l mail.Letter) error {
	_, err := j.Letters.In(tx).Put(ctx, l)
	if core.CodeOf(err) == core.Invalid {
		return eventlog.Faulty(err)
	}
	return err
}

// joined tells a member that somebody came by their invite.
func (c *Consumer) joined(ctx context.Context, tx *db.Tx, e eventlog.MemberJoined) ([]Note, error) {
	if e.Inviter == 0 || e.Via != string(invite.ViaInvite) {
		return nil, nil
	}
	m, err := c.Members.In(tx).ByID(ctx, e.Member)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	return []Note{{Member: e.Inviter, Kind: InviteUsed, Subject: Subject{"member", int64(e.Member)}, Title: m.Name + " has joined by your invite.",
		Text: "They stand below you in the invite tree. Help them with their first steps."}}, err
}

// given tells a member that staff gave them invites.
func (c *Consumer) given(_ context.Context, _ *db.Tx, e eventlog.InvitesGiven) ([]Note, error) {
	if e.Number < 0 {
		return []Note{{Member: e.Member, Kind: InvitesGiven, Title: fmt.Sprintf("Staff took back %s that you had not used.", text.Plural(-e.Number, "invite")), Text: "If you don't know why, ask them."}}, nil
	}
	return []Note{{Member: e.Member, Kind: InvitesGiven, Title: fmt.Sprintf("Staff gave you %s.", text.Plural(e.Number, "invite")), Text: "They are yours until you use them, besides those that your class is given."}}, nil
}

// notArrived tells a member that a letter which they sent to somebody else did not arrive: an
// invite, or an answer by staff.
func (c *Consumer) notArrived(_ context.Context, _ *db.Tx, e eventlog.MailFailed) ([]Note, error) {
	switch e.Kind {
	case "contact-answer": // of mail.Reply
		return []Note{answerNotArrived(e)}, nil
	case "invite": // of mail.Invitation
	default:
		return nil, nil
	}
	return []Note{{Member: e.Member, Kind: InviteFailed, Subject: Subject{"mail", e.Mail}, Title: "An invite that you sent by mail did not arrive.",
		Text: "Perhaps the address has a slip. Take the invite back and make another; it is given back to you in any case when it ends."}}, nil
}
