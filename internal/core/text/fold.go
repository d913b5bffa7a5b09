package text

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// FoldASCII is the IRC case mapping "ascii": A to Z become a to z, all else
// stays. Our own network compares nicks, channels and masks by it.
func FoldASCII(s string) string {
	for i := range len(s) {
		if !isUpper(s[i]) {
			continue
		}
		b := []byte(s)
		for j := i; j < len(b); j++ {
			if isUpper(b[j]) {
				b[j] += 'a' - 'A'
			}
		}
		return string(b)
	}
	return s
}

func isUpper(b byte) bool { return b >= 'A' && b <= 'Z' }

var rfc1459 = strings.NewReplacer("[", "{", "]", "}", `\`, "|", "~", "^")

// FoldRFC1459 is the IRC case mapping "rfc1459", which is the default where a
// network names none: ASCII, and []\~ are the upper case of {}|^.
func FoldRFC1459(s string) string { return rfc1459.Replace(FoldASCII(s)) }

// FoldPath maps paths that a file system may take for the same to one string:
// paths that differ in Unicode case or in how letters are composed.
func FoldPath(s string) string {
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(s))))
}
