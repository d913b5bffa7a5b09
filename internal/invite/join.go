package invite

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Ticket lets somebody in: the token of an invite's link, or "" where anybody may join.
type Ticket string

// Form is what somebody fills in who joins.
type Form struct {
	Name     string
	Password string
	Email    string // may be "", if the site asks for none
	// Rules is the revision of the rules that was shown, and Accepts that they accept it.
	Rules   int64
	Accepts bool
	Human
	Place string // where they come from, as guess.Place writes it; "" is nowhere known
}

// Joined is a new account.
type Joined struct {
	member.Created
	Via     Via
	Inviter core.MemberID // 0 for nobody
	Email   string
	// Proven says that the mail address is the one to which the invite was mailed, so that
	// nothing needs to be confirmed.
	Proven bool
	// Confirm says that the address is to be confirmed, as the site asks for that: until then
	// the account can do nothing else. Whoever calls Join then has the letter sent, which can
	// be done again at any time.
	Confirm bool
}

// Door is how people can join now, for the pages that offer it.
type Door struct {
	Mode     string // see setting.RegistrationMode
	Full     bool   // as many have joined as may
	Mail     string // whether a mail address is asked for: see setting.RegistrationMail
	Rules    int64  // the revision of the rules that is to be accepted
	Confirms bool   // a mail address is to be confirmed
	// InviteLife is for how long an invite that is made now is good.
	InviteLife time.Duration
}

// Door returns how people can join now.
func (s *Store) Door(ctx context.Context) (d Door, err error) {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return d, err
	}
	d.Mode, d.Mail, d.Confirms = setting.RegistrationMode.Of(v), setting.RegistrationMail.Of(v), setting.ConfirmMail.Of(v) && s.sendsMail()
	d.InviteLife = setting.InviteLife.Of(v)
	if d.Rules, err = s.Rules(ctx); err != nil {
		return d, fmt.Errorf("read the rules: %w", err)
	}
	if most := setting.RegistrationLimit.Of(v); most > 0 {
		n, err := s.Members.Count(ctx)
		d.Full = n >= most
		return d, err
	}
	return d, nil
}

// Look returns the invite of a link, for the page that offers to join by it, and the mail
// address to which it was sent, "" for none. It changes nothing. The error is a
// *credential.Refusal where the link is not good, Forbidden or Conflict where nobody can join
// by it now, or a *guess.Limited after too many links that there are not.
func (s *Store) Look(ctx context.Context, t Ticket, place string) (i Invite, mail string, err error) {
	err = s.prove(ctx, place, func(ctx context.Context) error {
		l, err := s.Links.Look(ctx, credential.Invite, string(t))
		if err == nil {
			i, err = s.ByID(ctx, l.Subject)
		}
		return err
	})
	if err != nil {
		return Invite{}, "", err
	}
	box, _, err := db.One(ctx, s.db, db.Value[[]byte], "SELECT mail_box FROM invite WHERE id = ?", i.ID)
	if err == nil {
		mail, err = s.openMail(box)
	}
	if err == nil {
		err = s.mayLetIn(ctx, i)
	}
	return i, mail, err
}

// prove counts a try of whoever looks for a link or a code, before it is looked up, and gives
// it back if there is such a one.
func (s *Store) prove(ctx context.Context, place string, look func(ctx context.Context) error) error {
	if place == "" {
		return look(ctx)
	}
	var found error
	err := s.Guard.Prove(ctx, guess.Try{Place: place, Account: "links from " + place}, func(ctx context.Context) (bool, error) {
		found = look(ctx)
		if core.CodeOf(found) == core.NotFound {
			return false, core.Errorf(core.Forbidden, "there is no such link")
		}
		return true, found
	})
	if found != nil {
		return found
	}
	return err
}

