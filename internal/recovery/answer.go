package recovery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Handlers write the letters with links, for the room jobs: each once, in the transaction
// that moves the cursor.
func (d *Desk) Handlers() []eventlog.Handler {
	return []eventlog.Handler{eventlog.OnTx(d.answer), eventlog.OnTx(d.mailGranted), eventlog.OnTx(d.mailConfirmation), eventlog.OnTx(d.noteFailed)}
}

// request is what somebody asked for.
type request struct {
	typed, origin string
	at            time.Time
}

// answer looks whose a request is, and puts a letter into the queue or a decoy.
func (d *Desk) answer(ctx context.Context, tx *db.Tx, _ eventlog.Event, a eventlog.RecoveryAsked) error {
	r, found, err := d.take(ctx, tx, a.Request)
	if err != nil || !found || !d.ByMail() || !core.Lasts(d.clock(), r.at.Add(requestTime), requestTime) {
		return err
	}
	m, address, err := d.whose(ctx, tx, r.typed)
	if err != nil {
		return err
	}
	letter := mail.Letter{Content: mail.Recovery{Name: "nobody", Link: "/recover", Until: d.clock().Add(LinkTime)}, Once: fmt.Sprintf("recovery:%d", a.Request)}
	if m.ID != 0 {
		from := security.With(ctx, security.Origin{Face: security.Site, Address: parsed([]byte(r.origin))})
		if err := d.members.Security().Record(from, tx, security.Event{Member: m.ID, Kind: security.RecoveryAsked}); err != nil {
			return err
		}
	}
	if address != "" {
		if _, err := d.Withdraw(ctx, tx, m.ID); err != nil {
			return err
		}
		l, token, err := d.links.In(tx).Make(ctx, credential.New{Purpose: credential.Recover, Subject: int64(m.ID), Member: m.ID, Lifetime: LinkTime})
		if err == nil {
			err = d.links.In(tx).Forget(ctx, l.ID)
		}
		if err != nil {
			return err
		}
		letter.To, letter.Member = address, m.ID
		letter.Content = mail.Recovery{Name: m.Name, Link: linkPath(token), Until: l.ExpiresAt}
	}
	return d.put(ctx, tx, letter)
}

// put adds a letter. One that the queue has no room for is set aside, so that others go on.
func (d *Desk) put(ctx context.Context, tx *db.Tx, l mail.Letter) error {
	_, err := d.letters.In(tx).Put(ctx, l)
	if core.CodeOf(err) == core.Unavailable && db.TroubleOf(err) == "" {
		return eventlog.Faulty(err)
	}
	return err
}

// take reads a request and takes it away, with those that have waited too long.
func (d *Desk) take(ctx context.Context, tx *db.Tx, id int64) (r request, found bool, err error) {
	r, found, err = db.One(ctx, tx, func(sc db.Scanner) (r request, err error) {
		var typed, origin []byte
		var at int64
		if err := sc.Scan(&typed, &origin, &at); err != nil {
			return r, err
		}
		r.at = time.Unix(at, 0).UTC()
		if typed, err = d.keys.Open(typed, typedUse); err == nil {
			origin, err = d.keys.Open(origin, originUse)
		}
		r.typed, r.origin = string(typed), string(origin)
		return r, err
	}, "SELECT typed_box, origin_box, at FROM recovery_request WHERE id = ?", id)
	if err != nil {
		return r, false, fmt.Errorf("read what somebody asked for: %w", err)
	}
	over, err := db.All(ctx, tx, db.Value[int64], "SELECT id FROM recovery_request WHERE at < ? ORDER BY at LIMIT ?", d.clock().Add(-2*requestTime).Unix(), maxExpired)
	if err != nil {
		return r, false, err
	}
	for _, one := range append(over, id) {
		if _, err := tx.Exec(ctx, "DELETE FROM recovery_request WHERE id = ?", one); err != nil {
			return r, false, err
		}
	}
	return r, found, nil
}

