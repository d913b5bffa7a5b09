// Package recovery lets members back in who have lost their passphrase, by a link that is
// mailed to them or that staff make, and lets them confirm their mail address. (Recovery
// codes are in package member, which keeps accounts.)
//
// Whether a name or an address is known is never told. Whoever asks for a link leaves a
// request with what they typed, sealed, and an event, and reads the same whatever that was;
// the site does no more. The room jobs looks later whose it is, and puts a letter into the
// queue or a decoy. Bounds on how often somebody may ask are the site's.
//
// Concurrency: a Desk is safe for concurrent use.
package recovery

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

const (
	// LinkTime is for how long a link is good that somebody asked for.
	LinkTime = time.Hour
	// StaffLinkTime is for how long one is good that staff made.
	StaffLinkTime = 24 * time.Hour
	// ConfirmTime is for how long an address can be confirmed by a letter.
	ConfirmTime = 3 * 24 * time.Hour

	maxTyped  = 254 // bytes: the longest mail address
	typedUse  = "recovery request"
	originUse = "recovery request from"
	// requestTime is how long a request may wait for jobs: whoever asked has given up by then.
	requestTime = time.Hour
	maxExpired  = 100 // requests that one more clears away
)

// Desk is where members get back in.
type Desk struct {
	db      *db.DB
	members *member.Store
	links   *credential.Store
	letters *mail.Queue
	events  *eventlog.Log
	keys    *secret.Keyring
	clock   core.Clock
}

// New returns a desk on d.
func New(d *db.DB, m *member.Store, links *credential.Store, letters *mail.Queue, events *eventlog.Log, keys *secret.Keyring, clock core.Clock) *Desk {
	return &Desk{db: d, members: m, links: links, letters: letters, events: events, keys: keys, clock: clock}
}

// ByMail reports whether the site sends mail, so that there are links by mail at all.
func (d *Desk) ByMail() bool { return d.letters.Configured() }

func errNoMail() error {
	return core.Errorf(core.Unavailable, "this site sends no mail: use a recovery code, or ask staff")
}

// CheckTyped makes sure that what somebody typed can be a name or a mail address.
func CheckTyped(typed string) (string, error) {
	typed = strings.TrimSpace(typed)
	switch {
	case typed == "":
		return "", core.FieldErrorf("who", "write your name on this site, or your mail address")
	case len(typed) > maxTyped:
		return "", core.FieldErrorf("who", "a name or a mail address has at most %d characters", maxTyped)
	}
	return typed, nil
}

// Typed is by what the requests for one name or address are counted, however it is written. It
// fails as CheckTyped does.
func (d *Desk) Typed(typed string) (string, error) {
	typed, err := CheckTyped(typed)
	if err != nil || !strings.Contains(typed, "@") {
		return text.FoldASCII(typed), err
	}
	return hex.EncodeToString(d.keys.MAC("recovery address", strings.ToLower(typed))[:8]), nil
}

// Ask leaves a request for a letter with a link. It does the same for what is known and for
// what isn't, and tells neither. The error has code Invalid for an empty or endless text, and
// Unavailable where the site sends no mail.
func (d *Desk) Ask(ctx context.Context, typed string) error {
	typed, err := CheckTyped(typed)
	if err != nil {
		return err
	}
	if !d.ByMail() {
		return errNoMail()
	}
	origin := ""
	if o := security.Of(ctx); o.Address.IsValid() {
		origin = o.Address.String()
	}
	row := db.Row{"typed_box", d.keys.Seal([]byte(typed), typedUse), "origin_box", d.keys.Seal([]byte(origin), originUse), "at", d.clock().Unix()}
	err = d.db.Tx(ctx, func(tx *db.Tx) error {
		id, err := tx.Insert(ctx, "recovery_request", row)
		if err != nil {
			return err
		}
		_, err = d.events.Append(ctx, tx, eventlog.RecoveryAsked{Request: id})
		return err
	})
	if err != nil {
		return fmt.Errorf("ask for a link: %w", err)
	}
	return nil
}

