// Package invite is how people join: invites and what came of each, the tree of who invited
// whom, applications, and the one act by which an account is made for somebody who has been
// let in (Join). Invites are given back by being counted: what has expired or was taken back
// is simply not counted any more, so that nothing can be lost.
//
// It appends events and knows nothing of mail and notifications: whoever writes the letters
// asks it for what they say (Letter).
//
// Concurrency: a Store is safe for concurrent use, and so is one bound to a transaction as
// far as the transaction is. What must not be exceeded (the allowance of a member, the number
// of accounts) is decided under a lock.
package invite

import (
	"context"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Deps are what a Store works on. All are required, apart from those of which it is said.
type Deps struct {
	DB       *db.DB
	Log      *eventlog.Log
	Keys     *secret.Keyring
	Clock    core.Clock
	Members  *member.Store
	Links    *credential.Store
	Settings *setting.Store
	Guard    *guess.Guard
	// SendsMail reports whether the site can send mail; nil is never. Where it can't, links
	// are passed on by hand.
	SendsMail func() bool
	// Rules returns the revision of the rules that holds now; 0 is what the program ships.
	Rules func(ctx context.Context) (int64, error)
	// Applied does, in the transaction of Apply, what other packages do for an applicant who
	// gave a mail address, such as mailing the code; nil does nothing.
	Applied func(ctx context.Context, tx *db.Tx, mail, code string) error
	// Banned refuses a mail address that is banned, with an error that may be shown; nil bans
	// none.
	Banned func(ctx context.Context, mail string) error
}

// Store reads and writes invites, the tree, applications and acceptances of the rules.
type Store struct {
	Deps
	db db.Conn
}

// NewStore returns the store.
func NewStore(d Deps) *Store { return &Store{Deps: d, db: d.DB} }

// In returns the store bound to tx: what it reads and writes is part of that transaction. It
// must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db, bound.Members, bound.Links, bound.Settings = tx, s.Members.In(tx), s.Links.In(tx), s.Settings.In(tx)
	return &bound
}

// sendsMail reports whether the site can send mail.
func (s *Store) sendsMail() bool { return s.SendsMail != nil && s.SendsMail() }

// Via says how somebody came.
type Via string

// The ways.
const (
	ViaInvite      Via = "invite"
	ViaApplication Via = "application"
	ViaStaff       Via = "staff" // staff made the account
	ViaOpen        Via = "open"  // by themselves, while anybody could
)

// Addresses of the site.
const (
	JoinPath  = "/join"        // the form; a link has its token behind it
	ApplyPath = "/apply"       // the form of applicants
	StatePath = "/application" // where an applicant follows theirs; a link has its code behind it
)

// Address is where a link is opened on the site.
func Address(token string) string { return JoinPath + "/" + token }

// State is what became of an invite.
type State string

// The states. Invites that are over and were not used are given back.
const (
	Open    State = "open"
	Used    State = "used"
	Expired State = "expired"
	Revoked State = "revoked"
)

// source is what an invite was taken from, as the database has it.
type source int64

const (
	fromClass source = 0
	fromStock source = 1
	fromNone  source = 2 // it is counted nowhere: staff who manage invites make as many as they need
)

// Invite is one invite.
type Invite struct {
	ID        int64
	Inviter   core.MemberID // 0 for the shell
	Via       Via           // ViaInvite or ViaApplication
	Note      string        // for whoever made it
	Mailed    bool          // the site mails it, and shows it to nobody
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time     // the zero time while it is not used
	UsedBy    core.MemberID // whoever joined by it
	UsedName  string        // their name
	RevokedAt time.Time     // the zero time while it is not revoked

	link   int64
	source source
}

// State tells what became of the invite at now.
func (i Invite) State(now time.Time) State {
	switch {
	case !i.UsedAt.IsZero():
		return Used
	case !i.RevokedAt.IsZero():
		return Revoked
	case i.CreatedAt.After(core.Horizon(now, 0)) || !core.Lasts(now, i.ExpiresAt, credential.Longest(credential.Invite)):
		return Expired
	}
	return Open
}

// CheckMail checks the form of a mail address and returns it as it is kept. "" is none.
func CheckMail(address string) (string, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return "", nil
	}
	if err := member.CheckEmail(address); err != nil {
		return "", err
	}
	return address, nil
}

// domainOf is the domain of a mail address, folded.
func domainOf(address string) string {
	return strings.TrimSuffix(text.FoldASCII(address[strings.LastIndexByte(address, '@')+1:]), ".")
}

// RefusedDomain reports whether a mail address lies in one of the domains, or below one.
func RefusedDomain(address string, domains []string) bool {
	d := domainOf(address)
	for _, refused := range domains {
		if d == refused || strings.HasSuffix(d, "."+refused) {
			return true
		}
	}
	return false
}

// mayWriteTo checks a mail address that somebody gives: its form, that it is nobody's for
// some minutes only, and that it is not banned. "" is none and passes.
func (s *Store) mayWriteTo(ctx context.Context, v setting.Values, address string) (string, error) {
	address, err := CheckMail(address)
	if err != nil || address == "" {
		return "", err
	}
	if RefusedDomain(address, setting.RefusedDomains.Of(v)) {
		return "", core.FieldErrorf("email", "addresses of %s are not taken, as they last only for a while; use another", domainOf(address))
	}
	if s.Banned != nil {
		if err := s.Banned(ctx, address); err != nil {
			return "", err
		}
	}
	return address, nil
}

// What keeps apart what is hashed and sealed here.
const (
	mailUse    = "joining mail"
	networkUse = "joining network"
	codeUse    = "application code"
	stampUse   = "joining stamp"
)

// mailMAC is the keyed hash of a mail address in any case, and nothing for none.
func (s *Store) mailMAC(address string) []byte {
	if address == "" {
		return []byte{}
	}
	return s.Keys.MAC(mailUse, text.FoldASCII(address))
}

// sealMail seals a mail address, and nothing for none.
func (s *Store) sealMail(address string) []byte {
	if address == "" {
		return []byte{}
	}
	return s.Keys.Seal([]byte(address), mailUse)
}

func (s *Store) openMail(box []byte) (string, error) {
	if len(box) == 0 {
		return "", nil
	}
	plain, err := s.Keys.Open(box, mailUse)
	return string(plain), err
}

// placeMAC is the keyed hash of a place or network, and nothing for none.
func (s *Store) placeMAC(place string) []byte {
	if place == "" {
		return []byte{}
	}
	return s.Keys.MAC(networkUse, place)
}

func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// second is now, as the database has it.
func (s *Store) second() time.Time { return time.Unix(s.Clock().Unix(), 0).UTC() }
