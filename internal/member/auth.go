package member

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// The uses of sealed or hashed secrets; each is part of the encryption of its
// secrets.
const (
	announceKeyUse = "passkey" // as it was called when the first were sealed
	ircKeyUse      = "irc-key"
	emailUse       = "email"
	sessionUse     = "session"
	tokenUse       = "api-token"
	authKeyUse     = "auth-key"
)

// errLogin is one answer for a wrong name and a wrong password.
func errLogin() error { return core.Errorf(core.Forbidden, "name or passphrase is wrong") }

// Login checks a name and password. If either is wrong, it returns Forbidden with the
// same text. A disabled account gives Forbidden with its reason and the member, but only
// if the password was right. The caller limits the rate. What was wrong is in the
// security log; what was right comes there with the session.
func (s *Store) Login(ctx context.Context, name, password string) (Member, error) {
	type row struct {
		id   core.MemberID
		hash string
	}
	folded, possible := foldName(name)
	if !possible {
		folded = "" // nobody's; it is looked up all the same
	}
	r, found, err := db.One(ctx, s.db, func(sc db.Scanner) (r row, err error) { return r, sc.Scan(&r.id, &r.hash) },
		"SELECT id, password_hash FROM member WHERE name = ?", folded)
	if err != nil {
		return Member{}, fmt.Errorf("log in: %w", err)
	}
	if len(password) > maxPassword {
		password = "" // hash all the same, so that it takes as long; this can't be right
	}
	ok, err := s.keys.VerifyPassword(ctx, r.hash, password)
	if err != nil {
		return Member{}, err
	}
	if !ok || !found {
		s.security.Note(ctx, security.Event{Member: r.id, Kind: security.Refused})
		return Member{}, errLogin()
	}
	m, err := s.ByID(ctx, r.id)
	if err != nil {
		return Member{}, err
	}
	return m, s.mustBeOpen(ctx, m, "")
}

// mustBeOpen refuses somebody who has proved to be m if the account is disabled, and
// writes that down.
func (s *Store) mustBeOpen(ctx context.Context, m Member, detail string) error {
	err := m.mayEnter()
	if err != nil {
		s.security.Note(ctx, security.Event{Member: m.ID, Kind: security.ShutOut, Detail: detail})
	}
	return err
}

// mayEnter refuses a member whose account nobody may use, with the reason.
func (m Member) mayEnter() error {
	if c, shut := m.shut(); shut {
		return c.refusal()
	}
	return nil
}

// ByAnnounceKey returns the member with the announce key, enabled or not, or NotFound.
func (s *Store) ByAnnounceKey(ctx context.Context, announceKey string) (Member, error) {
	return s.one(ctx, s.db, "SELECT "+s.columns()+" FROM member m WHERE m.passkey_mac = ?", s.keys.MAC(announceKeyUse, announceKey))
}

// AnnounceKey returns the member's announce key, which only the member may see.
func (s *Store) AnnounceKey(ctx context.Context, id core.MemberID) (string, error) {
	return s.sealed(ctx, id, "passkey_box", announceKeyUse)
}

// IRCKey returns the member's IRC key, which only the member may see.
func (s *Store) IRCKey(ctx context.Context, id core.MemberID) (string, error) {
	return s.sealed(ctx, id, "irc_key_box", ircKeyUse)
}

func (s *Store) sealed(ctx context.Context, id core.MemberID, column, use string) (string, error) {
	box, ok, err := db.One(ctx, s.db, db.Value[[]byte], "SELECT "+column+" FROM member WHERE id = ?", id)
	if err != nil {
		return "", fmt.Errorf("read a key: %w", err)
	}
	if !ok {
		return "", core.Errorf(core.NotFound, "no such member")
	}
	plain, err := s.keys.Open(box, use)
	if err != nil {
		return "", fmt.Errorf("%s of member %d: %w", use, id, err)
	}
	return string(plain), nil
}

// AuthKey returns the second half of the member's download links: 32
// hexadecimal digits that change with the announce key.
func (s *Store) AuthKey(ctx context.Context, id core.MemberID) (string, error) {
	epoch, ok, err := db.One(ctx, s.db, db.Value[int64], "SELECT key_epoch FROM member WHERE id = ?", id)
	if err != nil {
		return "", fmt.Errorf("read a key: %w", err)
	}
	if !ok {
		return "", core.Errorf(core.NotFound, "no such member")
	}
	return fmt.Sprintf("%x", s.keys.MAC(authKeyUse, fmt.Sprintf("%d/%d", id, epoch))[:16]), nil
}

// CheckDownload returns the enabled member to whom both halves of a download link
// belong, or Forbidden: with the member who is disabled, and without when the keys are
// wrong.
func (s *Store) CheckDownload(ctx context.Context, authKey, announceKey string) (Member, error) {
	if len(announceKey) != AnnounceKeyLen { // nobody's: it need not be looked up
		return Member{}, s.wrongLink(ctx, 0)
	}
	m, err := s.ByAnnounceKey(ctx, announceKey)
	if core.CodeOf(err) == core.NotFound {
		return Member{}, s.wrongLink(ctx, 0)
	}
	if err != nil {
		return Member{}, err
	}
	want, err := s.AuthKey(ctx, m.ID)
	if err != nil {
		return Member{}, err
	}
	if !secret.Equal([]byte(want), []byte(authKey)) {
		return Member{}, s.wrongLink(ctx, m.ID)
	}
	if err := s.mustBeOpen(ctx, m, aLink); err != nil {
		return m, err
	}
	s.security.Use(ctx, security.Event{Member: m.ID, Kind: security.Used, Detail: aLink}, fmt.Sprintf("link %d", m.ID))
	return m, s.used(ctx, &m)
}

// aLink says in the security log what was used.
const aLink = "a personal download link"

func (s *Store) wrongLink(ctx context.Context, id core.MemberID) error {
	e := security.Event{Member: id, Kind: security.Refused, Detail: aLink}
	if id == 0 { // whoever sends many such links may not make us write as often
		s.security.Use(ctx, e, "link")
	} else {
		s.security.Note(ctx, e)
	}
	return core.Errorf(core.Forbidden, "the keys in this link are wrong; copy a new link from the site")
}
