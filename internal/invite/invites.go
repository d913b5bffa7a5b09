package invite

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// maxNote is the longest note for oneself, in characters.
const maxNote = 100

// New describes an invite to make.
type New struct {
	Mail string // whom it is mailed to; "" makes a link to pass on
	Note string // for whoever makes it; may be ""
}

// Made is an invite that was just made.
type Made struct {
	Invite
	Token string // for Address, to be passed on by hand; "" where the site mails it
	Left  int    // how many more the member may make; meaningless where Free
	Free  bool   // the member is not bounded
}

// Make makes an invite of a member, or of the shell where id is 0, which is not bounded. It fails with Invalid where a field is wrong, with
// Forbidden where the member may not invite, and with Conflict where nobody joins or none is
// left.
func (s *Store) Make(ctx context.Context, id core.MemberID, n New) (out Made, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		bound := s.In(tx)
		if id == 0 {
			out, err = bound.make(ctx, tx, 0, ViaInvite, fromNone, n)
			out.Free = true
			return err
		}
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		m, err := bound.Members.ByID(ctx, id)
		if err != nil {
			return err
		}
		if !m.Can(core.InviteSend) {
			return core.Errorf(core.Forbidden, "you may not invite anybody")
		}
		a, err := bound.allowance(ctx, m, tx.Current)
		if err != nil {
			return err
		}
		from, err := a.take()
		if err != nil {
			return err
		}
		if out, err = bound.make(ctx, tx, id, ViaInvite, from, n); err != nil {
			return err
		}
		out.Left, out.Free = a.Left()-1, a.Unbounded
		return nil
	})
	return out, err
}

// make writes an invite in the transaction of s. inviter 0 is the shell.
func (s *Store) make(ctx context.Context, tx *db.Tx, inviter core.MemberID, via Via, from source, n New) (out Made, err error) {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return out, err
	}
	if setting.RegistrationMode.Of(v) == setting.ModeClosed {
		return out, core.Errorf(core.Conflict, "nobody can join now: registration is closed")
	}
	mail, err := s.mayWriteTo(ctx, v, n.Mail)
	if err != nil {
		return out, err
	}
	note := text.Line(n.Note)
	if text.Chars(note) > maxNote {
		return out, core.FieldErrorf("note", "keep the note within %d characters", maxNote)
	}
	now, life := s.second(), setting.InviteLife.Of(v)
	mailed, mac := mail != "" && s.sendsMail(), []byte{}
	if mailed { // whoever has the link then reads that mail
		mac = s.mailMAC(mail)
	}
	out.Invite = Invite{Inviter: inviter, Via: via, Note: note, Mailed: mailed, CreatedAt: now, ExpiresAt: time.Unix(now.Add(life).Unix(), 0).UTC(), source: from}
	out.ID, err = tx.Insert(ctx, "invite", db.Row{"inviter_id", inviter, "via", via, "source", from, "note", note,
		"mail_mac", mac, "mail_box", s.sealMail(mail), "link_id", 0, "created_at", now.Unix(), "expires_at", out.ExpiresAt.Unix(),
		"used_at", 0, "used_by", 0, "revoked_at", 0, "revoked_by", 0})
	if err != nil {
		return out, fmt.Errorf("make an invite: %w", err)
	}
	link, token, err := s.Links.Make(ctx, credential.New{Purpose: credential.Invite, Subject: out.ID, Member: inviter, Lifetime: life})
	if err != nil {
		return out, err
	}
	if out.link = link.ID; !mailed {
		out.Token = token
	}
	if _, err := tx.Exec(ctx, "UPDATE invite SET link_id = ? WHERE id = ?", link.ID, out.ID); err != nil {
		return out, fmt.Errorf("make an invite: %w", err)
	}
	if mailed {
		_, err = s.Log.Append(ctx, tx, eventlog.InviteMade{Invite: out.ID})
	}
	return out, err
}

const inviteColumns = "i.id, i.inviter_id, i.via, i.source, i.note, LENGTH(i.mail_mac), i.link_id, i.created_at, i.expires_at, i.used_at, i.used_by, i.revoked_at, COALESCE(m.name, '')"

const ofInvite = " FROM invite i LEFT JOIN member m ON m.id = i.used_by "

// RanOut returns up to limit (1 to 500) invites of members that ran out unused after an instant
// and not after another, by id: those with greater ids than after.
func (s *Store) RanOut(ctx context.Context, from, until time.Time, after int64, limit int) ([]Invite, error) {
	list, err := db.All(ctx, s.db, scanInvite, "SELECT "+inviteColumns+ofInvite+"WHERE i.expires_at > ? AND i.expires_at <= ? AND i.used_at = 0 AND i.revoked_at = 0 AND i.inviter_id > 0 AND i.via = ? AND i.id > ? ORDER BY i.id LIMIT ?",
		from.Unix(), until.Unix(), string(ViaInvite), after, min(max(limit, 1), 500))
	if err != nil {
		return nil, fmt.Errorf("read invites that ran out: %w", err)
	}
	return list, nil
}

