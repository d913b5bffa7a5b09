package text

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// SearchVersion is the rule of FoldSearch. It grows with each change of what that
// returns, so that what was stored by an older rule can be found and made anew.
const SearchVersion = 1

// FoldSearch maps texts that people take for the same when they search to one string:
// without regard to case, to accents, and to forms that mean the same letter (full-width,
// ligatures, superscripts). "Müller" becomes "muller", "Straße" "strasse", "Ǿrsted"
// "orsted", "Σίσυφος" "σισυφοσ". Marks stay where they make another letter, as in Hindi
// or Japanese. It is idempotent. The result may be longer.
func FoldSearch(s string) string {
	if isPlain(s) {
		return strings.ToLower(s)
	}
	s = strings.Map(func(r rune) rune {
		if unicode.Is(accents, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	// Upper case first: several letters may share one capital, such as σ and ς.
	s = strings.ToLower(strings.ToUpper(s))
	return norm.NFC.String(spelled.Replace(s))
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// accents are marks that people leave out when they type: those of the Latin, Greek and
// Cyrillic alphabets, and the vowel points of Hebrew and Arabic.
var accents = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0300, Hi: 0x036f, Stride: 1},
		{Lo: 0x0483, Hi: 0x0489, Stride: 1},
		{Lo: 0x0591, Hi: 0x05bd, Stride: 1},
		{Lo: 0x05bf, Hi: 0x05bf, Stride: 1},
		{Lo: 0x05c1, Hi: 0x05c2, Stride: 1},
		{Lo: 0x05c4, Hi: 0x05c5, Stride: 1},
		{Lo: 0x05c7, Hi: 0x05c7, Stride: 1},
		{Lo: 0x0610, Hi: 0x061a, Stride: 1},
		{Lo: 0x0640, Hi: 0x0640, Stride: 1}, // a stretched line between letters
		{Lo: 0x064b, Hi: 0x065f, Stride: 1},
		{Lo: 0x0670, Hi: 0x0670, Stride: 1},
		{Lo: 0x1ab0, Hi: 0x1aff, Stride: 1},
		{Lo: 0x1dc0, Hi: 0x1dff, Stride: 1},
		{Lo: 0x20d0, Hi: 0x20f0, Stride: 1},
		{Lo: 0xfe20, Hi: 0xfe2f, Stride: 1},
	},
}

// spelled are letters that Unicode takes for letters of their own, as people spell them
// who do not have them on their keyboard.
var spelled = strings.NewReplacer(
	"ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "þ", "th", "ħ", "h", "ŋ", "n", "ŧ", "t",
	"ƀ", "b", "ɓ", "b", "ƈ", "c", "ɖ", "d", "ɗ", "d", "ɠ", "g", "ɨ", "i", "ƙ", "k", "ɲ", "n", "ɵ", "o", "ƥ", "p", "ʉ", "u", "ƴ", "y", "ƶ", "z",
)