// refused is err for somebody who follows a link: what is over says what to do.
func refused(err error, again string) error {
	var r *credential.Refusal
	if !errors.As(err, &r) || r.State == credential.Unknown {
		return err
	}
	return core.Errorf(core.Conflict, "%s. %s", strings.TrimSuffix(core.Sentence(err), "."), again)
}

const askAgain = "You can ask for another one below."

// Look returns the member whose link it is, and changes nothing. For a link that is used,
// over or unknown the error says so.
func (d *Desk) Look(ctx context.Context, token string) (member.Member, error) {
	l, err := d.links.Look(ctx, credential.Recover, token)
	if err != nil {
		return member.Member{}, refused(err, askAgain)
	}
	return d.members.ByID(ctx, core.MemberID(l.Subject))
}

// ByLink gives the member whose link it is the passphrase that they chose, and uses the link
// up, and every other one of theirs. It fails as Look does, and with Invalid where the passphrase
// won't do; then the link stays good.
func (d *Desk) ByLink(ctx context.Context, token, passphrase string) (member.Member, error) {
	m, err := d.Look(ctx, token)
	if err != nil {
		return m, err
	}
	hashed, err := d.members.HashPassphrase(ctx, m.Name, passphrase)
	if err != nil {
		return m, err
	}
	err = d.db.Tx(ctx, func(tx *db.Tx) error {
		l, _, err := d.links.In(tx).Spend(ctx, credential.Recover, token)
		if err != nil {
			return refused(err, askAgain)
		}
		how := "with a link by mail"
		if int64(l.Member) != l.Subject {
			how = "with a link by staff"
		}
		if _, err := d.members.In(tx).Recover(ctx, core.MemberID(l.Subject), hashed, how); err != nil {
			return err
		}
		_, err = d.links.In(tx).Revoke(ctx, credential.Recover, l.Subject)
		return err
	})
	return m, err
}

// AskEmail notes a mail address that a member gives, and has a letter sent to it by which it
// is confirmed. It fails as member.AskEmail does, with Conflict where the address gets no
// more letters today, and with Unavailable where the site sends no mail.
func (d *Desk) AskEmail(ctx context.Context, id core.MemberID, address string) error {
	if !d.ByMail() {
		return errNoMail()
	}
	return d.db.Tx(ctx, func(tx *db.Tx) error {
		address, err := d.members.In(tx).AskEmail(ctx, id, address)
		if err != nil {
			return err
		}
		if err := d.letters.In(tx).Crowded(ctx, address, id); err != nil {
			return asField(err, "email")
		}
		if _, err := d.links.In(tx).Revoke(ctx, credential.ConfirmMail, int64(id)); err != nil {
			return err
		}
		l, _, err := d.links.In(tx).Make(ctx, credential.New{Purpose: credential.ConfirmMail, Subject: int64(id), Member: id, Lifetime: ConfirmTime, Content: []byte(address)})
		if err != nil {
			return err
		}
		_, err = d.events.Append(ctx, tx, eventlog.MemberMailAsked{Member: id, Link: l.ID})
		return err
	})
}

// asField is an error about what was given as a field of a form.
func asField(err error, field string) error {
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.Conflict && e.Code != core.Invalid {
		return err
	}
	named := *e
	named.Field = field
	return &named
}

const confirmAgain = "Give your address once more in your settings, and you get a new letter."

// LookConfirm returns the member whose address a link confirms, and the address; it changes
// nothing.
func (d *Desk) LookConfirm(ctx context.Context, token string) (member.Member, string, error) {
	l, err := d.links.Look(ctx, credential.ConfirmMail, token)
	if err != nil {
		return member.Member{}, "", refused(err, confirmAgain)
	}
	m, err := d.members.ByID(ctx, core.MemberID(l.Subject))
	if err != nil {
		return m, "", err
	}
	e, err := d.members.Email(ctx, m.ID)
	return m, e.New, err
}

