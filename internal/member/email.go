package member

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Email is what is known of a member's mail address. Only the member, those who write
// letters, and staff who may see addresses and are noted, may see it.
type Email struct {
	Address     string    // "" for none
	ConfirmedAt time.Time // since when it is known to be theirs; the zero time: it isn't
	FailedAt    time.Time // since when letters to it come back for good; the zero time: they don't
	FailedWhy   string    // short
	New         string    // an address that waits to be confirmed; "" for none
	NewAt       time.Time // when it was given
}

// Reachable reports whether letters may go to the address.
func (e Email) Reachable() bool {
	return e.Address != "" && !e.ConfirmedAt.IsZero() && e.FailedAt.IsZero()
}

// emailTurn is the turn of those who confirm an address: only one account has it confirmed.
const emailTurn = "member-email"

// maxSameEmail bounds the accounts that are read for one address.
const maxSameEmail = 50

// plainEmail is an address as it is kept: without blanks around it, and with its host in
// ASCII (RFC 5891) and small letters.
func plainEmail(address string) string {
	address = strings.TrimSpace(address)
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	host, err := idna.Lookup.ToASCII(address[at+1:])
	if err != nil {
		host = text.FoldASCII(address[at+1:])
	}
	return address[:at+1] + host
}

// emailMAC is by what an address is found: whoever writes it in other letters is the same.
func (s *Store) emailMAC(address string) []byte {
	return s.keys.MAC(emailUse, strings.ToLower(plainEmail(address)))
}

// Email returns the mail address of a member, or NotFound.
func (s *Store) Email(ctx context.Context, id core.MemberID) (Email, error) {
	e, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (e Email, err error) {
		var box, fresh []byte
		var confirmed, failed, asked int64
		if err := sc.Scan(&box, &confirmed, &failed, &e.FailedWhy, &fresh, &asked); err != nil {
			return e, err
		}
		for into, b := range map[*string][]byte{&e.Address: box, &e.New: fresh} {
			if len(b) == 0 {
				continue
			}
			plain, err := s.keys.Open(b, emailUse)
			if err != nil {
				return e, fmt.Errorf("mail address of member %d: %w", id, err)
			}
			*into = string(plain)
		}
		e.ConfirmedAt, e.FailedAt, e.NewAt = instant(confirmed), instant(failed), instant(asked)
		return e, nil
	}, "SELECT email_box, email_confirmed_at, email_failed_at, email_failed_why, email_new_box, email_new_at FROM member WHERE id = ?", id)
	if err != nil {
		return Email{}, fmt.Errorf("read a mail address: %w", err)
	}
	if !ok {
		return Email{}, noMember()
	}
	return e, nil
}

// AskEmail notes a mail address that a member gives; it is used once it is confirmed. It
// fails with Invalid for what is no address, and with Conflict for the one that the member
// has confirmed already. Whether another account has it is not told here.
func (s *Store) AskEmail(ctx context.Context, id core.MemberID, address string) (string, error) {
	address = plainEmail(address)
	if address == "" {
		return "", core.FieldErrorf("email", "write your mail address, such as name@example.org")
	}
	if err := validEmail(address); err != nil {
		return "", err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		e, err := s.In(tx).Email(ctx, id)
		switch {
		case err != nil:
			return err
		case e.Address == address && !e.ConfirmedAt.IsZero() && e.FailedAt.IsZero():
			return &core.Error{Code: core.Conflict, Field: "email", Text: "this is your address already, and it is confirmed"}
		}
		_, err = tx.Exec(ctx, "UPDATE member SET email_new_box = ?, email_new_at = ? WHERE id = ?", s.keys.Seal([]byte(address), emailUse), s.clock().Unix(), id)
		return err
	})
	return address, err
}

