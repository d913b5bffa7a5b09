// Package credential keeps one-time links: an invite, the confirmation of a mail address, a
// recovery, something to be shown once, an export. A link is a random token of which the
// database has only the keyed hash, and, until it is used, ends or was mailed, a sealed copy
// for whoever writes the mail in another process. What it carries is sealed too, and wiped
// with it.
//
// Looking at a link changes nothing: scanners of mail fetch every link. Only Spend uses it
// up, and of many at once one wins. Each purpose has a longest life (longestOf), and no
// instant in the database is trusted beyond it.
//
// Concurrency: a Store is safe for concurrent use, and so is one bound to a transaction as
// far as the transaction is.
package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Purpose is what a link is for. A link of one purpose is unknown for every other.
type Purpose string

// The purposes.
const (
	Invite      Purpose = "invite"       // makes an account
	ConfirmMail Purpose = "confirm-mail" // shows that a mail address is read by its owner
	Recover     Purpose = "recover"      // sets a new passphrase
	Reveal      Purpose = "reveal"       // shows a secret once
	Export      Purpose = "export"       // gives a file away once
)

// longestOf is for how long a link of each purpose can be good at most.
var longestOf = map[Purpose]time.Duration{
	Invite:      30 * 24 * time.Hour,
	ConfirmMail: 7 * 24 * time.Hour,
	Recover:     24 * time.Hour,
	Reveal:      7 * 24 * time.Hour,
	Export:      7 * 24 * time.Hour,
}

// Longest returns the longest life of links of a purpose, 0 for one that is unknown.
func Longest(p Purpose) time.Duration { return longestOf[p] }

const (
	tokenLen   = 32       // letters and digits: 190 bits
	maxContent = 64 << 10 // bytes that a link may carry
	// keptFor is for how long a link that is over is still known, so that whoever follows it
	// reads what became of it.
	keptFor = 90 * 24 * time.Hour
)

// State is what has become of a link.
type State string

// The states. Only an open link can be spent.
const (
	Open    State = "open"
	Used    State = "used"
	Expired State = "expired"
	Revoked State = "revoked"
	Unknown State = "unknown" // of errors alone: there is no such link
)

// Link is a one-time link without its token.
type Link struct {
	ID        int64
	Purpose   Purpose
	Subject   int64         // what it is about, by the purpose: such as the id of an invite
	Member    core.MemberID // who made it, or whom it is for; 0 for nobody
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // the zero time while it is not used
	RevokedAt time.Time // the zero time while it is not revoked
}

// State tells what has become of the link at now. A link that was made at a time which lies
// ahead, or that would be good for longer than its purpose allows, was written by a clock
// that was wrong: it has expired.
func (l Link) State(now time.Time) State {
	switch {
	case !l.UsedAt.IsZero():
		return Used
	case !l.RevokedAt.IsZero():
		return Revoked
	case l.CreatedAt.After(core.Horizon(now, 0)) || !core.Lasts(now, l.ExpiresAt, Longest(l.Purpose)):
		return Expired
	}
	return Open
}

// New describes a link to make.
type New struct {
	Purpose  Purpose
	Subject  int64
	Member   core.MemberID
	Lifetime time.Duration // at most Longest(Purpose)
	Content  []byte        // sealed, and given to whoever spends the link; at most 64 KiB
}

// Refusal is the error for a link that can't be spent. Its text is safe to show and tells
// whoever followed the link what to do.
type Refusal struct {
	State State     // Used, Expired, Revoked or Unknown
	Since time.Time // the zero time of an unknown link
}

// Error implements error.
func (r *Refusal) Error() string { return r.Unwrap().Error() }

// Unwrap returns what may be shown.
func (r *Refusal) Unwrap() error {
	switch at := text.Instant(r.Since); r.State {
	case Used:
		return core.Errorf(core.Conflict, "this link was used at %s, and is good only once; ask for a new one if that was not you", at)
	case Expired:
		return core.Errorf(core.Conflict, "this link has expired, at %s; ask for a new one", at)
	case Revoked:
		return core.Errorf(core.Conflict, "this link was taken back, at %s; ask whoever sent it, or follow the newest link that you were sent", at)
	}
	return core.Errorf(core.NotFound, "this link is not known here: see that you have copied all of it, or ask for a new one")
}

// Store reads and writes links.
type Store struct {
	db    db.Conn
	keys  *secret.Keyring
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, keys *secret.Keyring, clock core.Clock) *Store {
	return &Store{db: d, keys: keys, clock: clock}
}

