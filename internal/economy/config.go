package economy

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [freeleech] section.
type Config struct {
	// Calendar makes the days of equinoxes and solstices freeleech for all.
	Calendar bool `toml:"calendar"`
	// Zone is the time zone in which those days begin and end: an IANA name such as
	// "Europe/Berlin".
	Zone Zone `toml:"timezone"`
}

// DefaultConfig is the calendar by UTC days.
func DefaultConfig() Config { return Config{Calendar: true, Zone: Zone{time.UTC}} }

// Validate returns nil: every value that can be decoded makes sense. Time zones are
// checked when they are read, so that an error names the line.
func (Config) Validate() error { return nil }

// Zone is a time zone that is written as an IANA name. The zero value is UTC.
type Zone struct{ *time.Location }

// ParseZone finds a zone by its IANA name, such as "Europe/Berlin". "Local" is
// refused: it would mean a different day on each machine.
func ParseZone(name string) (Zone, error) {
	loc, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return Zone{}, core.FieldErrorf("timezone", `%q is no time zone; write an IANA name such as "UTC" or "Europe/Berlin"`, name)
	}
	return Zone{loc}, nil
}

// Loc returns the location, never nil.
func (z Zone) Loc() *time.Location {
	if z.Location == nil {
		return time.UTC
	}
	return z.Location
}

// UnmarshalText reads an IANA name.
func (z *Zone) UnmarshalText(text []byte) error {
	zone, err := ParseZone(string(text))
	if err != nil {
		return err
	}
	*z = zone
	return nil
}

// MarshalText writes the IANA name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.Loc().String()), nil }
