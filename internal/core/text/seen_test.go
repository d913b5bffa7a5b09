package text

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestOneLine(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{" a\u202eb  c\u200b \n", "ab c"}, {"", ""}, {"\u200b", ""}, {"e\u0301", "é"}, {"a\u2028b", "a b"}} {
		if got, ok := OneLine(c[0]); got != c[1] || !ok {
			t.Errorf("%q is %q, %t", c[0], got, ok)
		}
	}
	for _, in := range []string{"a\nb", "a\tb", "a\x00b", "a\u0085b", "a\xffb"} {
		if got, ok := OneLine(in); ok {
			t.Errorf("%q is accepted as %q", in, got)
		}
	}
}

// TestLongRuns gives long runs of what is dropped. Where each character of a run looks at
// those that follow it, this takes hours.
func TestLongRuns(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"\u200c", "\u200c\u200d", "\u200d", "\u0301", "\ufe0f", "\u200b", "\u202e", "\u2028"} {
		size := 30_000
		if c == "\u200c" {
			size = 700_000
		}
		for _, base := range []string{"\u0627", "\u0915", "\U0001f469", ""} {
			s := base + strings.Repeat(c, size/len(c)) + "x"
			if got := Line(s); utf8.RuneCountInString(got) > 12 {
				t.Errorf("%q and many %q become %d bytes", base, c, len(got))
			}
		}
	}
}

// TestLine gives what is stored, and what is shown by Clean where that differs.
func TestLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, stored, shown string }{
		"plain":                     {"E. coli K-12 (2026): 5′→3′", "E. coli K-12 (2026): 5′→3′", ""},
		"zero width":                {strings.Repeat("\u200b", 20), "", ""},
		"zero width inside":         {"ge\u200bno\ufeffme", "genome", "ge no me"},
		"soft hyphen":               {"ge\u00adnome", "genome", "ge nome"},
		"blanks of all kinds":       {"\t a\u00a0b\u3000c\u2028d\u2800e \r\n", "a b c d e", ""},
		"braille blank alone":       {"\u2800\u2800", "", ""},
		"fillers of Hangul":         {"\u3164\u115f\u1160\uffa0", "", ""},
		"overrides":                 {"abc\u202egnp.exe\u202c", "abcgnp.exe", "abc gnp.exe"},
		"isolates and marks":        {"\u2066a\u2069\u200e\u200f\u061c", "a", ""},
		"tags":                      {"a\U000e0041\U000e0042\U000e007f", "a", ""},
		"private use":               {"a\ue000\U000f0000b", "ab", "a b"},
		"unassigned":                {"a\u0378\ufffeb", "ab", "a b"},
		"lost bytes":                {"bad\xffbyte\ufffd\xed\xa0\x80", "badbyte", "bad byte"},
		"IRC colours":               {"\x034red\x0f", "4red", ""},
		"hieroglyph blank":          {"\U00013441", "", ""},
		"composed":                  {"Bjo\u0308rk", "Björk", "Bjo\u0308rk"},
		"composed across nothing":   {"e\u200b\u0301", "é", "e"},
		"accent on nothing":         {"\u0301 \u0301a", "a", ""},
		"pile of accents":           {"a" + strings.Repeat("\u0336", 50), "a" + strings.Repeat("\u0336", 6), ""},
		"joiner of Latin":           {"geno\u200dme\u200c", "genome", ""},
		"Persian":                   {"می\u200cخواهم", "می\u200cخواهم", ""},
		"Persian, doubled":          {"می\u200c\u200c\u200dخواهم", "می\u200cخواهم", ""},
		"Persian, at the end":       {"می\u200c", "می", ""},
		"Persian year":              {"۱۴۰۰ ه\u200d.ق", "۱۴۰۰ ه\u200d.ق", ""},
		"Arabic, vowelled":          {"بِ\u200cب", "بِ\u200cب", ""},
		"Devanagari":                {"क्\u200dष क्\u200cष", "क्\u200dष क्\u200cष", ""},
		"Bengali":                   {"র\u200d্যাব", "র\u200d্যাব", ""},
		"Malayalam chillu":          {"ന്\u200d", "ന്\u200d", ""},
		"Sinhala":                   {"ශ්\u200dරී", "ශ්\u200dරී", ""},
		"Devanagari beside Latin":   {"क\u200da", "कa", ""},
		"joiners alone":             {strings.Repeat("\u200d", 20), "", ""},
		"scientist":                 {"👩🏽\u200d🔬", "👩🏽\u200d🔬", ""},
		"flag":                      {"🏳\ufe0f\u200d🌈", "🏳\ufe0f\u200d🌈", ""},
		"emoji and a stray joiner":  {"🧬\u200d a", "🧬 a", ""},
		"keycap":                    {"1\ufe0f\u20e3", "1\ufe0f\u20e3", ""},
		"variant of a letter":       {"a\ufe0fb", "ab", ""},
		"variants, repeated":        {"❤\ufe0f\ufe0f\ufe0f", "❤\ufe0f", ""},
		"variant of a Han letter":   {"葛\U000e0100飾", "葛\U000e0100飾", ""},
		"Tibetan":                   {"བརྒྱད", "བརྒྱད", ""},
		"Hebrew, fully pointed":     {"שָׁ֖לוֹם", norm.NFC.String("שָׁ֖לוֹם"), "שָׁ֖לוֹם"},
		"number sign of Arabic":     {"\u0600١٢", "\u0600١٢", ""},
		"grapheme joiner":           {"a\u034f\u034fb", "ab", "a b"},
		"object replacement":        {"\ufffc\ufffc", "", ""},
		"invisible times":           {"a\u2062b", "ab", "a b"},
		"interlinear":               {"a\ufff9b\ufffac\ufffb", "abc", "a b c"},
		"variation selectors alone": {strings.Repeat("\ufe0f", 20), "", ""},
	} {
		if got := Line(tt.in); got != tt.stored {
			t.Errorf("%s: stored %+q, want %+q", name, got, tt.stored)
		}
		if tt.shown == "" {
			tt.shown = tt.stored
		}
		if got := Clean(tt.in); got != tt.shown {
			t.Errorf("%s: shown %+q, want %+q", name, got, tt.shown)
		}
	}
}

