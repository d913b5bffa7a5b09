package text

import (
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Span writes a duration in the largest two units that fit, such as "2d 4h",
// leaving out what is smaller than a minute.
func Span(d time.Duration) string {
	if d < time.Minute {
		return "less than a minute"
	}
	parts := []string{}
	for _, u := range []struct {
		size time.Duration
		name string
	}{{7 * 24 * time.Hour, "w"}, {24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}} {
		if n := int64(d / u.size); n > 0 && len(parts) < 2 {
			parts = append(parts, strconv.FormatInt(n, 10)+u.name)
			d %= u.size
		}
	}
	return strings.Join(parts, " ")
}

// Instant writes a time as people all over the world can read it.
func Instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// maxDuration bounds what a person may ask for in one go.
const maxDuration = 366 * 24 * time.Hour

// ParseDuration reads "90m", "24h", "3d", "2w" or a sum of such parts ("1d12h").
// A day is 24 hours. The result is from one minute to 366 days.
func ParseDuration(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	bad := core.Errorf(core.Invalid, "%q is not a duration; write for example 90m, 24h, 3d or 2w", Clean(s))
	var total time.Duration
	rest := strings.ToLower(s)
	for rest != "" {
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		if digits == 0 || digits > 6 || digits == len(rest) {
			return 0, bad
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		unit, ok := units[rest[digits]]
		if err != nil || !ok {
			return 0, bad
		}
		if n > int64(maxDuration/unit) {
			return 0, core.Errorf(core.Invalid, "%s is too long; 366 days are the most", s)
		}
		total += time.Duration(n) * unit
		rest = rest[digits+1:]
	}
	if total < time.Minute {
		return 0, bad
	}
	if total > maxDuration {
		return 0, core.Errorf(core.Invalid, "%s is too long; 366 days are the most", s)
	}
	return total, nil
}