// mayLetIn refuses an open invite by which nobody can join now. It needs no lock: what it
// looks at may change at any time.
func (s *Store) mayLetIn(ctx context.Context, i Invite) error {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return err
	}
	if setting.RegistrationMode.Of(v) == setting.ModeClosed {
		return errClosed()
	}
	if i.Via != ViaInvite || i.Inviter == 0 {
		return nil
	}
	m, err := s.Members.ByID(ctx, i.Inviter)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return err
	}
	if !m.Can(core.InviteSend) {
		return core.Errorf(core.Forbidden, "whoever invited you may not invite anybody at present; ask them, or staff")
	}
	return nil
}

func errClosed() error {
	return core.Errorf(core.Forbidden, "nobody can join now: registration is closed; your link stays good until it expires")
}

// Join makes an account for somebody whom a ticket lets in. In one transaction it uses up the
// link, makes the account, notes who invited it, gives what newcomers are given, and appends
// MemberJoined. What is wrong with the form has code Invalid or Conflict and the field; a link
// that is not good is a *credential.Refusal.
//
// A mail address is looked up nowhere: whether others have it makes no difference.
func (s *Store) Join(ctx context.Context, t Ticket, f Form) (out Joined, err error) {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return out, err
	}
	if err := s.admits(ctx, v, t, f); err != nil {
		return out, err
	}
	if f.Email, err = s.checkForm(ctx, v, f); err != nil {
		return out, err
	}
	class, err := s.Members.FirstClass(ctx, setting.FirstClass.Of(v))
	if err != nil {
		return out, &core.Error{Code: core.Unavailable, Text: "newcomers have no class here at present; tell staff", Cause: err}
	}
	draft, err := s.Members.Draft(ctx, member.New{Name: f.Name, Password: f.Password, Email: f.Email, Class: class.Name})
	if err != nil {
		return out, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, turn := range []func() error{
			func() error { return tx.Turn(ctx, "joining") },
			func() error { return member.TakeNames(ctx, tx) },
		} {
			if err := turn(); err != nil {
				return err
			}
		}
		out = Joined{Email: f.Email, Via: ViaOpen}
		return s.In(tx).join(ctx, tx, t, f, draft, &out)
	})
	if err != nil {
		return Joined{}, err
	}
	return out, nil
}

// admits looks at everything that needs neither the form's contents nor much time.
func (s *Store) admits(ctx context.Context, v setting.Values, t Ticket, f Form) error {
	if err := s.human(f.Human); err != nil {
		return err
	}
	mode := setting.RegistrationMode.Of(v)
	switch {
	case mode == setting.ModeClosed:
		return errClosed()
	case t != "":
		_, _, err := s.Look(ctx, t, f.Place)
		return err
	case mode == setting.ModeInvite:
		return core.Errorf(core.Forbidden, "one joins here by the invite of a member: open the link that it came with")
	case mode == setting.ModeApplication:
		return core.Errorf(core.Forbidden, "one joins here by an application; whoever passes gets a link")
	}
	return nil
}

// checkForm checks what doesn't depend on others, and returns the mail address as it is kept.
func (s *Store) checkForm(ctx context.Context, v setting.Values, f Form) (mail string, err error) {
	if f.Password == "" { // staff may have one drawn; who joins chooses
		return "", core.FieldErrorf("password", "choose a passphrase of at least %d characters", member.MinPassword)
	}
	if mail, err = s.mayWriteTo(ctx, v, f.Email); err != nil {
		return "", err
	}
	if mail == "" && setting.RegistrationMail.Of(v) == setting.MailRequired {
		return "", core.FieldErrorf("email", "give a mail address: this site asks everybody for one")
	}
	if !f.Accepts {
		return "", core.FieldErrorf("rules", "accept the rules to join")
	}
	return mail, s.mustBeCurrent(ctx, f.Rules)
}

