package member

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// RecoveryCodes is how many codes a member gets at once.
const RecoveryCodes = 8

const codeUse = "recovery-code"

// RecoveredWays is what ends when a member gets back in: all that lets somebody act as
// them. The announce key goes on, since it opens nothing and every .torrent holds it; whoever
// needs to replaces it.
func RecoveredWays() Ways {
	return Ways{Sessions: true, Tokens: true, IRCKey: true, Certificates: true}
}

// Hashed is a passphrase that somebody chose, hashed, which takes too long for a
// transaction.
type Hashed struct{ hash string }

// HashPassphrase checks a passphrase that somebody chooses for an account of that name, and
// hashes it. It fails with Invalid where it is too short, too long, or the name.
func (s *Store) HashPassphrase(ctx context.Context, name, passphrase string) (Hashed, error) {
	if err := validPassword(name, "", passphrase); err != nil {
		return Hashed{}, err
	}
	hash, err := s.keys.HashPassword(ctx, passphrase)
	return Hashed{hash}, err
}

// Recover gives a member who has lost their passphrase the one that they chose, and ends
// all that lets somebody act as them: see RecoveredWays. how says by what they have shown who
// they are, such as "with a recovery code". The caller has checked it.
func (s *Store) Recover(ctx context.Context, id core.MemberID, p Hashed, how string) (Held, error) {
	var h Held
	err := s.change(ctx, id, func(tx *db.Tx) (n int64, err error) {
		if n, err = tx.Exec(ctx, "UPDATE member SET password_hash = ? WHERE id = ? AND name <> ?", p.hash, id, BotName); err != nil || n == 0 {
			return n, err
		}
		if err := s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.PassphraseRecovered, Detail: how}); err != nil {
			return n, err
		}
		if h, err = s.end(ctx, tx, id, RecoveredWays(), 0); err != nil {
			return n, err
		}
		notice := fmt.Sprintf("Your passphrase was replaced %s on %s. What could be used with the old one has ended: %s.",
			how, text.Instant(s.clock()), strings.Join(h.Words(), "; "))
		_, err = tx.Exec(ctx, "UPDATE member SET notice = ? WHERE id = ?", text.Cut(notice, maxNotice), id)
		return n, err
	})
	return h, err
}

// NewRecoveryCodes draws codes that let a member in who has lost their passphrase, in
// place of those that they had. They are shown once.
func (s *Store) NewRecoveryCodes(ctx context.Context, id core.MemberID) ([]string, error) {
	codes := make([]string, RecoveryCodes)
	for i := range codes {
		codes[i] = secret.Code()
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		if _, err := s.In(tx).ByID(ctx, id); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM recovery_code WHERE member_id = ?", id); err != nil {
			return err
		}
		for _, c := range codes {
			if _, err := tx.Insert(ctx, "recovery_code", db.Row{"member_id", id, "code_mac", s.codeMAC(c), "created_at", s.clock().Unix()}); err != nil {
				return err
			}
		}
		return s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.RecoveryCodesNew})
	})
	if err != nil {
		return nil, fmt.Errorf("make recovery codes: %w", err)
	}
	return codes, nil
}

func (s *Store) codeMAC(code string) []byte { return s.keys.MAC(codeUse, secret.FoldCode(code)) }

// RecoveryCodesLeft returns how many codes a member has left, and when they were made; the
// zero time where there are none.
func (s *Store) RecoveryCodesLeft(ctx context.Context, id core.MemberID) (left int, made time.Time, err error) {
	var at int64
	err = s.db.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(MAX(created_at), 0) FROM recovery_code WHERE member_id = ?", id).Scan(&left, &at)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("count recovery codes: %w", err)
	}
	return left, instant(at), nil
}

// errCode is one answer for a wrong name and a wrong code.
func errCode() error {
	return core.Errorf(core.Forbidden, "name or recovery code is wrong; a code works once")
}

// RecoverByCode gives a member the passphrase that they chose, by one of their codes, which
// is used up. For a wrong name or code it fails with Forbidden, after the same work: one
// passphrase is hashed and one account looked up whatever comes of it. The caller counts the
// tries before.
func (s *Store) RecoverByCode(ctx context.Context, name, code, passphrase string) (Member, error) {
	name = strings.TrimSpace(name)
	hashed, err := s.HashPassphrase(ctx, name, passphrase)
	if err != nil {
		return Member{}, err
	}
	folded, possible := foldName(name)
	if !possible {
		folded = "" // nobody's; it is looked up all the same
	}
	mac := s.codeMAC(code)
	type row struct {
		id    core.MemberID
		codes int64
	}
	r, _, err := db.One(ctx, s.db, func(sc db.Scanner) (r row, err error) { return r, sc.Scan(&r.id, &r.codes) },
		"SELECT m.id, (SELECT COUNT(*) FROM recovery_code c WHERE c.member_id = m.id AND c.code_mac = ?) FROM member m WHERE m.name = ?", mac, folded)
	if err != nil {
		return Member{}, fmt.Errorf("look up a recovery code: %w", err)
	}
	if r.codes == 0 {
		s.security.Note(ctx, security.Event{Member: r.id, Kind: security.Refused, Detail: "a recovery code"})
		return Member{}, errCode()
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM recovery_code WHERE member_id = ? AND code_mac = ?", r.id, mac)
		if err == nil && n == 0 { // of several at once, one wins
			err = errCode()
		}
		if err == nil {
			_, err = s.In(tx).Recover(ctx, r.id, hashed, "with a recovery code")
		}
		return err
	})
	if err != nil {
		return Member{}, err
	}
	return s.ByID(ctx, r.id)
}
