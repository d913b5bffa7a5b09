package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The marks that stand around something that is meant as one word, as keyboards and
// phones write them. A double mark in the middle of a word means nothing, and neither
// does an apostrophe.
const (
	doubleMarks = "\"＂“”„‟«»"
	singleMarks = "‘‚"
)

// closers are the marks that may end what an opening one begins.
func closers(opening rune) string {
	switch opening {
	case '"':
		return "\""
	case '＂':
		return "＂\""
	case '«':
		return "»"
	case '»':
		return "«"
	case '“', '”', '„', '‟':
		return "”“\"＂"
	case '‘', '‚':
		return "’‘"
	}
	return ""
}

// OpensQuote reports whether s begins with a quotation mark.
func OpensQuote(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return strings.ContainsRune(doubleMarks+singleMarks, r)
}

// Unquote reads what stands in quotation marks at the beginning of s, and returns it
// and what follows the closing mark. Inside plain double marks a backslash makes a mark
// or a backslash literal. It is false where no mark begins s, or none closes it: a
// single mark is closed only at the end of a word, since within one it is an
// apostrophe, and a plain double mark that no other closes may be closed by a curly one.
func Unquote(s string) (inside, rest string, ok bool) {
	opening, size := utf8.DecodeRuneInString(s)
	if !OpensQuote(s) {
		return "", s, false
	}
	inside, rest, ok = closedBy(s[size:], closers(opening), opening == '"', strings.ContainsRune(singleMarks, opening))
	if !ok && opening == '"' {
		inside, rest, ok = closedBy(s[size:], "“”", true, false)
	}
	return inside, rest, ok
}

func closedBy(s, marks string, escapes, atEnd bool) (inside, rest string, ok bool) {
	var b strings.Builder
	for i, skip := 0, false; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		rest := s[i+size:]
		switch {
		case skip:
			skip = false
			b.WriteRune(r)
		case escapes && r == '\\' && rest != "" && (rest[0] == '"' || rest[0] == '\\'):
			skip = true
		case strings.ContainsRune(marks, r) && (!atEnd || rest == "" || rest[0] == ' '):
			return b.String(), rest, true
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return "", "", false
}

// isDash reports whether r is one of the dashes and hyphens that phones write for "-"
// and "--", or that one itself.
func isDash(r rune) bool { return r == '−' || unicode.Is(unicode.Pd, r) }

// Dashes returns how many dashes of any kind word begins with, whether they can only
// mean an option (two or more, or one that no keyboard has a key for), and what follows
// them. It is 0 where no letter follows, as in a negative number or a dash between words.
func Dashes(word string) (count int, sure bool, name string) {
	for i, r := range word {
		if isDash(r) {
			count++
			sure = sure || r != '-' || count > 1
			continue
		}
		if count > 0 && unicode.IsLetter(r) {
			return count, sure, word[i:]
		}
		break
	}
	return 0, false, ""
}

// PlainDashes writes every dash in s as the one of the keyboard.
func PlainDashes(s string) string {
	return strings.Map(func(r rune) rune {
		if isDash(r) {
			return '-'
		}
		return r
	}, s)
}

// Quote writes one word of a command line: in double quotes where it would not be
// read as this one word otherwise, with a backslash before quotes and backslashes in it.
func Quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n\r"+doubleMarks+singleMarks) {
		return word
	}
	return quote(word)
}

// QuoteRest writes a text that runs to the end of a command line: in double quotes only
// where it would be read otherwise, because it begins with a quotation mark or holds
// what looks like an option.
func QuoteRest(s string) string {
	plain := s != "" && s == Clean(s) && !OpensQuote(s)
	apart := func(r rune) bool { return r == ' ' || strings.ContainsRune(doubleMarks+singleMarks+"’", r) }
	for word := range strings.FieldsFuncSeq(s, apart) { // a word may follow a closing mark at once
		count, _, _ := Dashes(word)
		plain = plain && count == 0 && word != "--"
	}
	if plain {
		return s
	}
	return quote(s)
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
