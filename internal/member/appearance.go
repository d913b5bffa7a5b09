package member

import (
	"context"
	"fmt"
	"regexp"
	"sync"
	"time"
	_ "time/tzdata" // the zones, for machines that lack them

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Appearance is how a member wants to see the site.
type Appearance struct {
	Zone  string // the IANA name of a time zone, such as Europe/London; "" is UTC
	Theme Theme
}

// Theme is whether pages are light or dark.
type Theme string

// The themes.
const (
	ThemeAuto  Theme = "" // as the member's machine is set
	ThemeLight Theme = "light"
	ThemeDark  Theme = "dark"
)

// zoneName is the form of zones' names. "Local", which is the server's own, has it too.
var zoneName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*$`)

// zones keeps what was read of the machine's list; there are some hundred names.
var zones sync.Map // of *time.Location by name

// Location is the member's time zone; UTC where it is not known.
func (a Appearance) Location() *time.Location {
	zone, err := location(a.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

func location(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location), nil
	}
	if len(name) > 64 || name == "Local" || !zoneName.MatchString(name) {
		return nil, core.FieldErrorf("zone", "a time zone is written as Europe/London or America/New_York")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, core.FieldErrorf("zone", "there is no time zone %q; write it as Europe/London or America/New_York", name)
	}
	zones.Store(name, zone)
	return zone, nil
}

// SetAppearance changes how a member sees the site. The error has code Invalid where
// there is no such zone or theme.
func (s *Store) SetAppearance(ctx context.Context, id core.MemberID, a Appearance) error {
	if _, err := location(a.Zone); err != nil {
		return err
	}
	if a.Theme != ThemeAuto && a.Theme != ThemeLight && a.Theme != ThemeDark {
		return core.FieldErrorf("theme", "choose automatic, light or dark")
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { // nobody else follows it, so there is no event
		n, err := tx.Exec(ctx, "UPDATE member SET zone = ?, theme = ? WHERE id = ?", a.Zone, a.Theme, id)
		if err == nil && n == 0 {
			err = noMember()
		}
		if err != nil {
			return fmt.Errorf("change the appearance of member %d: %w", id, err)
		}
		return nil
	})
}