func TestBody(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a\r\nb\r\n\r\n    c\td  \r\n": "a\nb\n\n    c\td",
		"a\u2028b\u202ec\u200bd\x00":   "a\nbcd",
		"\u200f\u2067אב\u2069":         "\u200f\u2067אב\u2069",
		"می\u200cخواهم x\u200cy":       "می\u200cخواهم xy",
		"e\u0301":                      "é",
		strings.Repeat("\u200b\n", 20): "",
	} {
		if got := Body(in); got != want {
			t.Errorf("%+q: %+q, want %+q", in, got, want)
		}
	}
}

func TestChars(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int{
		"": 0, "abc def": 7, "a\u0301\u0302\u0303": 1, strings.Repeat("\u200b", 9): 0, "\u2800\u3164\u115f": 0, "👩\u200d🔬": 2, "می\u200cخ": 3,
	} {
		if got := Chars(in); got != want {
			t.Errorf("%+q: %d, want %d", in, got, want)
		}
	}
	for in, want := range map[string]bool{
		"": false, "!?…": false, "\u3164\u115f\uffa0": false, "\u2800": false, "🧬": false, "é": true, "7": true, "菌": true, "٣": true, "\U00013441": false,
	} {
		if got := HasLetters(in); got != want {
			t.Errorf("%+q: %t", in, got)
		}
	}
}

// FuzzLine looks for lines that change when they are cleaned a second time, or that
// look empty and are not.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"", "a\u0301\u0302", "क्\u200dष", "👩\u200d🔬", "\u0f73\u0f73\u0f73\u0f73a", "\u200d\u0600\u0301\ufe0f", "a\u0336\u0336\u0336\u0336\u0336\u0336\u0344"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := Line(s)
		if again := Line(line); again != line {
			t.Errorf("%+q becomes %+q and then %+q", s, line, again)
		}
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\u200b\u202e\u2066\ufeff") || strings.Contains(line, "  ") || line != "" && Chars(line) == 0 {
			t.Errorf("%+q becomes %+q", s, line)
		}
		if body := Body(s); Body(body) != body {
			t.Errorf("as a body %+q becomes %+q and then %+q", s, body, Body(body))
		}
		if shown := Clean(s); Clean(shown) != shown {
			t.Errorf("%+q is shown as %+q and then %+q", s, shown, Clean(shown))
		}
	})
}
