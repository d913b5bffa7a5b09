package member

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// AuthIRC checks a name and IRC key for the IRC network. It answers like Login; in
// addition, the member's class must allow IRC. If the key is right and the account is
// disabled, or its class may not use IRC, it returns the member together with the error.
func (s *Store) AuthIRC(ctx context.Context, name, ircKey string) (Member, error) {
	a, found, err := s.ircAccount(ctx, name)
	if err != nil {
		return Member{}, fmt.Errorf("log in to IRC: %w", err)
	}
	if !found {
		return s.enter(ctx, nil, false)
	}
	key, err := s.keys.Open(a.box, ircKeyUse)
	if err != nil {
		return Member{}, fmt.Errorf("IRC key of %s: %w", name, err)
	}
	return s.enter(ctx, a, secret.Equal(key, []byte(ircKey)))
}

// enter ends a login to IRC with its entry in the security log. right says whether
// what proves the account was right; a is nil for a name that nobody has.
func (s *Store) enter(ctx context.Context, a *ircAccount, right bool) (Member, error) {
	e := security.Event{Kind: security.LoggedIn}
	if a != nil {
		e.Member = a.member.ID
	}
	var m Member
	err := errIRCLogin()
	if !right {
		e.Kind = security.Refused
	} else if m, err = a.mayIRC(); err != nil {
		e.Kind = security.ShutOut
	}
	s.security.Note(ctx, e)
	return m, err
}

// NoteIRC writes into the security log how a proof ended that the store has not
// judged, as in the middle of SCRAM. The name may be anybody's or nobody's.
func (s *Store) NoteIRC(ctx context.Context, name string, right bool) error {
	e := security.Event{Kind: security.LoggedIn}
	if !right {
		e.Kind = security.Refused
	}
	a, found, err := s.ircAccount(ctx, name)
	if err != nil {
		return fmt.Errorf("security log: %w", err)
	}
	if found {
		e.Member = a.member.ID
	}
	s.security.Note(ctx, e)
	return nil
}

// ircAccount is what a login to IRC reads of an account.
type ircAccount struct {
	member Member
	box    []byte // the sealed IRC key
}

// ircAccount returns the account with a name, in any case.
func (s *Store) ircAccount(ctx context.Context, name string) (a *ircAccount, found bool, err error) {
	folded, ok := foldName(name)
	if !ok {
		return nil, false, nil
	}
	return s.ircAccounts.Ask(ctx, folded)
}

// ircReadTime bounds one reading of the accounts of many who log in at once.
const ircReadTime = 5 * time.Second

// readIRCAccounts reads accounts by folded names.
func (s *Store) readIRCAccounts(ctx context.Context, names []string) (map[string]*ircAccount, error) {
	var boxes [][]byte
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (row, error) {
		var box []byte
		r, err := scanMember(with(sc, &box))
		boxes = append(boxes, box)
		return r, err
	}, "SELECT "+s.columns()+", m.irc_key_box FROM member m WHERE m.name IN ("+db.Marks(len(names))+")", db.Anys(names)...)
	if err != nil {
		return nil, err
	}
	members, err := s.made(ctx, rows...)
	if err != nil {
		return nil, err
	}
	out := make(map[string]*ircAccount, len(members))
	for i, m := range members {
		folded, _ := foldName(m.Name)
		out[folded] = &ircAccount{m, boxes[i]}
	}
	return out, nil
}

// more scans what comes after the columns of another scan.
type more struct {
	db.Scanner
	rest []any
}

func with(sc db.Scanner, rest ...any) db.Scanner { return more{sc, rest} }

// Scan implements db.Scanner.
func (m more) Scan(dest ...any) error { return m.Scanner.Scan(append(dest, m.rest...)...) }

// scramUse keeps apart what IRCVerifier derives.
const scramUse = "irc-scram"

// scramIterations is the least that RFC 7677 allows. More would protect weak
// secrets, and IRC keys are random.
const scramIterations = 4096

// IRCVerifier is what SCRAM-SHA-256 (RFC 5802, RFC 7677) needs to check that somebody
// has a member's IRC key without receiving the key.
type IRCVerifier struct {
	Name       string // as it was asked for
	Salt       string
	Iterations int
	StoredKey  []byte
	ServerKey  []byte
	box        []byte // the sealed key that it was derived from; nil for nobody's
}

// IRCVerifier derives the verifier of a name, each time again: keys are stored sealed
// and not hashed, so old and new keys both work. A name that nobody has also gets a
// verifier, which no key matches. Its salt is as permanent as a member's, and it
// takes as long, so the answer doesn't tell who exists.
func (s *Store) IRCVerifier(ctx context.Context, name string) (IRCVerifier, error) {
	a, found, err := s.ircAccount(ctx, name)
	if err != nil {
		return IRCVerifier{}, fmt.Errorf("log in to IRC: %w", err)
	}
	folded := text.FoldASCII(name)
	key := s.keys.MAC(scramUse, "no key of "+folded)
	var box []byte
	if found {
		box = a.box
		if key, err = s.keys.Open(a.box, ircKeyUse); err != nil {
			return IRCVerifier{}, fmt.Errorf("IRC key of %s: %w", name, err)
		}
	}
	v := IRCVerifier{Name: name, Salt: string(s.keys.MAC(scramUse, "salt of "+folded)[:16]), Iterations: scramIterations, box: box}
	salted, err := s.keys.PBKDF2(ctx, key, []byte(v.Salt), v.Iterations)
	if err != nil {
		return IRCVerifier{}, err
	}
	stored := sha256.Sum256(hmacSHA256(salted, "Client Key"))
	v.StoredKey, v.ServerKey = stored[:], hmacSHA256(salted, "Server Key")
	return v, nil
}

func hmacSHA256(key []byte, text string) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// AuthIRCVerified logs in somebody who proved to have the key from which v was
// derived. It answers like AuthIRC; if the key has been replaced since, it is wrong.
func (s *Store) AuthIRCVerified(ctx context.Context, v IRCVerifier) (Member, error) {
	a, found, err := s.ircAccount(ctx, v.Name)
	if err != nil {
		return Member{}, fmt.Errorf("log in to IRC: %w", err)
	}
	return s.enter(ctx, a, found && v.box != nil && secret.Equal(a.box, v.box))
}

// errIRCLogin is one answer for a wrong name and a wrong key.
func errIRCLogin() error { return core.Errorf(core.Forbidden, "name or IRC key is wrong") }

// MayIRC says why the member may not use IRC, as an error with code Forbidden.
func (m Member) MayIRC() error {
	if _, taken := m.Holds(NoIRC); m.Enabled() && !taken && !m.Permissions.Has(core.IRCConnect) {
		return core.Errorf(core.Forbidden, "your class may not use IRC")
	}
	return m.WhyNot(core.IRCConnect)
}

// mayIRC returns the member who has proved their identity, or why they may not use
// IRC, and the member in either case.
func (a *ircAccount) mayIRC() (Member, error) {
	m := a.member
	// Several callers may share what was read; the copy is the caller's to change.
	m.Permissions, m.Secondary = maps.Clone(m.Permissions), slices.Clone(m.Secondary)
	return m, m.MayIRC()
}
