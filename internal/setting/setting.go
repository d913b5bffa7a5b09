// Package setting keeps what staff may change while the site runs, such as how people join.
// Each setting is declared as data (table.go): its name, what it is, its default and its
// bounds. The table setting holds those that staff have changed. What needs a restart, and
// what belongs to a machine, is configuration instead.
//
// A process reads the settings once and keeps them until an event says that one has changed;
// what it holds is as new as a reading would be (eventlog.Kept).
//
// Concurrency: a Store is safe for concurrent use; Values are not changed once they are read.
package setting

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// All returns every setting in the order in which staff see them.
func All() []Setting { return slices.Clone(table) }

// Named returns the setting of that name, or an error with code NotFound that says what is
// like it.
func Named(name string) (Setting, error) {
	var like []string
	group, _, _ := strings.Cut(text.FoldASCII(name), ".")
	for _, s := range table {
		if s.Name == text.FoldASCII(name) {
			return s, nil
		}
		if strings.HasPrefix(s.Name, group+".") {
			like = append(like, s.Name)
		}
	}
	if len(like) > 0 {
		return Setting{}, core.Errorf(core.NotFound, "there is no setting %q; there are %s", text.Cut(text.Clean(name), 64), strings.Join(like, ", "))
	}
	return Setting{}, core.Errorf(core.NotFound, "there is no setting %q; setting list shows them all", text.Cut(text.Clean(name), 64))
}

// Values are all settings as they hold. The zero value holds the defaults.
type Values struct{ changed map[string]Current }

// text is the stored form of a setting's value. What an older or newer release has stored,
// and this one does not allow, does not hold.
func (v Values) text(s Setting) string {
	if c, ok := v.changed[s.Name]; ok {
		if value, err := s.read(c.Value); err == nil {
			return value
		}
	}
	return s.Default
}

// Current is a setting with the value that holds.
type Current struct {
	Setting
	Value     string
	Changed   bool          // by staff; false: it is the default
	ChangedAt time.Time     // where it is Changed
	ChangedBy core.MemberID // where it is Changed; 0 for the shell
}

// Store reads and writes settings.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	clock core.Clock
	kept  *eventlog.Kept[Values] // nil where the store is bound to a transaction
}

// keepFor is for how long settings are kept while none is changed.
const keepFor = time.Hour

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock) *Store {
	s := &Store{db: d, log: log, clock: clock}
	s.kept = eventlog.Keep(log, keepFor, s.read, eventlog.SettingChanged{})
	return s
}

// In returns the store bound to tx: what it reads and writes is part of that transaction. It
// must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db, bound.kept = tx, nil
	return &bound
}

// Values returns all settings as they hold now.
func (s *Store) Values(ctx context.Context) (Values, error) {
	if s.kept == nil {
		return s.read(ctx)
	}
	return s.kept.Get(ctx)
}

func (s *Store) read(ctx context.Context) (Values, error) {
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (c Current, err error) {
		var at int64
		err = sc.Scan(&c.Name, &c.Value, &at, &c.ChangedBy)
		c.ChangedAt = time.Unix(at, 0).UTC()
		return c, err
	}, "SELECT name, value, changed_at, changed_by FROM setting LIMIT 1000")
	if err != nil {
		return Values{}, fmt.Errorf("read the settings: %w", err)
	}
	v := Values{changed: make(map[string]Current, len(rows))}
	for _, c := range rows {
		v.changed[c.Name] = c
	}
	return v, nil
}

// List returns every setting with the value that holds.
func (s *Store) List(ctx context.Context) ([]Current, error) {
	v, err := s.Values(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Current, len(table))
	for i, one := range table {
		out[i] = v.current(one)
	}
	return out, nil
}

func (v Values) current(s Setting) Current {
	c := Current{Setting: s, Value: v.text(s)}
	if row, ok := v.changed[s.Name]; ok && c.Value != s.Default {
		c.Changed, c.ChangedAt, c.ChangedBy = true, row.ChangedAt, row.ChangedBy
	}
	return c
}

// Get returns one setting with the value that holds, or an error with code NotFound.
func (s *Store) Get(ctx context.Context, name string) (Current, error) {
	one, err := Named(name)
	if err != nil {
		return Current{}, err
	}
	v, err := s.Values(ctx)
	return v.current(one), err
}

// Set changes a setting and returns what it was and is now. It fails with NotFound for a name
// that there is not, and with Invalid for a value that is not allowed. by is 0 for the shell.
// The caller checks who may do this.
func (s *Store) Set(ctx context.Context, by core.MemberID, name, value string) (was, is Current, err error) {
	return s.change(ctx, by, name, func(c Current) (string, error) { return c.read(strings.TrimSpace(value)) })
}

// Reset gives a setting its default again, and returns what it was and is now.
func (s *Store) Reset(ctx context.Context, by core.MemberID, name string) (was, is Current, err error) {
	return s.change(ctx, by, name, func(c Current) (string, error) { return c.Default, nil })
}

// Add puts a word on a list, with the errors of Set, and Conflict where it is there.
func (s *Store) Add(ctx context.Context, by core.MemberID, name, word string) (was, is Current, err error) {
	return s.change(ctx, by, name, func(c Current) (string, error) {
		word, err := c.one(word)
		if err != nil {
			return "", err
		}
		list := splitWords(c.Value)
		if slices.Contains(list, word) {
			return "", core.Errorf(core.Conflict, "%s is on the list already", word)
		}
		return c.read(strings.Join(append(list, word), " "))
	})
}

// Remove takes a word off a list, with the errors of Set, and NotFound where it is not there.
func (s *Store) Remove(ctx context.Context, by core.MemberID, name, word string) (was, is Current, err error) {
	return s.change(ctx, by, name, func(c Current) (string, error) {
		word, err := c.one(word)
		if err != nil {
			return "", err
		}
		list := splitWords(c.Value)
		i := slices.Index(list, word)
		if i < 0 {
			return "", core.Errorf(core.NotFound, "%s is not on the list", word)
		}
		return joinWords(slices.Delete(list, i, i+1)), nil
	})
}

// one is a word of a list as it is stored.
func (s Setting) one(word string) (string, error) {
	if s.Kind != KindWords {
		return "", core.FieldErrorf("name", "%s is no list: it takes %s", s.Name, s.Allowed)
	}
	word, err := s.read(word)
	if err == nil && (word == None || strings.Contains(word, " ")) {
		err = core.FieldErrorf("word", "write one word; it is %s", s.Allowed)
	}
	return word, err
}

func (s *Store) change(ctx context.Context, by core.MemberID, name string, next func(c Current) (string, error)) (was, is Current, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "settings"); err != nil {
			return err
		}
		bound := s.In(tx)
		if was, err = bound.Get(ctx, name); err != nil {
			return err
		}
		value, err := next(was)
		if err != nil {
			return err
		}
		is = Current{Setting: was.Setting, Value: value}
		if value == was.Default {
			_, err = tx.Exec(ctx, "DELETE FROM setting WHERE name = ?", was.Name)
		} else {
			is.Changed, is.ChangedAt, is.ChangedBy = true, time.Unix(s.clock().Unix(), 0).UTC(), by
			err = tx.Upsert(ctx, db.UpsertSpec{Table: "setting", Key: []string{"name"}, Set: []string{"value", "changed_at", "changed_by"}},
				[]any{was.Name, value, is.ChangedAt.Unix(), by})
		}
		if err != nil {
			return fmt.Errorf("change a setting: %w", err)
		}
		_, err = s.log.Append(ctx, tx, eventlog.SettingChanged{Name: was.Name})
		return err
	})
	return was, is, err
}