func scanInvite(sc db.Scanner) (i Invite, err error) {
	var created, expires, used, revoked, mail int64
	err = sc.Scan(&i.ID, &i.Inviter, &i.Via, &i.source, &i.Note, &mail, &i.link, &created, &expires, &used, &i.UsedBy, &revoked, &i.UsedName)
	i.Mailed = mail > 0
	i.CreatedAt, i.ExpiresAt, i.UsedAt, i.RevokedAt = instant(created), instant(expires), instant(used), instant(revoked)
	return i, err
}

// MaxPage is how many invites or applications are read at once at most.
const MaxPage = 100

// Of returns up to limit (1 to MaxPage) invites of a member, newest first: those with smaller
// ids than before, or the newest where it is 0.
func (s *Store) Of(ctx context.Context, id core.MemberID, before int64, limit int) ([]Invite, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	list, err := db.All(ctx, s.db, scanInvite, "SELECT "+inviteColumns+ofInvite+"WHERE i.inviter_id = ? AND i.id < ? ORDER BY i.id DESC LIMIT ?", id, before, min(max(limit, 1), MaxPage))
	if err != nil {
		return nil, fmt.Errorf("list invites: %w", err)
	}
	return list, nil
}

// ByID returns an invite, or an error with code NotFound.
func (s *Store) ByID(ctx context.Context, id int64) (Invite, error) {
	i, ok, err := db.One(ctx, s.db, scanInvite, "SELECT "+inviteColumns+ofInvite+"WHERE i.id = ?", id)
	if err != nil {
		return i, fmt.Errorf("read an invite: %w", err)
	}
	if !ok {
		return i, core.Errorf(core.NotFound, "there is no invite %d", id)
	}
	return i, nil
}

// Token returns the token of an open invite, for whoever made it. It fails with Conflict for
// one that the site mails (as long as it can), and with a *credential.Refusal once it is over.
func (s *Store) Token(ctx context.Context, i Invite) (string, error) {
	if i.Mailed && s.sendsMail() {
		return "", core.Errorf(core.Conflict, "this invite goes by mail, and only its reader has the link")
	}
	return s.Links.Token(ctx, i.link)
}

// Revoke takes an open invite back, which gives it back to whoever made it. It fails with
// Conflict where it is over. The caller checks who may do this.
func (s *Store) Revoke(ctx context.Context, id int64, by core.MemberID) (i Invite, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "invite", "id = ?", id); err != nil {
			return err
		}
		bound := s.In(tx)
		if i, err = bound.ByID(ctx, id); err != nil {
			return err
		}
		now := s.second()
		if st := i.State(now); st != Open {
			return core.Errorf(core.Conflict, "invite %d is %s already", id, st)
		}
		n, err := tx.Exec(ctx, "UPDATE invite SET revoked_at = ?, revoked_by = ?, mail_box = ? WHERE id = ? AND used_at = 0 AND revoked_at = 0", now.Unix(), by, []byte{}, id)
		if err != nil {
			return fmt.Errorf("revoke an invite: %w", err)
		}
		if n == 0 {
			return core.Errorf(core.Conflict, "invite %d was used or taken back a moment ago", id)
		}
		i.RevokedAt = now
		_, err = bound.Links.Revoke(ctx, credential.Invite, id)
		return err
	})
	return i, err
}

// Letter is what the mail of an invite says.
type Letter struct {
	To        string
	Token     string // for Address
	Inviter   string // a member's name; "" for an applicant who is let in, and for the shell
	Via       Via
	ExpiresAt time.Time
}

// Letter returns what the mail of an invite says, and false where there is nothing to write:
// it is over, or has no address, or its letter was written. Whoever writes it calls Posted in
// the same transaction.
func (s *Store) Letter(ctx context.Context, id int64) (l Letter, ok bool, err error) {
	i, err := s.ByID(ctx, id)
	if core.CodeOf(err) == core.NotFound {
		return l, false, nil
	}
	if err != nil || !i.Mailed || i.State(s.Clock()) != Open {
		return l, false, err
	}
	box, _, err := db.One(ctx, s.db, db.Value[[]byte], "SELECT mail_box FROM invite WHERE id = ?", id)
	if err == nil {
		l.To, err = s.openMail(box)
	}
	if err != nil || l.To == "" {
		return l, false, err
	}
	if l.Token, err = s.Links.Token(ctx, i.link); err != nil {
		if c := core.CodeOf(err); c == core.Conflict || c == core.NotFound {
			return l, false, nil
		}
		return l, false, err
	}
	if i.Inviter != 0 && i.Via == ViaInvite {
		m, err := s.Members.ByID(ctx, i.Inviter)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return l, false, err
		}
		l.Inviter = m.Name
	}
	l.Via, l.ExpiresAt = i.Via, i.ExpiresAt
	return l, true, nil
}

// Posted notes that the mail of an invite was written: its token is no longer kept.
func (s *Store) Posted(ctx context.Context, id int64) error {
	i, err := s.ByID(ctx, id)
	if err != nil {
		return err
	}
	return s.Links.Forget(ctx, i.link)
}

// AllowanceOf is Allowance by id.
func (s *Store) AllowanceOf(ctx context.Context, id core.MemberID) (Allowance, member.Member, error) {
	m, err := s.Members.ByID(ctx, id)
	if err != nil {
		return Allowance{}, m, err
	}
	a, err := s.Allowance(ctx, m)
	return a, m, err
}