// Confirm confirms the address that a link was sent to, and uses the link up.
func (d *Desk) Confirm(ctx context.Context, token string) (core.MemberID, error) {
	var id core.MemberID
	err := d.db.Tx(ctx, func(tx *db.Tx) error {
		l, content, err := d.links.In(tx).Spend(ctx, credential.ConfirmMail, token)
		if err != nil {
			return refused(err, confirmAgain)
		}
		id = core.MemberID(l.Subject)
		return d.members.In(tx).ConfirmEmail(ctx, id, string(content))
	})
	return id, err
}

// Grant makes a link by which a member may choose a new passphrase, in the name of a member
// of staff; 0 is the shell. Links that are open end. Where the member can be mailed, the link is,
// and mailed is true; else who asked for it reads it once: see Shown. It is part of tx.
func (d *Desk) Grant(ctx context.Context, tx *db.Tx, id, by core.MemberID) (mailed bool, err error) {
	e, err := d.members.In(tx).Email(ctx, id)
	if err != nil {
		return false, err
	}
	if _, err := d.Withdraw(ctx, tx, id); err != nil {
		return false, err
	}
	l, _, err := d.links.In(tx).Make(ctx, credential.New{Purpose: credential.Recover, Subject: int64(id), Member: by, Lifetime: StaffLinkTime})
	if err != nil {
		return false, err
	}
	if err := d.members.Security().Record(ctx, tx, security.Event{Member: id, Kind: security.RecoveryGranted}); err != nil {
		return false, err
	}
	if !d.ByMail() || !e.Reachable() {
		return false, nil
	}
	_, err = d.events.Append(ctx, tx, eventlog.RecoveryGranted{Member: id, Link: l.ID})
	return true, err
}

// Withdraw ends the links by which a member may choose a new passphrase, and returns how
// many these were. It is part of tx.
func (d *Desk) Withdraw(ctx context.Context, tx *db.Tx, id core.MemberID) (int64, error) {
	return d.links.In(tx).Revoke(ctx, credential.Recover, int64(id))
}

// Shown returns the path of the link that somebody of the staff asked for, which could not be
// mailed, and its end. It is shown this once. It fails with NotFound where there is none of
// theirs that was not shown or mailed. It is part of tx.
func (d *Desk) Shown(ctx context.Context, tx *db.Tx, id, by core.MemberID) (path string, until time.Time, err error) {
	links, err := d.links.In(tx).OpenOf(ctx, credential.Recover, int64(id))
	if err != nil {
		return "", time.Time{}, err
	}
	for _, l := range links {
		if l.Member != by {
			continue
		}
		token, err := d.links.In(tx).Token(ctx, l.ID)
		if core.CodeOf(err) == core.Conflict { // it was mailed, or shown
			continue
		}
		if err != nil {
			return "", time.Time{}, err
		}
		return linkPath(token), l.ExpiresAt, d.links.In(tx).Forget(ctx, l.ID)
	}
	return "", time.Time{}, core.Errorf(core.NotFound, "there is no link for them that you asked for and that was not mailed or shown yet")
}

// Open tells whether there is a link by which a member may choose a new passphrase, and
// whether one of them waits to be shown to somebody of the staff: see Shown.
func (d *Desk) Open(ctx context.Context, id, by core.MemberID) (open, waits bool, err error) {
	links, err := d.links.OpenOf(ctx, credential.Recover, int64(id))
	if err != nil {
		return false, false, err
	}
	for _, l := range links {
		if l.Member != by {
			continue
		}
		switch _, err := d.links.Token(ctx, l.ID); core.CodeOf(err) {
		case "":
			waits = true
		case core.Conflict: // it was mailed, or shown
		default:
			return false, false, err
		}
	}
	return len(links) > 0, waits, nil
}

func linkPath(token string) string { return "/recover/" + token }

// parsed is an address as it was sealed; the zero Addr for none.
func parsed(address []byte) netip.Addr {
	a, err := netip.ParseAddr(string(address))
	if err != nil {
		return netip.Addr{}
	}
	return a
}
