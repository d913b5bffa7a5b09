package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes s fit to be shown on one line: control and format characters
// (line ends, IRC colours, text direction marks) become blanks, and runs of
// blanks become one.
func Clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}

// Cut shortens s to at most n bytes, on a rune's edge, with "…" (3 bytes) at the
// end of what was cut. n must be at least 3.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	end := n - len(dots)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return strings.TrimRight(s[:end], " ") + dots
}
