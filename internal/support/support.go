// Package support is what people write to staff: questions and demands to take something
// down, by members and by strangers, and what staff answer. What somebody wrote is sealed in
// the database, as is their address.
//
// It appends events and knows nothing of mail and notifications: whoever writes the letters
// asks it for what they say (Letter).
//
// Concurrency: a Store is safe for concurrent use, and so is one bound to a transaction as
// far as the transaction is. How many may write is decided under a lock.
package support

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Deps are what a Store works on. All are required, apart from those of which it is said.
type Deps struct {
	DB    *db.DB
	Log   *eventlog.Log
	Keys  *secret.Keyring
	Clock core.Clock
	// SendsMail reports whether the site can send mail; nil is never. Where it can't, staff
	// write to strangers by hand.
	SendsMail func() bool
}

// Store reads and writes tickets.
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
	bound.db = tx
	return &bound
}

// Stamps are those that Open checks.
func (s *Store) Stamps() invite.Stamps { return invite.NewStamps(s.Keys) }

// Mails reports whether answers to strangers leave by mail.
func (s *Store) Mails() bool { return s.sendsMail() }

// sendsMail reports whether the site can send mail.
func (s *Store) sendsMail() bool { return s.SendsMail != nil && s.SendsMail() }

// Category is what a ticket is about.
type Category string

// The categories.
const (
	Question Category = "question"
	Takedown Category = "takedown" // somebody demands that something is no longer offered
)

// Categories lists them all.
func Categories() []Category { return []Category{Question, Takedown} }

// State is how far a ticket is.
type State string

// The states.
const (
	Open     State = "open"     // it waits for an answer
	Answered State = "answered" // staff have answered
	Closed   State = "closed"
)

// States lists them all.
func States() []State { return []State{Open, Answered, Closed} }

// Ticket is what somebody wrote, without its texts.
type Ticket struct {
	ID           int64
	Category     Category
	State        State
	Subject      string
	Member       core.MemberID // who wrote; 0 for whoever was not logged in
	Name         string        // of the member
	HasMail      bool
	Assignee     core.MemberID // who looks after it; 0 for nobody
	AssigneeName string
	CreatedAt    time.Time
	ChangedAt    time.Time
	AnsweredAt   time.Time // the zero time while nobody has answered
	ClosedAt     time.Time // the zero time while it is not closed
}

// Kind says for whom a message is.
type Kind string

// The kinds.
const (
	Said   Kind = "said"   // by whoever wrote to staff
	Answer Kind = "answer" // by staff
	Note   Kind = "note"   // by staff, for staff alone
)

// Message is one text of a ticket.
type Message struct {
	ID         int64
	Kind       Kind
	Author     core.MemberID // 0 for a stranger, and for the shell
	AuthorName string
	At         time.Time
	ByMail     bool // the answer leaves by mail
	Text       string
}

// Fact is what the form of a category asked besides, with what was written there.
type Fact struct{ Label, Value string }

// Detail is a ticket with its texts.
type Detail struct {
	Ticket
	Email    string // "" for a member
	Facts    []Fact
	Messages []Message
	Same     int // others from the same address, or the same member
}

// Person is a member of staff who acts: 0 and a name for the shell.
type Person struct {
	ID   core.MemberID
	Name string
}

// What keeps apart what is hashed and sealed here.
const (
	mailUse    = "support mail"
	networkUse = "support network"
	subjectUse = "support subject"
	formUse    = "support form"
	bodyUse    = "support message"
)

// mailMAC is the keyed hash of a mail address in any case, and nothing for none.
func (s *Store) mailMAC(address string) []byte {
	if address == "" {
		return []byte{}
	}
	return s.Keys.MAC(mailUse, text.FoldASCII(address))
}

// seal seals a text, and nothing for none.
func (s *Store) seal(plain, use string) []byte {
	if plain == "" {
		return []byte{}
	}
	return s.Keys.Seal([]byte(plain), use)
}

func (s *Store) open(box []byte, use string) (string, error) {
	if len(box) == 0 {
		return "", nil
	}
	plain, err := s.Keys.Open(box, use)
	return string(plain), err
}

// sealFacts seals what a form asked besides.
func (s *Store) sealFacts(facts []Fact) ([]byte, error) {
	if len(facts) == 0 {
		return []byte{}, nil
	}
	raw, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("write down a form: %w", err)
	}
	return s.Keys.Seal(raw, formUse), nil
}

func (s *Store) openFacts(box []byte) (facts []Fact, err error) {
	plain, err := s.open(box, formUse)
	if err != nil || plain == "" {
		return nil, err
	}
	return facts, json.Unmarshal([]byte(plain), &facts)
}

func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}
