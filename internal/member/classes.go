package member

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Colours are what the badge of a class can be: each is readable in light and in dark.
func Colours() []string { return []string{"teal", "gold", "green", "red", "quiet"} }

// Words says what is asked, as the rest of a sentence.
func (a Criteria) Words() string {
	var parts []string
	if a.Uploaded > 0 {
		parts = append(parts, a.Uploaded.String()+" uploaded")
	}
	if a.Ratio > 0 {
		parts = append(parts, fmt.Sprintf("a ratio of %.2f", float64(a.Ratio)/1000))
	}
	if a.Uploads > 0 {
		parts = append(parts, text.Plural(a.Uploads, "upload"))
	}
	if a.Age > 0 {
		parts = append(parts, text.Span(a.Age)+" here")
	}
	if len(parts) == 0 {
		return "staff give it"
	}
	return strings.Join(parts, ", ")
}

// Bounds of classes.
const (
	maxClasses   = 60
	highestLevel = 999 // only the first class of all stands above
)

// FirstClass is the class of those who join, where nothing else is set.
const FirstClass = "User"

var classPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9 .-]{0,38}[A-Za-z0-9.]$`)

// ClassNamed returns a class by its name in any case, primary or secondary, or an error
// with code Invalid that names them all.
func (s *Store) ClassNamed(ctx context.Context, name string) (Class, error) {
	classes, err := s.Classes(ctx)
	if err != nil {
		return Class{}, err
	}
	var names []string
	for _, c := range classes {
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
		names = append(names, c.Name)
	}
	return Class{}, core.FieldErrorf("class", "there is no class %q; there are %s", name, strings.Join(names, ", "))
}

// CreateClass makes a class without any permission. It fails with Invalid where name or
// level is wrong, and with Conflict where the name is another's.
func (s *Store) CreateClass(ctx context.Context, c Class) error {
	switch {
	case !classPattern.MatchString(c.Name):
		return core.FieldErrorf("name", "a class has a name of 2 to 40 letters, digits, blanks, points and dashes")
	case c.Level < 1 || c.Level > highestLevel:
		return core.FieldErrorf("level", "a level is a number from 1 to %d; higher stands above lower", highestLevel)
	}
	return s.changeClasses(ctx, func(tx *db.Tx, classes []Class) (int64, error) {
		if len(classes) >= maxClasses {
			return 0, core.Errorf(core.Conflict, "there are %d classes already, and no more than that", len(classes))
		}
		next := int64(100) // below are those that the program brings
		for _, other := range classes {
			if strings.EqualFold(other.Name, c.Name) {
				return 0, &core.Error{Code: core.Conflict, Field: "name", Text: "there is a class " + other.Name + " already"}
			}
			next = max(next, other.ID+1)
		}
		return next, insertClass(ctx, tx, next, c)
	})
}

func insertClass(ctx context.Context, tx *db.Tx, id int64, c Class) error {
	_, err := tx.Insert(ctx, "class", db.Row{"id", id, "name", c.Name, "level", c.Level, "secondary", c.Secondary, "colour", c.Colour,
		"asks_uploaded", c.Asks.Uploaded, "asks_ratio", c.Asks.Ratio, "asks_uploads", c.Asks.Uploads, "asks_age", int64(c.Asks.Age / time.Second)})
	for _, p := range c.Permissions.Sorted() {
		if err == nil {
			_, err = tx.InsertIgnore(ctx, "class_permission", db.Row{"class_id", id, "permission", p})
		}
	}
	return err
}

// changeClasses changes classes in turn with others who do, and appends ClassChanged for the
// one that change returns.
func (s *Store) changeClasses(ctx context.Context, change func(tx *db.Tx, classes []Class) (int64, error)) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "classes"); err != nil {
			return err
		}
		classes, err := readClasses(ctx, tx)
		if err != nil {
			return err
		}
		id, err := change(tx, classes)
		if err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.ClassChanged{Class: id})
		return err
	})
}

// changeClass changes one column of a class.
func (s *Store) changeClass(ctx context.Context, id int64, column string, value any) error {
	return s.changeClasses(ctx, func(tx *db.Tx, _ []Class) (int64, error) {
		_, err := tx.Exec(ctx, "UPDATE class SET "+column+" = ? WHERE id = ?", value, id)
		return id, err
	})
}

// SetClassLevel moves a class above or below others.
func (s *Store) SetClassLevel(ctx context.Context, c Class, level int) error {
	if c.Name == BotClass || c.Name == SysopClass {
		return core.FieldErrorf("class", "the level of %s is the program's own", c.Name)
	}
	if level < 1 || level > highestLevel {
		return core.FieldErrorf("value", "a level is a number from 1 to %d; higher stands above lower", highestLevel)
	}
	return s.changeClass(ctx, c.ID, "level", level)
}

// SetClassColour gives the badge of a class a colour, or none with "".
func (s *Store) SetClassColour(ctx context.Context, c Class, colour string) error {
	if colour != "" && !slices.Contains(Colours(), colour) {
		return core.FieldErrorf("value", "a colour is one of %s, or none", strings.Join(Colours(), ", "))
	}
	return s.changeClass(ctx, c.ID, "colour", colour)
}

// SetCriteria sets what a class asks of whoever is to have it.
func (s *Store) SetCriteria(ctx context.Context, c Class, asks Criteria) error {
	if asks.Uploaded < 0 || asks.Ratio < 0 || asks.Ratio > 1_000_000 || asks.Uploads < 0 || asks.Uploads > 1_000_000 || asks.Age < 0 || asks.Age > longestCause {
		return core.FieldErrorf("value", "this is too much or too little to ask")
	}
	return s.changeClasses(ctx, func(tx *db.Tx, _ []Class) (int64, error) {
		_, err := tx.Exec(ctx, "UPDATE class SET asks_uploaded = ?, asks_ratio = ?, asks_uploads = ?, asks_age = ? WHERE id = ?",
			asks.Uploaded, asks.Ratio, asks.Uploads, int64(asks.Age/time.Second), c.ID)
		return c.ID, err
	})
}

// HaveClass returns how many accounts have a class.
func (s *Store) HaveClass(ctx context.Context, c Class) (n int, err error) {
	err = s.db.QueryRowContext(ctx, "SELECT (SELECT COUNT(*) FROM member WHERE class_id = ?) + (SELECT COUNT(*) FROM member_class WHERE class_id = ?)", c.ID, c.ID).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count the members of a class: %w", err)
	}
	return n, nil
}

// DeleteClass deletes a class that nobody has. It fails with Conflict while somebody does,
// and for the classes that the program needs.
func (s *Store) DeleteClass(ctx context.Context, c Class) error {
	if slices.Contains([]string{FirstClass, BotClass, SysopClass}, c.Name) {
		return core.Errorf(core.Conflict, "the program needs the class %s", c.Name)
	}
	return s.changeClasses(ctx, func(tx *db.Tx, _ []Class) (int64, error) {
		n, err := s.In(tx).HaveClass(ctx, c)
		if err != nil {
			return 0, err
		}
		if n > 0 {
			return 0, core.Errorf(core.Conflict, "%d members have the class %s: give them another first", n, c.Name)
		}
		if _, err := tx.Exec(ctx, "DELETE FROM class_permission WHERE class_id = ?", c.ID); err != nil {
			return 0, err
		}
		_, err = tx.Exec(ctx, "DELETE FROM class WHERE id = ?", c.ID)
		return c.ID, err
	})
}

// Ladder are the twelve classes of a site that promotes by criteria, lowest first. Those
// that are there already keep what they are.
func Ladder() []Class {
	const gib, week = 1 << 30, 7 * 24 * time.Hour
	user := []core.Permission{core.TorrentUpload, core.TorrentEditOwn, core.TorrentDeleteOwn, core.StatsRead, core.IRCConnect}
	power := slices.Concat(user, []core.Permission{core.IRCVoice})
	step := func(name string, level int, colour string, ps []core.Permission, asks Criteria) Class {
		return Class{Name: name, Level: level, Colour: colour, Permissions: core.NewPermissions(ps...), Asks: asks}
	}
	duty := func(name string, level int, ps ...core.Permission) Class {
		return Class{Name: name, Level: level, Secondary: true, Permissions: core.NewPermissions(ps...)}
	}
	return []Class{
		step("Member", 150, "", user, Criteria{10 * gib, 800, 0, week}),
		step("Power User", 200, "teal", power, Criteria{100 * gib, 1200, 1, 2 * week}),
		step("Elite", 250, "teal", power, Criteria{1000 * gib, 1500, 10, 4 * week}),
		step("Torrent Master", 300, "green", power, Criteria{5000 * gib, 1800, 100, 8 * week}),
		step("Power TM", 350, "green", power, Criteria{10000 * gib, 2000, 500, 16 * week}),
		step("VIP", 400, "gold", power, Criteria{}),
		step("Legend", 450, "gold", power, Criteria{}),
		duty("Artist", 201, core.IRCVoice), duty("Donor", 202, core.IRCVoice),
		duty("First-line Support", 310, core.IRCVoice, core.IRCStaff),
		duty("Forum Moderator", 320, core.IRCVoice, core.IRCStaff, core.PageEdit),
	}
}

// AddLadder adds the classes of Ladder that are missing, and gives those that are there and
// ask nothing yet what they ask. It returns the names of what it added or changed.
func (s *Store) AddLadder(ctx context.Context) (names []string, err error) {
	err = s.changeClasses(ctx, func(tx *db.Tx, classes []Class) (int64, error) {
		names = nil
		next, last := int64(100), int64(0)
		for _, c := range classes {
			next = max(next, c.ID+1)
		}
		for _, c := range Ladder() {
			i := slices.IndexFunc(classes, func(other Class) bool { return strings.EqualFold(other.Name, c.Name) })
			switch {
			case i < 0:
				if err := insertClass(ctx, tx, next, c); err != nil {
					return 0, err
				}
				last, next = next, next+1
			case classes[i].Asks == (Criteria{}) && c.Asks != (Criteria{}):
				if err := s.In(tx).SetCriteria(ctx, classes[i], c.Asks); err != nil {
					return 0, err
				}
				last = classes[i].ID
			default:
				continue
			}
			names = append(names, c.Name)
		}
		if len(names) == 0 {
			return 0, core.Errorf(core.Conflict, "all of these classes are there already")
		}
		return last, nil
	})
	return names, err
}
