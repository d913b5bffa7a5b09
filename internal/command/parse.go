package command

import (
	"strconv"
	"strings"
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
		out[i] = text.Quote(w)
	}
	return strings.Join(out, " ")
}

// parseID reads "34", "#34" or a link of ours that ends in "id=34".
func parseID(s string) (int64, error) {
	number := strings.TrimPrefix(s, "#")
	if i := strings.LastIndex(number, "id="); i >= 0 && strings.Contains(number, "/") {
		number = number[i+len("id="):]
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 {
		return 0, core.Errorf(core.Invalid, "%q is no id; write its number", text.Clean(s))
	}
	return n, nil
}
