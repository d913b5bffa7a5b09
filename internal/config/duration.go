package config

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that is written "30s", "15m" or "24h" in the file.
type Duration struct{ time.Duration }

// D wraps a time.Duration, for defaults.
func D(d time.Duration) Duration { return Duration{d} }

// UnmarshalText reads Go's notation (time.ParseDuration).
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration; write for example 30s, 15m or 24h", text)
	}
	d.Duration = v
	return nil
}

// MarshalText writes Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
