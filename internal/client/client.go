// Package client keeps the whitelist: which BitTorrent clients may announce,
// told by how their peer-id begins and, where staff want it, by the version in
// it. The list is data that staff change.
//
// Concurrency: a Store is safe for concurrent use. A Set is immutable.
package client

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// MaxRules bounds the list; every announce is compared with all of it.
const MaxRules = 500

const (
	maxPrefix = 20 // the length of a peer-id (BEP 3)
	maxName   = 64
)

// Rule allows the clients whose peer-id begins with Prefix.
type Rule struct {
	ID     int64
	Prefix string // 1 to 20 visible ASCII characters, case-sensitive
	Name   string // what people call these clients
	Lowest string // the oldest version that may announce, such as 4.0.5; "" is any
}

// Set is a list of rules to match against. The zero value allows nobody.
type Set struct{ rules []compiled }

type compiled struct {
	Rule
	lowest version
}

// NewSet makes the set of rules. A rule whose lowest version can't be read, which no
// Store returns, allows every version.
func NewSet(rules []Rule) Set {
	s := Set{rules: make([]compiled, len(rules))}
	for i, r := range rules {
		s.rules[i] = compiled{Rule: r}
		if r.Lowest != "" {
			v, err := parseVersion(r.Lowest)
			if err != nil {
				s.rules[i].Lowest = ""
			}
			s.rules[i].lowest = v
		}
	}
	return s
}

// Allowed reports whether a client with this peer-id may announce. If only its age
// forbids that, tooOld is the rule that a newer version would satisfy; a version that
// can't be read counts as the oldest. It does not allocate.
func (s Set) Allowed(peerID [20]byte) (ok bool, tooOld *Rule) {
	for i := range s.rules {
		r := &s.rules[i]
		if len(r.Prefix) > len(peerID) || string(peerID[:len(r.Prefix)]) != r.Prefix {
			continue
		}
		if r.Lowest == "" {
			return true, nil
		}
		if v, known := versionOf(&peerID, r.Prefix); known && !v.less(r.lowest) {
			return true, nil
		}
		tooOld = &r.Rule
	}
	return false, tooOld
}

// Len returns how many rules there are.
func (s Set) Len() int { return len(s.rules) }

// listTurn is the turn of those who make the list longer.
const listTurn = "clients"

// Store reads and writes the whitelist.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock) *Store {
	return &Store{db: d, log: log, clock: clock}
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

// Rules returns the whole list by prefix.
func (s *Store) Rules(ctx context.Context) ([]Rule, error) {
	rules, err := db.All(ctx, s.db, func(sc db.Scanner) (r Rule, err error) {
		return r, sc.Scan(&r.ID, &r.Prefix, &r.Name, &r.Lowest)
	}, "SELECT id, prefix, name, lowest FROM client_rule ORDER BY prefix LIMIT ?", MaxRules)
	if err != nil {
		return nil, fmt.Errorf("read the client whitelist: %w", err)
	}
	return rules, nil
}

// Add allows the clients whose peer-id begins with prefix, from the version lowest on
// if lowest is not empty. A prefix that is already listed is a Conflict. The tracker
// follows within a second.
func (s *Store) Add(ctx context.Context, prefix, name, lowest string) (Rule, error) {
	name, ok := text.OneLine(name)
	if !ok {
		return Rule{}, core.FieldErrorf("name", "a name is one line of plain text")
	}
	r := Rule{Prefix: prefix, Name: name, Lowest: lowest}
	if err := r.validate(); err != nil {
		return Rule{}, err
	}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, listTurn); err != nil {
			return err
		}
		n, err := count(ctx, tx)
		if err != nil {
			return err
		}
		if n >= MaxRules {
			return core.Errorf(core.Conflict, "the list is full: it holds %d clients; remove one that nobody uses", n)
		}
		r.ID, err = s.insert(ctx, tx, r)
		if db.IsDuplicate(err) {
			return core.Errorf(core.Conflict, "%q is on the list already", prefix)
		}
		if err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.ClientsChanged{})
		return err
	})
	if err != nil {
		return Rule{}, fmt.Errorf("add a client: %w", err)
	}
	return r, nil
}

