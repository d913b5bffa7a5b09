package text

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Line makes one line of what somebody typed, as it is stored: composed (NFC), with
// single blanks, and without what can't be seen. So equal texts are equal bytes, and
// a line that looks empty is empty.
func Line(s string) string {
	s = norm.NFC.String(sift(norm.NFC.String(s), sieve{}))
	return strings.Join(strings.Fields(s), " ")
}

// OneLine is Line for what must be given as one line: it is false where control
// characters, line ends among them, stand within s, or bytes that are no UTF-8.
func OneLine(s string) (string, bool) {
	s = strings.TrimSpace(s)
	return Line(s), utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// Body is Line for a text of many lines: line ends (as \n), tabs and runs of blanks
// stay, and so do the marks by which writers of Arabic and Hebrew set the direction
// of a part; those that would turn the rest of the page do not.
func Body(s string) string {
	return strings.TrimSpace(norm.NFC.String(sift(norm.NFC.String(s), sieve{body: true})))
}

// Chars counts the characters of s as a reader does, blanks among them: accents that
// stand on another character, and joiners, don't count.
func Chars(s string) (n int) {
	for _, r := range s {
		if !unicode.IsMark(r) && !unseen(r) {
			n++
		}
	}
	return n
}

// HasLetters reports whether s has a letter or a digit that can be seen.
func HasLetters(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !unseen(r) })
}

// The characters that join or part the letters beside them (ZWNJ, ZWJ).
const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

// mostMarks is how many combining marks one character keeps. Hebrew and Tibetan need
// four or five; a pile of them covers the lines around it.
const mostMarks = 6

// emptyGlyphs are assigned and have no format class, and yet no font draws them:
// blanks of Hangul, music, Khitan and hieroglyphs, and what stands for an object or
// for a byte that was lost.
var emptyGlyphs = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x2800, Hi: 0x2800, Stride: 1}, {Lo: 0xfffc, Hi: 0xfffd, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0x13441, Hi: 0x13442, Stride: 1}, {Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, {Lo: 0x1d159, Hi: 0x1d159, Stride: 1}},
}

// unseen reports whether nothing is seen of r wherever it stands: it is a control or
// format character, a filler, of private use, or not assigned. Joiners and variation
// selectors are among them; where they have an effect, sift keeps them.
func unseen(r rune) bool {
	switch {
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r): // format characters with a glyph, such as the Arabic number sign
		return false
	case !unicode.IsGraphic(r) && !unicode.IsSpace(r):
		return true
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, emptyGlyphs)
}

// sieve says what sift makes of characters. The zero sieve is for one line.
type sieve struct {
	body  bool // line ends, tabs, blanks and harmless direction marks stay
	blank bool // an unseen character becomes a blank, so that no words grow together
}

// sift drops or replaces what can't be seen.
func sift(s string, v sieve) string {
	var b strings.Builder
	b.Grow(len(s))
	var base, last rune // the last character that is no mark, and the last of all; 0 after a blank
	marks := 0
	var run joinerRun
	for i, r := range s {
		switch keep := v.replace(r); {
		case r == joiner || r == nonJoiner:
			if last == joiner || last == nonJoiner || !run.joins(r, base, last, s, i) {
				continue
			}
			last = r
		case unicode.Is(unicode.Variation_Selector, r):
			if last != base || !varies(base) {
				continue
			}
			last = r
		case keep < 0:
			continue
		case keep != r || unicode.IsSpace(r):
			r, base, last, marks = keep, 0, 0, 0
		case unicode.IsMark(r):
			if marks++; base == 0 || marks > mostMarks {
				continue
			}
			last = r
		default:
			base, last, marks = r, r, 0
		}
		b.WriteRune(r)
	}
	return b.String()
}

// replace returns r, what stands in its place, or -1 for nothing. It knows nothing of
// the characters beside it.
func (v sieve) replace(r rune) rune {
	if v.body {
		switch {
		case r == '\n' || r == '\t' || unicode.Is(unicode.Zs, r):
			return r
		case r == '\u2028' || r == '\u2029':
			return '\n'
		case r == '\u061c' || r == '\u200e' || r == '\u200f' || r >= '\u2066' && r <= '\u2069':
			return r
		case unseen(r) || unicode.IsSpace(r):
			return -1
		}
		return r
	}
	switch {
	case unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2800':
		return ' '
	case unseen(r) && v.blank:
		return ' '
	case unseen(r):
		return -1
	}
	return r
}

// joins reports whether a joiner has an effect after last, whose base is base, and
// at i in s: between letters of a script that joins them, after a virama, after an
// Arabic letter that is to show its initial form, or within one emoji.
func (run *joinerRun) joins(r, base, last rune, s string, i int) bool {
	if r == joiner && isEmoji(base) {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		return isEmoji(next)
	}
	if !unicode.In(base, joining...) {
		return false
	}
	if norm.NFC.PropertiesString(string(last)).CCC() == virama || r == joiner && unicode.In(base, unicode.Arabic, unicode.Syriac) {
		return true
	}
	if i >= run.end {
		rest := strings.TrimLeft(s[i:], string(joiner)+string(nonJoiner))
		run.end = len(s) - len(rest)
		run.next, _ = utf8.DecodeRuneInString(rest)
	}
	return unicode.In(run.next, joining...)
}

// joinerRun is where the joiners end that were looked at last, and what follows them: each
// of a long run asks for it.
type joinerRun struct {
	end  int
	next rune
}

const virama = 9 // the canonical combining class of signs that silence a vowel

// joining are the scripts in which joiners change what is seen: those that are
// written in one stroke, and those whose consonants merge.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Phags_Pa, unicode.Mandaic, unicode.Manichaean, unicode.Adlam,
	unicode.Hanifi_Rohingya, unicode.Sogdian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya,
	unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Tibetan, unicode.Myanmar, unicode.Khmer,
	unicode.Tai_Tham, unicode.Balinese, unicode.Javanese, unicode.Sundanese, unicode.Meetei_Mayek, unicode.Brahmi, unicode.Kaithi,
	unicode.Chakma, unicode.Sharada, unicode.Khojki, unicode.Grantha, unicode.Newa, unicode.Tirhuta, unicode.Modi,
}

// isEmoji reports whether r can be a part of an emoji that is put together by joiners.
func isEmoji(r rune) bool {
	return r >= 0x203c && (unicode.Is(unicode.So, r) || r >= 0x1f3fb && r <= 0x1f3ff) // the latter are tones of skin
}

// varies reports whether a character has variants to select: an emoji or the base of
// one, a mathematical sign, or a letter of a script that has them.
func varies(r rune) bool {
	return isEmoji(r) || r == '#' || r == '*' || r >= '0' && r <= '9' ||
		unicode.In(r, unicode.So, unicode.Sm, unicode.Han, unicode.Mongolian, unicode.Myanmar, unicode.Phags_Pa, unicode.Manichaean) ||
		r == '\u203c' || r == '\u2049' || r >= '\u3001' && r <= '\u3002'
}
