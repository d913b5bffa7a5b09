// Package member keeps accounts: who they are, what their class allows, how they
// prove their identity (password, session, announce key, IRC key, API token) and whether
// they may take part at all.
//
// Secrets are never stored in readable form. Passwords are hashed (argon2id);
// sessions and API tokens are kept as keyed hashes; announce keys, IRC keys and e-mail
// addresses are sealed, since they must be read again.
//
// Concurrency: a Store is safe for concurrent use; values it returns belong to
// the caller.
package member

import (
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// State says whether an account may be used.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
)

// BotName is the name of Hermes's own account, which the program makes itself.
const BotName = "Hermes"

// Member is an account as the rest of the house sees it, without secrets.
type Member struct {
	ID          core.MemberID
	Name        string
	Class       Class
	Secondary   []Class
	State       State
	StateReason string // shown to the member; "" when enabled
	CanLeech    bool
	CreatedAt   time.Time
	SeenAt      time.Time // last use of the site; the zero time when never
	Permissions core.Permissions
	Appearance  Appearance

	// Why and since when downloads are off: see LeechOffWhy. Both are empty where they are
	// on, or were switched off before reasons were kept.
	LeechOffReason string
	LeechOffAt     time.Time
}

// Enabled reports whether the account may be used.
func (m Member) Enabled() bool { return m.State == Enabled }

// Can reports whether the member may do p. A disabled member may do nothing.
func (m Member) Can(p core.Permission) bool { return m.Enabled() && m.Permissions.Has(p) }

// MayActOn is the rule of rank: staff act on members below themselves, not on equals
// or betters, and not on themselves. The highest of someone's classes counts.
func (m Member) MayActOn(other Member) bool { return m.ID != other.ID && m.level() > other.level() }

// MayGive is the rule of rank for classes: staff give those below their own.
func (m Member) MayGive(c Class) bool { return m.level() > c.Level }

// SecondaryIDs are the ids of the secondary classes.
func (m Member) SecondaryIDs() []int64 {
	out := make([]int64, len(m.Secondary))
	for i, c := range m.Secondary {
		out[i] = c.ID
	}
	return out
}

func (m Member) level() int {
	level := m.Class.Level
	for _, c := range m.Secondary {
		level = max(level, c.Level)
	}
	return level
}

// Store reads and writes accounts.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	keys  *secret.Keyring
	clock core.Clock

	sessionDays int // after which a session ends, however much it is used
	lines       *slog.Logger
	security    *security.Log
	ircAccounts *db.Gatherer[string, *ircAccount] // by folded name
	count       *eventlog.Kept[int]               // nil where the store is bound to a transaction
}

// Option changes what a store does by default.
type Option func(*Store)

// LogTo lets the security log write a line for each of its entries to l.
func LogTo(l *slog.Logger) Option { return func(s *Store) { s.lines = l } }

// SessionDays bounds how long a session lasts, however much it is used: to 180 days
// where nothing is said.
func SessionDays(n int) Option { return func(s *Store) { s.sessionDays = n } }

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, keys *secret.Keyring, clock core.Clock, options ...Option) *Store {
	s := &Store{db: d, log: log, keys: keys, clock: clock, sessionDays: 180}
	for _, set := range options {
		set(s)
	}
	s.security = security.New(d, keys, clock, s.lines)
	s.ircAccounts = db.NewGatherer(ircReadTime, s.readIRCAccounts)
	s.count = eventlog.Keep(log, time.Hour, s.readCount, eventlog.MemberChanged{})
	return s
}

// Security is the log of logins and of changes of keys. The store writes it; others
// read it.
func (s *Store) Security() *security.Log { return s.security }

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db, bound.count = tx, nil
	return &bound
}

const columns = "m.id, m.name, m.class_id, m.state, m.state_reason, m.can_leech, m.leech_off_reason, m.leech_off_at, m.created_at, m.seen_at, m.zone, m.theme"

// ByID returns a member, or an error with code NotFound.
func (s *Store) ByID(ctx context.Context, id core.MemberID) (Member, error) {
	return s.one(ctx, s.db, "SELECT "+columns+" FROM member m WHERE m.id = ?", id)
}

// ByName returns a member by name in any case, or an error with code NotFound.
func (s *Store) ByName(ctx context.Context, name string) (Member, error) {
	folded, ok := foldName(name)
	if !ok {
		return Member{}, noMember()
	}
	return s.one(ctx, s.db, "SELECT "+columns+" FROM member m WHERE m.name = ?", folded)
}

// Count returns how many accounts there are, Hermes's own left out. They are counted
// again only when one was made or changed.
func (s *Store) Count(ctx context.Context) (int, error) {
	if s.count == nil {
		return s.readCount(ctx)
	}
	return s.count.Get(ctx)
}

func (s *Store) readCount(ctx context.Context) (int, error) {
	var n int
	err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM member WHERE name <> ?", BotName).Scan(&n)
	return n, err
}

func noMember() error { return core.Errorf(core.NotFound, "no such member") }