// ConfirmEmail makes an address the member's own, who has shown that they read what is sent
// to it. It fails with Conflict where they gave another one since, or where another account
// has confirmed the same. The transaction must not have read anything before.
func (s *Store) ConfirmEmail(ctx context.Context, id core.MemberID, address string) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, emailTurn); err != nil {
			return err
		}
		e, err := s.In(tx).Email(ctx, id)
		if err != nil {
			return err
		}
		if e.New != address {
			return core.Errorf(core.Conflict, "another address was given since, or this one is confirmed already; your settings show which")
		}
		mac := s.emailMAC(address)
		taken, _, err := db.One(ctx, tx, db.Value[int64], "SELECT COUNT(*) FROM member WHERE email_mac = ? AND email_confirmed_at > 0 AND id <> ?", mac, id)
		if err != nil {
			return err
		}
		if taken > 0 {
			return core.Errorf(core.Conflict, "this address is confirmed for another account; only one may have it. If both are yours, tell staff")
		}
		_, err = tx.Exec(ctx, "UPDATE member SET email_box = ?, email_mac = ?, email_confirmed_at = ?, email_failed_at = 0, email_failed_why = '', email_new_box = ?, email_new_at = 0 WHERE id = ?",
			s.keys.Seal([]byte(address), emailUse), mac, s.clock().Unix(), []byte{}, id)
		if err != nil {
			return err
		}
		if err := s.In(tx).endWaiting(ctx, id); err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.EmailConfirmed})
	})
}

// endWaiting ends that an account waits for its address to be confirmed.
func (s *Store) endWaiting(ctx context.Context, id core.MemberID) error {
	ids, err := db.All(ctx, s.db, db.Value[int64], "SELECT id FROM member_cause WHERE member_id = ? AND ended_at = 0 AND effect = ? AND (ends_at = 0 OR ends_at > ?) LIMIT ?",
		id, Unconfirmed, s.clock().Unix(), maxCauses)
	if err != nil {
		return fmt.Errorf("read what an account waits for: %w", err)
	}
	for _, cause := range ids {
		if _, err := s.EndCause(ctx, cause, By{}, "the address is confirmed"); err != nil {
			return err
		}
	}
	return nil
}

// MarkEmailFailed notes that letters to a member's address, or to the one that waits to be
// confirmed, come back for good, and why; the member is told by event. What was given since
// is left alone: fails says whether it is the address of which that is known.
func (s *Store) MarkEmailFailed(ctx context.Context, id core.MemberID, why string, fails func(address string) (bool, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		e, err := s.In(tx).Email(ctx, id)
		if core.CodeOf(err) == core.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		var present, fresh bool
		if e.Address != "" && e.FailedAt.IsZero() {
			present, err = fails(e.Address)
		}
		if err == nil && e.New != "" {
			fresh, err = fails(e.New)
		}
		if err != nil || !present && !fresh {
			return err
		}
		if fresh {
			_, err = tx.Exec(ctx, "UPDATE member SET email_new_box = ?, email_new_at = 0 WHERE id = ?", []byte{}, id)
		}
		if err == nil && present {
			_, err = tx.Exec(ctx, "UPDATE member SET email_failed_at = ?, email_failed_why = ? WHERE id = ?", s.clock().Unix(), text.Cut(text.Line(why), 255), id)
		}
		if err == nil {
			err = s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.EmailFailed})
		}
		if err == nil {
			_, err = s.log.Append(ctx, tx, eventlog.MemberMailFailed{Member: id})
		}
		return err
	})
}

// WithEmail returns the accounts that have a mail address, confirmed or not, for staff who
// may know it; at most 50, by name.
func (s *Store) WithEmail(ctx context.Context, address string) ([]Member, error) {
	if plainEmail(address) == "" {
		return nil, nil
	}
	list, err := s.list(ctx, "SELECT "+s.columns()+" FROM member m WHERE m.email_mac = ? AND m.name <> ? ORDER BY m.name LIMIT ?", s.emailMAC(address), BotName, maxSameEmail)
	if err != nil {
		return nil, fmt.Errorf("find a mail address: %w", err)
	}
	return list, nil
}

// ByConfirmedEmail returns the one member who has confirmed a mail address, or NotFound.
func (s *Store) ByConfirmedEmail(ctx context.Context, address string) (Member, error) {
	return s.one(ctx, s.db, "SELECT "+s.columns()+" FROM member m WHERE m.email_mac = ? AND m.email_confirmed_at > 0", s.emailMAC(address))
}
