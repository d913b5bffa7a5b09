package member

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Class is a rank or, when Secondary, a duty beside it. Its permissions are data that
// staff can change.
type Class struct {
	ID          int64
	Name        string
	Level       int // higher stands above lower
	Secondary   bool
	LeechSlots  int // torrents that members of this primary class may download at once; 0: not limited
	Invites     int // that members of this primary class may make within 30 days
	Permissions core.Permissions
	Colour      string // one of Colours, or "" for none of its own
	Asks        Criteria
}

// Criteria are what a class asks of whoever is to have it. What is 0 is not asked.
type Criteria struct {
	Uploaded core.Bytes
	Ratio    int // in thousandths
	Uploads  int
	Age      time.Duration // since joining
}

// MaxLeechSlots bounds Class.LeechSlots.
const MaxLeechSlots = 100_000

// MaxInvites bounds Class.Invites; firstInvites is what classes have on a new site.
const (
	MaxInvites   = 1000
	firstInvites = 2
)

// BotClass is the class of Hermes's own account.
const BotClass = "Bot"

// SysopClass is the class of the first account.
const SysopClass = "Sysop"

// firstClasses are the classes of a new site; each has what it lists besides
// what the one before it has.
func firstClasses() []Class {
	user := []core.Permission{core.TorrentUpload, core.TorrentEditOwn, core.TorrentDeleteOwn, core.StatsRead, core.IRCConnect, core.InviteSend}
	power := slices.Concat(user, []core.Permission{core.IRCVoice})
	staff := slices.Concat(power, []core.Permission{core.TorrentEditAny, core.TorrentDeleteAny, core.TorrentSeeHidden,
		core.MemberCreate, core.MemberDisable, core.MemberWarn, core.MemberGrant, core.MemberClass, core.MemberKeys, core.MemberSeePrivate, core.MemberSeeAddress, core.MemberNote, core.BanManage, core.MemberTell, core.FreeleechManage, core.ClientManage, core.PageEdit,
		core.AuditRead, core.TrackerRead, core.IRCOperate, core.IRCStaff, core.IRCDebug, core.IRCHistory,
		core.IRCRemove, core.IRCAddress,
		core.InviteManage, core.ApplicantReview, core.SupportAnswer})
	var all []core.Permission
	for _, p := range core.AllPermissions() {
		if p.Name != core.IRCAnnounce {
			all = append(all, p.Name)
		}
	}
	primary := func(id int64, name string, level int, ps []core.Permission) Class {
		c := Class{ID: id, Name: name, Level: level, Permissions: core.NewPermissions(ps...)}
		if c.Permissions.Has(core.InviteSend) {
			c.Invites = firstInvites
		}
		return c
	}
	secondary := func(id int64, name string, level int, ps ...core.Permission) Class {
		return Class{ID: id, Name: name, Level: level, Secondary: true, Permissions: core.NewPermissions(ps...)}
	}
	return []Class{
		primary(1, "User", 100, user),
		primary(2, "Member", 150, user),
		primary(3, "Power User", 200, power),
		primary(4, "Elite", 250, power),
		primary(5, BotClass, 700, []core.Permission{core.IRCConnect, core.IRCAnnounce, core.IRCVoice, core.IRCOperate, core.IRCStaff, core.IRCDebug}),
		primary(6, "Moderator", 800, staff),
		primary(7, SysopClass, 1000, all),
		secondary(20, "Donor", 202, core.IRCVoice),
		secondary(21, "First-line Support", 300, core.IRCVoice, core.IRCStaff),
	}
}

// Seed writes the first classes where there are none. It is safe to call at
// every start.
func (s *Store) Seed(ctx context.Context) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "classes"); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM class").Scan(&n); err != nil || n > 0 {
			return err
		}
		for _, c := range firstClasses() {
			if _, err := tx.InsertIgnore(ctx, "class", db.Row{"id", c.ID, "name", c.Name, "level", c.Level, "secondary", c.Secondary, "invites", c.Invites}); err != nil {
				return err
			}
			for _, p := range c.Permissions.Sorted() {
				if _, err := tx.InsertIgnore(ctx, "class_permission", db.Row{"class_id", c.ID, "permission", p}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write the first classes: %w", err)
	}
	return nil
}

// Classes returns all classes, highest first. They are kept in memory, and shared: callers
// don't change them.
func (s *Store) Classes(ctx context.Context) ([]Class, error) {
	if s.classes == nil {
		return readClasses(ctx, s.db)
	}
	return s.classes.Get(ctx)
}

// SetClassPermission gives a permission to a class or takes it away.
func (s *Store) SetClassPermission(ctx context.Context, className string, p core.Permission, has bool) error {
	if !core.ValidPermission(p) {
		return core.FieldErrorf("permission", "there is no permission %q", p)
	}
	classes, err := s.Classes(ctx)
	if err != nil {
		return err
	}
	for _, c := range classes {
		if !strings.EqualFold(c.Name, className) {
			continue
		}
		return s.db.Tx(ctx, func(tx *db.Tx) error {
			if has {
				_, err = tx.InsertIgnore(ctx, "class_permission", db.Row{"class_id", c.ID, "permission", p})
			} else {
				_, err = tx.Exec(ctx, "DELETE FROM class_permission WHERE class_id = ? AND permission = ?", c.ID, p)
			}
			if err != nil {
				return fmt.Errorf("change class %s: %w", c.Name, err)
			}
			_, err = s.log.Append(ctx, tx, eventlog.ClassChanged{Class: c.ID})
			return err
		})
	}
	return core.FieldErrorf("class", "there is no class %q", className)
}

// SetLeechSlots changes how many torrents the members of a primary class may download
// at once; 0 sets no limit. The tracker follows within a second.
func (s *Store) SetLeechSlots(ctx context.Context, className string, slots int) error {
	if slots < 0 || slots > MaxLeechSlots {
		return core.FieldErrorf("slots", "write a number from 1 to %d, or 0 for any number", MaxLeechSlots)
	}
	c, err := s.classNamed(ctx, className, false)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE class SET leech_slots = ? WHERE id = ?", slots, c.ID); err != nil {
			return fmt.Errorf("change class %s: %w", c.Name, err)
		}
		_, err := s.log.Append(ctx, tx, eventlog.ClassChanged{Class: c.ID})
		return err
	})
}