func (s *Store) one(ctx context.Context, q db.Queryer, query string, args ...any) (Member, error) {
	m, ok, err := db.One(ctx, q, scanMember, query, args...)
	if err != nil {
		return Member{}, fmt.Errorf("read a member: %w", err)
	}
	if !ok {
		return Member{}, noMember()
	}
	one := []Member{m}
	err = s.addClasses(ctx, q, one)
	return one[0], err
}

func scanMember(sc db.Scanner) (Member, error) {
	var m Member
	var off, created, seen int64
	err := sc.Scan(&m.ID, &m.Name, &m.Class.ID, &m.State, &m.StateReason, &m.CanLeech, &m.LeechOffReason, &off, &created, &seen, &m.Appearance.Zone, &m.Appearance.Theme)
	m.CreatedAt = time.Unix(created, 0).UTC()
	if off != 0 {
		m.LeechOffAt = time.Unix(off, 0).UTC()
	}
	if seen != 0 {
		m.SeenAt = time.Unix(seen, 0).UTC()
	}
	return m, err
}

// addClasses fills in the classes of members and what these allow in sum.
func (s *Store) addClasses(ctx context.Context, q db.Queryer, members []Member) error {
	if len(members) == 0 {
		return nil
	}
	classes, err := readClasses(ctx, q)
	if err != nil {
		return err
	}
	byID := make(map[int64]Class, len(classes))
	for _, c := range classes {
		byID[c.ID] = c
	}
	ids := make([]any, len(members))
	for i, m := range members {
		ids[i] = m.ID
	}
	type pair struct {
		member core.MemberID
		class  int64
	}
	pairs, err := db.All(ctx, q, func(sc db.Scanner) (p pair, err error) {
		return p, sc.Scan(&p.member, &p.class)
	}, "SELECT member_id, class_id FROM member_class WHERE member_id IN ("+db.Marks(len(ids))+")", ids...)
	if err != nil {
		return fmt.Errorf("read secondary classes: %w", err)
	}
	for i := range members {
		m := &members[i]
		m.Class = byID[m.Class.ID]
		m.Permissions = core.NewPermissions(m.Class.Permissions.Sorted()...)
		for _, p := range pairs {
			if p.member == m.ID {
				m.Secondary = append(m.Secondary, byID[p.class])
				for perm := range byID[p.class].Permissions {
					m.Permissions[perm] = struct{}{}
				}
			}
		}
	}
	return nil
}

// CheckReason checks why an account is closed, or its downloads are switched off.
func CheckReason(reason string) error {
	if !text.HasLetters(reason) {
		return core.FieldErrorf("reason", "say why: the member is shown the reason")
	}
	if len(reason) > 255 {
		return core.FieldErrorf("reason", "keep the reason within 255 bytes")
	}
	return nil
}

// SetState enables or disables an account. The reason is shown to the member and must
// be given to disable one. Disabling ends all sessions.
func (s *Store) SetState(ctx context.Context, id core.MemberID, state State, reason string) error {
	reason = text.Line(reason)
	if state == Enabled {
		reason = ""
	} else if err := CheckReason(reason); err != nil {
		return err
	}
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		if state == Disabled {
			if _, err := tx.Exec(ctx, "DELETE FROM session WHERE member_id = ?", id); err != nil {
				return 0, err
			}
		}
		return tx.Exec(ctx, "UPDATE member SET state = ?, state_reason = ? WHERE id = ?", state, reason, id)
	})
}

// SetClass gives a member another primary class by its name.
func (s *Store) SetClass(ctx context.Context, id core.MemberID, className string) error {
	c, err := s.classNamed(ctx, className, false)
	if err != nil {
		return err
	}
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		return tx.Exec(ctx, "UPDATE member SET class_id = ? WHERE id = ?", c.ID, id)
	})
}

// SetSecondary gives or takes a secondary class.
func (s *Store) SetSecondary(ctx context.Context, id core.MemberID, className string, has bool) error {
	c, err := s.classNamed(ctx, className, true)
	if err != nil {
		return err
	}
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		if has {
			_, err := tx.InsertIgnore(ctx, "member_class", db.Row{"member_id", id, "class_id", c.ID})
			return 1, err
		}
		_, err := tx.Exec(ctx, "DELETE FROM member_class WHERE member_id = ? AND class_id = ?", id, c.ID)
		return 1, err
	})
}

// change runs one update of an account and appends MemberChanged with it.
func (s *Store) change(ctx context.Context, id core.MemberID, update func(tx *db.Tx) (int64, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := update(tx)
		if err != nil {
			return fmt.Errorf("change member %d: %w", id, err)
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "no such member")
		}
		_, err = s.log.Append(ctx, tx, eventlog.MemberChanged{Member: id})
		return err
	})
}

// namePattern is what a name or a nick may be. They are ASCII, so that no two look the
// same and every database tells them apart in the same way.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// foldName returns a name as it is compared: with small letters only. It reports false
// for what can be nobody's name or nick. Whatever people give as a name comes through
// here before it is looked up.
func foldName(name string) (string, bool) {
	return text.FoldASCII(name), namePattern.MatchString(name)
}
