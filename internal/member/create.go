package member

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Lengths of secrets, in characters.
const (
	AnnounceKeyLen = 32
	ircKeyLen      = 24
	MinPassword    = 15
	maxPassword    = 512
	maxEmailLength = 254
)

// New describes an account to make.
type New struct {
	Name     string
	Password string // "" draws one
	Email    string // may be ""
	Class    string // a primary class by name; "" is User
}

// Created is a new account with its secrets, which are shown once.
type Created struct {
	Member      Member
	Password    string
	AnnounceKey string
	IRCKey      string
}

// Draft is an account that is ready to be made: checked, and with its passphrase
// hashed, which takes too long for a transaction.
type Draft struct {
	n       New
	class   Class
	hash    string
	ircKey  string
	program bool // the account is the program's own
}

// Create makes an account: Draft and CreateFrom in one.
func (s *Store) Create(ctx context.Context, n New) (Created, error) {
	d, err := s.Draft(ctx, n)
	if err != nil {
		return Created{}, err
	}
	return s.CreateFrom(ctx, d)
}

// Draft checks a new account and hashes its passphrase. It fails with Invalid where
// a field is wrong.
func (s *Store) Draft(ctx context.Context, n New) (Draft, error) {
	if !namePattern.MatchString(n.Name) {
		return Draft{}, core.FieldErrorf("name", "a name has 1 to 32 letters (A to Z), digits and underscores")
	}
	if n.Class == "" {
		n.Class = "User"
	}
	if strings.EqualFold(n.Class, BotClass) {
		return Draft{}, core.FieldErrorf("class", "only the program itself has class %s", BotClass)
	}
	class, err := s.classNamed(ctx, n.Class, false)
	if err != nil {
		return Draft{}, err
	}
	classes, err := s.Classes(ctx)
	if err == nil {
		err = calling{"name", n.Name, class.isStaff()}.check(classes)
	}
	if err != nil {
		return Draft{}, err
	}
	return s.draft(ctx, n, class, secret.Token(ircKeyLen))
}

// EnsureBot makes Hermes's account if there is none, and makes ircKey its IRC key.
// The account has no usable password.
func (s *Store) EnsureBot(ctx context.Context, ircKey string) (Member, error) {
	m, err := s.ByName(ctx, BotName)
	if core.CodeOf(err) == core.NotFound {
		var created Created
		var d Draft
		class, err := s.classNamed(ctx, BotClass, false)
		if err == nil {
			d, err = s.draft(ctx, New{Name: BotName}, class, ircKey)
		}
		if d.program = true; err == nil {
			created, err = s.CreateFrom(ctx, d)
		}
		if core.CodeOf(err) != core.Conflict {
			return created.Member, err
		}
		m, err = s.ByName(ctx, BotName) // another process was faster
		if err != nil {
			return Member{}, err
		}
	} else if err != nil {
		return Member{}, err
	}
	has, err := s.IRCKey(ctx, m.ID)
	if err == nil && secret.Equal([]byte(has), []byte(ircKey)) {
		return m, nil
	}
	return m, s.setIRCKey(ctx, m.ID, ircKey)
}

// CheckName checks the form of the name of an account, and nothing about others.
func CheckName(name string) error {
	if !namePattern.MatchString(name) {
		return core.FieldErrorf("name", "a name has 1 to 32 letters (A to Z), digits and underscores")
	}
	return calling{"name", name, false}.check(nil)
}

// CheckEmail checks the form of a mail address; "" passes.
func CheckEmail(address string) error { return validEmail(address) }

// TakeNames waits for the turn of those who add names, which CreateFrom takes: for a
// transaction that reads something before it.
func TakeNames(ctx context.Context, tx *db.Tx) error { return tx.Turn(ctx, nameTurn) }

func (s *Store) draft(ctx context.Context, n New, class Class, ircKey string) (Draft, error) {
	if n.Password == "" {
		n.Password = secret.Passphrase()
	}
	if err := validPassword(n.Name, n.Email, n.Password); err != nil {
		return Draft{}, err
	}
	n.Email = plainEmail(n.Email)
	if err := validEmail(n.Email); err != nil {
		return Draft{}, err
	}
	hash, err := s.keys.HashPassword(ctx, n.Password)
	return Draft{n: n, class: class, hash: hash, ircKey: ircKey}, err
}

// CreateFrom makes the account of a draft. It fails with Conflict when the name is
// somebody's or looks like it, and with Invalid when it is reserved. The caller checks who
// may do this.
func (s *Store) CreateFrom(ctx context.Context, d Draft) (Created, error) {
	n := d.n
	out := Created{Password: n.Password, AnnounceKey: secret.Token(AnnounceKeyLen), IRCKey: d.ircKey}
	row := db.Row{"name", n.Name, "skeleton", skeletonOf(n.Name), "class_id", d.class.ID,
		"password_hash", d.hash, "irc_key_mac", s.keys.MAC(ircKeyUse, d.ircKey), "passkey_mac", s.keys.MAC(announceKeyUse, out.AnnounceKey), "passkey_box", s.keys.Seal([]byte(out.AnnounceKey), announceKeyUse),
		"irc_key_box", s.keys.Seal([]byte(d.ircKey), ircKeyUse), "email_box", s.keys.Seal([]byte(n.Email), emailUse), "email_mac", s.emailMAC(n.Email),
		"key_epoch", 1, "created_at", s.clock().Unix(), "seen_at", 0}
	var id int64
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if err := tx.Turn(ctx, nameTurn); err != nil {
			return err
		}
		if id, err = tx.Insert(ctx, "member", row); err != nil {
			return err
		}
		if !d.program {
			if err := s.mustBeFree(ctx, tx, core.MemberID(id), calling{"name", n.Name, d.class.isStaff()}); err != nil {
				return err
			}
		}
		_, err = s.log.Append(ctx, tx, eventlog.MemberChanged{Member: core.MemberID(id)})
		return err
	})
	if db.IsDuplicate(err) {
		return Created{}, &core.Error{Code: core.Conflict, Field: "name", Text: fmt.Sprintf("the name %s is taken", n.Name)}
	}
	if code := core.CodeOf(err); code == core.Conflict || code == core.Invalid {
		return Created{}, err
	}
	if err != nil {
		return Created{}, fmt.Errorf("make an account: %w", err)
	}
	out.Member, err = s.ByID(ctx, core.MemberID(id))
	return out, err
}

func validPassword(name, email, password string) error {
	switch {
	case len([]rune(password)) < MinPassword:
		return core.FieldErrorf("password", "a passphrase has at least %d characters", MinPassword)
	case len(password) > maxPassword:
		return core.FieldErrorf("password", "a passphrase has at most %d bytes", maxPassword)
	case strings.EqualFold(password, name) || (email != "" && strings.EqualFold(password, email)):
		return core.FieldErrorf("password", "the passphrase must not be the name or the e-mail address")
	}
	return nil
}

func validEmail(email string) error {
	if email == "" {
		return nil
	}
	a, err := mail.ParseAddress(email)
	if err != nil || a.Address != email || len(email) > maxEmailLength {
		return core.FieldErrorf("email", "this is not an e-mail address")
	}
	return nil
}
