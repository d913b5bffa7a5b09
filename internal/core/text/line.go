package text

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Clean makes s fit to be shown on one line: what can't be seen (line ends, IRC
// colours, text direction marks) becomes a blank, and runs of blanks become one.
// Joiners stay where a script needs them and vanish elsewhere.
func Clean(s string) string { return strings.Join(strings.Fields(sift(s, sieve{blank: true})), " ") }

// Plural counts things whose plural ends in s: "1 file", "2 files".
func Plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
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