// SetLowest changes the oldest version that a rule allows; "" allows any. A
// prefix that is not listed is NotFound.
func (s *Store) SetLowest(ctx context.Context, prefix, lowest string) error {
	if err := (Rule{Prefix: prefix, Name: "any", Lowest: lowest}).validate(); err != nil {
		return err
	}
	return s.change(ctx, prefix, "set the lowest version of a client", "UPDATE client_rule SET lowest = ? WHERE prefix = ?", lowest, prefix)
}

// Remove takes a prefix from the list. A client that no other prefix allows is
// refused from its next announce on. A prefix that is not listed is NotFound.
func (s *Store) Remove(ctx context.Context, prefix string) error {
	return s.change(ctx, prefix, "remove a client", "DELETE FROM client_rule WHERE prefix = ?", prefix)
}

// change runs a statement that is about the rule of a prefix, and tells the trackers. what
// says what it does, for faults.
func (s *Store) change(ctx context.Context, prefix, what, query string, args ...any) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "%q is not on the list", prefix)
		}
		_, err = s.log.Append(ctx, tx, eventlog.ClientsChanged{})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Seed fills an empty list with the clients of the first release. It is called at
// every start and does not touch a list that staff have changed.
func (s *Store) Seed(ctx context.Context) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, listTurn); err != nil {
			return err
		}
		n, err := count(ctx, tx)
		if err != nil || n > 0 {
			return err
		}
		for _, r := range firstRules() {
			if _, err := s.insert(ctx, tx, r); err != nil {
				return err
			}
		}
		_, err = s.log.Append(ctx, tx, eventlog.ClientsChanged{})
		return err
	})
	if err != nil {
		return fmt.Errorf("fill the client whitelist: %w", err)
	}
	return nil
}

func (s *Store) insert(ctx context.Context, tx *db.Tx, r Rule) (int64, error) {
	return tx.Insert(ctx, "client_rule", db.Row{"prefix", r.Prefix, "name", r.Name, "lowest", r.Lowest, "created_at", s.clock().Unix()})
}

func count(ctx context.Context, q db.Queryer) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT COUNT(*) FROM client_rule").Scan(&n)
	return n, err
}

func (r Rule) validate() error {
	if r.Prefix == "" || len(r.Prefix) > maxPrefix {
		return core.FieldErrorf("prefix", "write 1 to %d characters: how the peer-ids of this client begin, such as -TR4", maxPrefix)
	}
	for _, c := range []byte(r.Prefix) {
		if c <= ' ' || c > '~' {
			return core.FieldErrorf("prefix", "a prefix has visible ASCII characters only, without spaces")
		}
	}
	if r.Lowest != "" {
		if _, err := parseVersion(r.Lowest); err != nil {
			return err
		}
		if strings.HasPrefix(r.Prefix, "-") && len(r.Prefix) < 3 {
			return core.FieldErrorf("prefix", "a lowest version needs the whole name of a client before it, such as -TR")
		}
	}
	if r.Name == "" || utf8.RuneCountInString(r.Name) > maxName {
		return core.FieldErrorf("name", "name the client in 1 to %d characters", maxName)
	}
	return nil
}

// firstRules are the site's historical list and the major versions of today as they
// announce in practice: letters and digits after the head are the version.
func firstRules() []Rule {
	return []Rule{
		{Prefix: "-DE1", Name: "Deluge 1"},
		{Prefix: "-DE2", Name: "Deluge 2"},
		{Prefix: "-KT2", Name: "KTorrent 20 and newer"},
		{Prefix: "-KT3", Name: "KTorrent 3"},
		{Prefix: "-KT4", Name: "KTorrent 4"},
		{Prefix: "-KT5", Name: "KTorrent 5"},
		{Prefix: "-lt0", Name: "rTorrent (rakshasa's libtorrent)"},
		{Prefix: "-LT2", Name: "libtorrent 2 (Rasterbar)"},
		{Prefix: "-qB2", Name: "qBittorrent 2"},
		{Prefix: "-qB3", Name: "qBittorrent 3"},
		{Prefix: "-qB4", Name: "qBittorrent 4"},
		{Prefix: "-qB5", Name: "qBittorrent 5"},
		{Prefix: "-TR2", Name: "Transmission 2"},
		{Prefix: "-TR3", Name: "Transmission 3"},
		{Prefix: "-TR4", Name: "Transmission 4"},
		{Prefix: "A2-", Name: "aria2"},
		{Prefix: "-GT0", Name: "anacrolix/torrent (Go)"},
	}
}
