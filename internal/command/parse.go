package command

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// MaxLine is the longest command line in bytes.
const MaxLine = 2000

// split cuts a line into words at blanks. A word that begins with a double
// quote goes on to the next one; inside it, a backslash makes a quote or a
// backslash literal. An apostrophe is nothing special, so that reasons can be
// typed as they are spoken.
func split(line string) ([]string, error) {
	if len(line) > MaxLine {
		return nil, core.Errorf(core.Invalid, "this is too long; keep it within %d bytes", MaxLine)
	}
	if !utf8.ValidString(line) {
		return nil, core.Errorf(core.Invalid, "this is not valid UTF-8")
	}
	var words []string
	rest := strings.TrimSpace(text.Clean(line))
	for rest != "" {
		var word string
		if rest[0] == '"' {
			var ok bool
			if word, rest, ok = quoted(rest[1:]); !ok {
				return nil, core.Errorf(core.Invalid, "a quotation mark is not closed")
			}
		} else {
			end := strings.IndexByte(rest, ' ')
			if end < 0 {
				end = len(rest)
			}
			word, rest = rest[:end], rest[end:]
		}
		words = append(words, word)
		rest = strings.TrimLeft(rest, " ")
	}
	return words, nil
}

func quoted(s string) (word, rest string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case s[i] == '"':
			return b.String(), s[i+1:], true
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}

// Join makes one line of separate words, such as a program's arguments, so that
// Execute reads the same words again.
func Join(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n\r") || strings.HasPrefix(w, `"`) {
			w = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w) + `"`
		}
		out[i] = w
	}
	return strings.Join(out, " ")
}

// maxDuration bounds what a person may ask for in one go.
const maxDuration = 366 * 24 * time.Hour

// ParseDuration reads "90m", "24h", "3d", "2w" or a sum of such parts ("1d12h").
// A day is 24 hours. The result is from one minute to 366 days.
func ParseDuration(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	bad := core.Errorf(core.Invalid, "%q is no duration; write for example 90m, 24h, 3d or 2w", text.Clean(s))
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

// parseID reads "34", "#34" or a link of ours that ends in "id=34".
func parseID(s string) (int64, error) {
	digits := strings.TrimPrefix(s, "#")
	if i := strings.LastIndex(digits, "id="); i >= 0 && strings.Contains(digits, "/") {
		digits = digits[i+len("id="):]
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 {
		return 0, core.Errorf(core.Invalid, "%q is no id; write its number", text.Clean(s))
	}
	return n, nil
}

// formatDuration writes a duration in the largest units that fit, such as
// "2d 4h", leaving out what is smaller than a minute.
func formatDuration(d time.Duration) string {
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

// instant writes a time as people all over the world can read it.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
