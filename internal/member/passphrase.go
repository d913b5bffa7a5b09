package member

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// NewSecret is a passphrase that was drawn, with its hash.
type NewSecret struct {
	Passphrase string
	hash       string
}

// DrawPassphrase draws a passphrase and hashes it, which takes too long for a
// transaction.
func (s *Store) DrawPassphrase(ctx context.Context) (NewSecret, error) {
	p := secret.Passphrase()
	hash, err := s.keys.HashPassword(ctx, p)
	return NewSecret{Passphrase: p, hash: hash}, err
}

const maxNotice = 500 // bytes

// ResetPassphrase gives a drawn passphrase to a member who lost theirs, perhaps to
// somebody: all that could be in a thief's hands ends with the old one. It returns
// what that was; the member is told the same at the next login.
func (s *Store) ResetPassphrase(ctx context.Context, id core.MemberID, n NewSecret) (Held, error) {
	var h Held
	err := s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		matched, err := tx.Exec(ctx, "UPDATE member SET password_hash = ? WHERE id = ?", n.hash, id)
		if err != nil || matched == 0 {
			return matched, err
		}
		if err := s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.PassphraseReset}); err != nil {
			return matched, err
		}
		if h, err = s.end(ctx, tx, id, AllWays(), 0); err != nil {
			return matched, err
		}
		notice := fmt.Sprintf("Staff gave you a new passphrase on %s. What could be used with the old one has ended: %s.",
			text.Instant(s.clock()), strings.Join(h.Words(), "; "))
		_, err = tx.Exec(ctx, "UPDATE member SET notice = ? WHERE id = ?", text.Cut(notice, maxNotice), id)
		return matched, err
	})
	return h, err
}

// TakeNotice returns what a member is to be told at a login, "" for nothing, and
// forgets it.
func (s *Store) TakeNotice(ctx context.Context, id core.MemberID) (string, error) {
	notice, _, err := db.One(ctx, s.db, db.Value[string], "SELECT notice FROM member WHERE id = ?", id)
	if err == nil && notice != "" {
		err = s.exec(ctx, "UPDATE member SET notice = '' WHERE id = ? AND notice = ?", id, notice)
	}
	if err != nil {
		return "", fmt.Errorf("read what a member is to be told: %w", err)
	}
	return notice, nil
}

// ChangePassphrase replaces a member's passphrase at their own wish. It ends all
// sessions and begins a new one for the browser that asks: its token is returned, with
// what was ended.
func (s *Store) ChangePassphrase(ctx context.Context, m Member, passphrase, agent string) (token string, h Held, err error) {
	if err := validPassword(m.Name, "", passphrase); err != nil {
		return "", h, err
	}
	hash, err := s.keys.HashPassword(ctx, passphrase)
	if err != nil {
		return "", h, err
	}
	token = secret.Token(tokenLen)
	err = s.change(ctx, m.ID, func(tx *db.Tx) (int64, error) {
		n, err := tx.Exec(ctx, "UPDATE member SET password_hash = ? WHERE id = ?", hash, m.ID)
		if err != nil || n == 0 {
			return n, err
		}
		if err := s.recordSecret(ctx, tx, security.Event{Member: m.ID, Kind: security.PassphraseChanged}); err != nil {
			return n, err
		}
		if h, err = s.end(ctx, tx, m.ID, Ways{Sessions: true}, 0); err != nil {
			return n, err
		}
		return n, s.beginSession(ctx, tx, m.ID, token, agent)
	})
	return token, h, err
}