// SetInvites changes how many invites the members of a primary class may make within 30
// days.
func (s *Store) SetInvites(ctx context.Context, className string, n int) error {
	if n < 0 || n > MaxInvites {
		return core.FieldErrorf("invites", "write a number from 0 to %d", MaxInvites)
	}
	c, err := s.classNamed(ctx, className, false)
	if err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE class SET invites = ? WHERE id = ?", n, c.ID); err != nil {
			return fmt.Errorf("change class %s: %w", c.Name, err)
		}
		_, err := s.log.Append(ctx, tx, eventlog.ClassChanged{Class: c.ID})
		return err
	})
}

// LeechSlots returns what Class.LeechSlots is for each class that has a limit.
func (s *Store) LeechSlots(ctx context.Context) (map[int64]int, error) {
	type row struct {
		class int64
		slots int
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (r row, err error) {
		return r, sc.Scan(&r.class, &r.slots)
	}, "SELECT id, leech_slots FROM class WHERE leech_slots > 0 LIMIT 200")
	if err != nil {
		return nil, fmt.Errorf("read the slots of classes: %w", err)
	}
	out := make(map[int64]int, len(rows))
	for _, r := range rows {
		out[r.class] = r.slots
	}
	return out, nil
}

// FirstClass returns the class of that name that somebody may join as: a primary class that
// doesn't run the site. It fails with Invalid for any other.
func (s *Store) FirstClass(ctx context.Context, name string) (Class, error) {
	c, err := s.classNamed(ctx, name, false)
	if err == nil && (c.isStaff() || c.Name == BotClass) {
		err = core.FieldErrorf("class", "nobody joins as %s: its members run the site", c.Name)
	}
	return c, err
}

func (s *Store) classNamed(ctx context.Context, name string, secondary bool) (Class, error) {
	classes, err := s.Classes(ctx)
	if err != nil {
		return Class{}, err
	}
	var names string
	for _, c := range classes {
		if c.Secondary != secondary {
			continue
		}
		if strings.EqualFold(c.Name, name) {
			return c, nil
		}
		names += ", " + c.Name
	}
	return Class{}, core.FieldErrorf("class", "there is no class %q; there are%s", name, names[1:])
}

func scanClass(sc db.Scanner, c *Class) error {
	var age int64
	err := sc.Scan(&c.ID, &c.Name, &c.Level, &c.Secondary, &c.LeechSlots, &c.Invites, &c.Colour, &c.Asks.Uploaded, &c.Asks.Ratio, &c.Asks.Uploads, &age)
	c.Asks.Age = time.Duration(age) * time.Second
	return err
}

func readClasses(ctx context.Context, q db.Queryer) ([]Class, error) {
	classes, err := db.All(ctx, q, func(sc db.Scanner) (c Class, err error) {
		c.Permissions = core.Permissions{}
		return c, scanClass(sc, &c)
	}, "SELECT id, name, level, secondary, leech_slots, invites, colour, asks_uploaded, asks_ratio, asks_uploads, asks_age FROM class ORDER BY level DESC, id LIMIT 200")
	if err != nil {
		return nil, fmt.Errorf("read classes: %w", err)
	}
	type row struct {
		class int64
		perm  core.Permission
	}
	rows, err := db.All(ctx, q, func(sc db.Scanner) (r row, err error) {
		return r, sc.Scan(&r.class, &r.perm)
	}, "SELECT class_id, permission FROM class_permission LIMIT 20000")
	if err != nil {
		return nil, fmt.Errorf("read permissions: %w", err)
	}
	for _, r := range rows {
		for i := range classes {
			if classes[i].ID == r.class {
				classes[i].Permissions[r.perm] = struct{}{}
			}
		}
	}
	return classes, nil
}