// In returns the store bound to tx: what it reads and writes is part of that transaction. It
// must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

func (s *Store) mac(p Purpose, token string) []byte {
	return s.keys.MAC("one-time link/"+string(p), token)
}

// tokenUse and contentUse are what the boxes of a link are sealed for. The keyed hash of the
// token is part of it, so that a box copied to another link can't be opened there.
func tokenUse(p Purpose, mac []byte) string   { return fmt.Sprintf("link token/%s/%x", p, mac) }
func contentUse(p Purpose, mac []byte) string { return fmt.Sprintf("link content/%s/%x", p, mac) }

// Make makes a link and returns it with its token, which stands behind an address of the
// site. It fails with Invalid where the lifetime or the content is out of bounds. The caller
// checks who may do this, and bounds how many there are.
func (s *Store) Make(ctx context.Context, n New) (Link, string, error) {
	longest := Longest(n.Purpose)
	switch {
	case longest == 0:
		return Link{}, "", fmt.Errorf("make a link: there is no purpose %q", n.Purpose)
	case n.Lifetime < time.Second || n.Lifetime > longest:
		return Link{}, "", core.FieldErrorf("lifetime", "a link for this lasts at most %s", text.Span(longest))
	case len(n.Content) > maxContent:
		return Link{}, "", core.FieldErrorf("content", "a link carries at most %s", core.Bytes(maxContent))
	}
	token, now := secret.Token(tokenLen), time.Unix(s.clock().Unix(), 0).UTC()
	mac := s.mac(n.Purpose, token)
	l := Link{Purpose: n.Purpose, Subject: n.Subject, Member: n.Member, CreatedAt: now, ExpiresAt: time.Unix(now.Add(n.Lifetime).Unix(), 0).UTC()}
	content := []byte{}
	if len(n.Content) > 0 {
		content = s.keys.Seal(n.Content, contentUse(n.Purpose, mac))
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		l.ID, err = tx.Insert(ctx, "one_time_link", db.Row{"purpose", n.Purpose, "token_mac", mac, "token_box", s.keys.Seal([]byte(token), tokenUse(n.Purpose, mac)),
			"subject_id", n.Subject, "member_id", n.Member, "content_box", content,
			"created_at", l.CreatedAt.Unix(), "expires_at", l.ExpiresAt.Unix(), "used_at", 0, "revoked_at", 0})
		return err
	})
	if err != nil {
		return Link{}, "", fmt.Errorf("make a link: %w", err)
	}
	return l, token, nil
}

// Look returns the open link of a token and changes nothing. For any other it fails with a
// *Refusal.
func (s *Store) Look(ctx context.Context, p Purpose, token string) (Link, error) {
	l, err := s.find(ctx, s.db, p, token)
	if err != nil {
		return Link{}, err
	}
	return l.Link, s.refuse(l.Link)
}

// Spend uses up the open link of a token, and returns it with what it carries, which is then
// wiped. For any other link, and for all but one of those who spend it at once, it fails
// with a *Refusal.
func (s *Store) Spend(ctx context.Context, p Purpose, token string) (out Link, content []byte, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		found, err := s.find(ctx, tx, p, token)
		if err != nil {
			return err
		}
		r, err := s.lock(ctx, tx, found.ID)
		if err != nil {
			return err
		}
		if err := s.refuse(r.Link); err != nil {
			return err
		}
		content = nil
		if len(r.content) > 0 {
			if content, err = s.keys.Open(r.content, contentUse(p, r.mac)); err != nil {
				return fmt.Errorf("open what a link carries: %w", err)
			}
		}
		now := s.clock().Unix()
		if _, err := tx.Exec(ctx, "UPDATE one_time_link SET used_at = ?, token_box = ?, content_box = ? WHERE id = ?", now, []byte{}, []byte{}, r.ID); err != nil {
			return fmt.Errorf("spend a link: %w", err)
		}
		r.UsedAt = time.Unix(now, 0).UTC()
		out = r.Link
		return nil
	})
	if err != nil {
		return Link{}, nil, err
	}
	return out, content, nil
}

// refuse is nil for a link that is open now.
func (s *Store) refuse(l Link) error {
	r := &Refusal{State: l.State(s.clock())}
	switch r.State {
	case Open:
		return nil
	case Used:
		r.Since = l.UsedAt
	case Revoked:
		r.Since = l.RevokedAt
	default:
		r.Since = l.ExpiresAt
	}
	return r
}