// whose returns the member that somebody meant, and the address at which they are reached:
// "" where there is none that they have confirmed.
func (d *Desk) whose(ctx context.Context, tx *db.Tx, typed string) (m member.Member, address string, err error) {
	members := d.members.In(tx)
	if strings.Contains(typed, "@") {
		m, err = members.ByConfirmedEmail(ctx, typed)
	} else {
		m, err = members.ByName(ctx, typed)
	}
	if core.CodeOf(err) == core.NotFound || err == nil && m.Class.Name == member.BotClass {
		return member.Member{}, "", nil
	}
	if err != nil {
		return m, "", err
	}
	e, err := members.Email(ctx, m.ID)
	if err != nil || !e.Reachable() {
		return m, "", err
	}
	return m, e.Address, nil
}

// mailGranted mails a link that staff made.
func (d *Desk) mailGranted(ctx context.Context, tx *db.Tx, _ eventlog.Event, g eventlog.RecoveryGranted) error {
	return d.send(ctx, tx, g.Member, g.Link, func(m member.Member, e member.Email, token string, until time.Time) []mail.Letter {
		if !e.Reachable() {
			return nil
		}
		return []mail.Letter{{To: e.Address, Content: mail.Recovery{Name: m.Name, Link: linkPath(token), Until: until}}}
	})
}

// mailConfirmation asks at a new address whether it is the member's, and tells the present
// one of it.
func (d *Desk) mailConfirmation(ctx context.Context, tx *db.Tx, _ eventlog.Event, a eventlog.MemberMailAsked) error {
	return d.send(ctx, tx, a.Member, a.Link, func(m member.Member, e member.Email, token string, until time.Time) []mail.Letter {
		if e.New == "" {
			return nil
		}
		out := []mail.Letter{{To: e.New, Content: mail.Confirmation{Name: m.Name, Link: "/confirm/" + token, Until: until}}}
		if e.Reachable() && e.Address != e.New {
			out = append(out, mail.Letter{To: e.Address, Content: mail.Notice{Name: m.Name, Title: "Another mail address was given for your account",
				Text:   "Once it is confirmed, letters go there and no longer to this address. If that was not you, somebody else is in your account: change your passphrase now, and tell staff.",
				Button: "Look at your account", Link: "/settings/security"}})
		}
		return out
	})
}

// send puts the letters of a link into the queue, and forgets its token. A link that is over
// by now is mailed to nobody.
func (d *Desk) send(ctx context.Context, tx *db.Tx, id core.MemberID, link int64, letters func(m member.Member, e member.Email, token string, until time.Time) []mail.Letter) error {
	if !d.ByMail() {
		return nil
	}
	m, err := d.members.In(tx).ByID(ctx, id)
	if core.CodeOf(err) == core.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	l, err := d.links.In(tx).ByID(ctx, link)
	var token string
	if err == nil {
		token, err = d.links.In(tx).Token(ctx, link)
	}
	if code := core.CodeOf(err); code == core.Conflict || code == core.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	e, err := d.members.In(tx).Email(ctx, id)
	if err != nil {
		return err
	}
	for i, letter := range letters(m, e, token, l.ExpiresAt) {
		letter.Member, letter.Once = id, fmt.Sprintf("link:%d/%d", link, i)
		if err := d.put(ctx, tx, letter); err != nil {
			return err
		}
	}
	return d.links.In(tx).Forget(ctx, link)
}

// noteFailed marks the address of a member as failed for good.
func (d *Desk) noteFailed(ctx context.Context, tx *db.Tx, _ eventlog.Event, f eventlog.MailFailed) error {
	if !f.Address || f.Member == 0 {
		return nil
	}
	return d.members.In(tx).MarkEmailFailed(ctx, f.Member, "there is no such address", func(address string) (bool, error) {
		return d.letters.In(tx).IsTo(ctx, f.Mail, address)
	})
}
