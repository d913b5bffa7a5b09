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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// BotName is the name of Hermes's own account, which the program makes itself.
const BotName = "Hermes"

// Member is an account as the rest of the house sees it, without secrets. What it may do
// is as it was when it was read: see At.
type Member struct {
	ID          core.MemberID
	Name        string
	Class       Class
	Secondary   []Class
	CreatedAt   time.Time
	Appearance  Appearance
	Causes      []Cause          // that held when the member was read, in the order of ids
	Holding     []Cause          // those that hold at the instant of At, the gravest first
	Permissions core.Permissions // of all classes, with what causes give and take; not to be changed

	at     time.Time
	seenAt time.Time // last use of the site; the zero time when never: see View
	hides  Hides
}

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
	classes     *eventlog.Kept[[]Class]           // and this is, too
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
	s.classes = eventlog.Keep(log, time.Hour, func(ctx context.Context) ([]Class, error) { return readClasses(ctx, d) }, eventlog.ClassChanged{})
	return s
}

// Security is the log of logins and of changes of keys. The store writes it; others
// read it.
func (s *Store) Security() *security.Log { return s.security }

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db, bound.count, bound.classes = tx, nil, nil
	return &bound
}

// columns are what scanMember reads of m: the account, its secondary classes and its causes
// in one statement.
func (s *Store) columns() string {
	return "m.id, m.name, m.class_id, m.created_at, m.seen_at, m.zone, m.theme, m.hides, " +
		"(SELECT GROUP_CONCAT(x.class_id) FROM member_class x WHERE x.member_id = m.id), " + causesOf(s.db.Engine())
}

// ByID returns a member, or an error with code NotFound.
func (s *Store) ByID(ctx context.Context, id core.MemberID) (Member, error) {
	return s.one(ctx, s.db, "SELECT "+s.columns()+" FROM member m WHERE m.id = ?", id)
}

// ByName returns a member by name in any case, or an error with code NotFound.
func (s *Store) ByName(ctx context.Context, name string) (Member, error) {
	folded, ok := foldName(name)
	if !ok {
		return Member{}, noMember()
	}
	return s.one(ctx, s.db, "SELECT "+s.columns()+" FROM member m WHERE m.name = ?", folded)
}

// mostByIDs is how many accounts ByIDs reads at once.
const mostByIDs = 200

// ByIDs returns the members with the given ids, at most 200, as far as they are there.
func (s *Store) ByIDs(ctx context.Context, ids []core.MemberID) (map[core.MemberID]Member, error) {
	out := make(map[core.MemberID]Member, len(ids))
	if len(ids) == 0 {
		return out, nil
	}
	args := make([]any, 0, len(ids))
	for _, id := range ids[:min(len(ids), mostByIDs)] {
		args = append(args, id)
	}
	list, err := s.list(ctx, "SELECT "+s.columns()+" FROM member m WHERE m.id IN ("+db.Marks(len(args))+")", args...)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	for _, m := range list {
		out[m.ID] = m
	}
	return out, nil
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
	r, ok, err := db.One(ctx, q, scanMember, query, args...)
	if err != nil {
		return Member{}, fmt.Errorf("read a member: %w", err)
	}
	if !ok {
		return Member{}, noMember()
	}
	list, err := s.made(ctx, r)
	if err != nil {
		return Member{}, err
	}
	return list[0], nil
}

// row is a member as a statement with columns gives it.
type row struct {
	Member
	secondary string // ids with commas
	causes    []byte // see causesOf
}

func scanMember(sc db.Scanner) (r row, err error) {
	var created, seen int64
	var secondary *string
	err = sc.Scan(&r.ID, &r.Name, &r.Class.ID, &created, &seen, &r.Appearance.Zone, &r.Appearance.Theme, &r.hides, &secondary, &r.causes)
	r.CreatedAt, r.seenAt = time.Unix(created, 0).UTC(), instant(seen)
	if secondary != nil {
		r.secondary = *secondary
	}
	return r, err
}

// made are members as they stand now, from what was read of them.
func (s *Store) made(ctx context.Context, rows ...row) ([]Member, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	classes, err := s.Classes(ctx)
	if err != nil {
		return nil, err
	}
	byID := func(id int64) Class {
		for i := range classes {
			if classes[i].ID == id {
				return classes[i]
			}
		}
		return Class{}
	}
	now := s.clock()
	out := make([]Member, len(rows))
	for i, r := range rows {
		m := r.Member
		if m.Causes, err = readCauses(r.causes, m.ID, now); err != nil {
			return nil, err
		}
		m.Class = byID(m.Class.ID)
		for part := range strings.SplitSeq(r.secondary, ",") {
			if id, err := strconv.ParseInt(part, 10, 64); err == nil {
				m.Secondary = append(m.Secondary, byID(id))
			}
		}
		slices.SortFunc(m.Secondary, func(a, b Class) int { return int(a.ID - b.ID) })
		out[i] = m.At(now)
	}
	return out, nil
}

// list reads members by a statement with columns.
func (s *Store) list(ctx context.Context, query string, args ...any) ([]Member, error) {
	rows, err := db.All(ctx, s.db, scanMember, query, args...)
	if err != nil {
		return nil, err
	}
	return s.made(ctx, rows...)
}

// SetClass gives a member another primary class by its name.
func (s *Store) SetClass(ctx context.Context, id core.MemberID, className string) error {
	c, err := s.classNamed(ctx, className, false)
	if err != nil {
		return err
	}
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		n, err := tx.Exec(ctx, "UPDATE member SET class_id = ? WHERE id = ?", c.ID, id)
		if err == nil && n > 0 {
			_, err = s.log.Append(ctx, tx, eventlog.ClassGiven{Member: id, Class: c.ID})
		}
		return n, err
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