// join is the part of Join that changes something, in the transaction of s, which has the
// turns of joining and of names.
func (s *Store) join(ctx context.Context, tx *db.Tx, t Ticket, f Form, draft member.Draft, out *Joined) error {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return err
	}
	if most := setting.RegistrationLimit.Of(v); most > 0 {
		n, err := s.Members.Count(ctx)
		if err != nil {
			return err
		}
		if n >= most {
			return core.Errorf(core.Conflict, "the site is full: it has %d members, and takes no more for now; your link stays good until it expires", n)
		}
	}
	var used Invite
	network := ""
	if f.Place != "" {
		network = guess.Around(f.Place)
	}
	if t == "" {
		err = s.notTooMany(ctx, tx, v, network)
	} else {
		used, err = s.spend(ctx, tx, t, f.Email, out)
	}
	if err != nil {
		return err
	}
	if out.Created, err = s.Members.CreateFrom(ctx, draft); err != nil {
		return err
	}
	id := out.Member.ID
	if used.ID != 0 {
		if _, err := tx.Exec(ctx, "UPDATE invite SET used_at = ?, used_by = ?, mail_box = ? WHERE id = ?", s.Clock().Unix(), id, []byte{}, used.ID); err != nil {
			return fmt.Errorf("use an invite: %w", err)
		}
	}
	if err := s.record(ctx, tx, Origin{Member: id, Inviter: out.Inviter, Via: out.Via, Invite: used.ID}, network); err != nil {
		return fmt.Errorf("record who invited a member: %w", err)
	}
	if n := setting.FirstInvites.Of(v); n > 0 {
		if err := setStock(ctx, tx, id, n); err != nil {
			return err
		}
	}
	if err := s.accept(ctx, tx, id, f.Rules); err != nil {
		return err
	}
	if out.Confirm = f.Email != "" && !out.Proven && setting.ConfirmMail.Of(v) && s.sendsMail(); out.Confirm {
		_, err := s.Members.BeginCause(ctx, member.NewCause{Member: id, Effect: member.Unconfirmed, Source: member.ByJoining, Reason: "The mail address that was given at joining is to be confirmed."})
		if err != nil {
			return err
		}
		if out.Member, err = s.Members.ByID(ctx, id); err != nil {
			return err
		}
	}
	_, err = s.Log.Append(ctx, tx, eventlog.MemberJoined{Member: id, Inviter: out.Inviter, Via: string(out.Via)})
	return err
}

// spend uses up the link of an invite.
func (s *Store) spend(ctx context.Context, tx *db.Tx, t Ticket, mail string, out *Joined) (Invite, error) {
	l, _, err := s.Links.Spend(ctx, credential.Invite, string(t))
	if err != nil {
		return Invite{}, err
	}
	if err := tx.Lock(ctx, "invite", "id = ?", l.Subject); err != nil {
		return Invite{}, err
	}
	i, err := s.ByID(ctx, l.Subject)
	if err != nil {
		return i, err
	}
	if err := s.mayLetIn(ctx, i); err != nil {
		return i, err
	}
	mac, _, err := db.One(ctx, tx, db.Value[[]byte], "SELECT mail_mac FROM invite WHERE id = ?", i.ID)
	if err != nil {
		return i, fmt.Errorf("read an invite: %w", err)
	}
	// There is a hash only of an address to which the link went, and nowhere else.
	out.Proven = mail != "" && s.sendsMail() && len(mac) > 0 && secret.Equal(mac, s.mailMAC(mail))
	out.Via, out.Inviter = i.Via, i.Inviter
	return i, nil
}

// notTooMany refuses one account too many from one network within a day.
func (s *Store) notTooMany(ctx context.Context, tx *db.Tx, v setting.Values, network string) error {
	if network == "" {
		return nil
	}
	now, most := s.Clock(), setting.RegistrationBurst.Of(v)
	n, _, err := db.One(ctx, tx, db.Value[int], "SELECT COUNT(*) FROM member_inviter WHERE network_mac = ? AND at > ? AND at <= ?",
		s.placeMAC(network), now.Add(-24*time.Hour).Unix(), core.Horizon(now, 0).Unix())
	if err != nil {
		return fmt.Errorf("count who joined: %w", err)
	}
	if n >= most {
		return &core.Error{Code: core.Unavailable, Text: fmt.Sprintf("%d accounts were made from your network within a day; try again tomorrow, or ask staff", n), Retry: 24 * time.Hour}
	}
	return nil
}
