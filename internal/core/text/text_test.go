package text

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFoldings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fold func(string) string
		want map[string]string
	}{
		"ascii":   {FoldASCII, map[string]string{"": "", "bob": "bob", `A[]\~`: `a[]\~`, "aBé\xffÉ\u212a": "abé\xffÉ\u212a"}},
		"rfc1459": {FoldRFC1459, map[string]string{"bob": "bob", `A[]\~`: "a{}|^", "É": "É"}},
		"search": {FoldSearch, map[string]string{"": "", "Müller": "muller", "Mu\u0308ller": "muller", "Straße ẞ": "strasse ss", "Kjærgård": "kjaergard",
			"Ǿrsted": "orsted", "Łódź": "lodz", "Œuvre": "oeuvre", "Σίσυφος": "σισυφοσ", "ᾳ": "α", "Ёлка": "елка", "ＡＢＣ １２": "abc 12", "ﬁ": "fi", "x²": "x2",
			"ΐ": "ι", "İstanbul ılık": "istanbul ilik", "が": "が", "ｶﾞ": "ガ", "한국": "한국", "हिन्दी": "हिन्दी", "שָׁלוֹם": "שלום", "Ångström": "angstrom", "a\xffb": "a\ufffdb"}},
		"path": {FoldPath, map[string]string{"Data/É.fa": "data/é.fa", "E\u0301": "é", "STRASSE": "strasse", "ẞ": "ß", "\u212a": "k", "ſ": "s"}},
	} {
		for in, want := range tt.want {
			if got := tt.fold(in); got != want {
				t.Errorf("%s of %q: %q, want %q", name, in, got, want)
			}
		}
	}
}

// FuzzFoldSearch makes sure that folding again changes nothing: stored words are folded,
// and so is what is typed after them.
func FuzzFoldSearch(f *testing.F) {
	for _, s := range []string{"", "Müller", "STRASSE ß ẞ", "ᾳ Σίσυφος", "İı", "ｆｕｌｌ", "が ｶﾞ", "한국어", "हिन्दी", "\u0345\u0300", "ŉǰẚ", "\xff", "Ǿ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := FoldSearch(s)
		if twice := FoldSearch(once); twice != once {
			t.Errorf("%q becomes %q and then %q", s, once, twice)
		}
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "\t a\r\nb\t": "a b", "\x034red\x0f": "4red", "a\u202eb": "a b", "bad\xffbyte": "bad byte", "é": "é",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for n := 3; n < 40; n++ {
		for _, s := range []string{"plain ascii text, long enough", "ünïcödé täxt ïs lönger", "菌菌菌菌菌菌菌菌菌菌菌", "𝛂𝛂𝛂𝛂𝛂𝛂𝛂𝛂"} {
			got := Cut(s, n)
			if len(got) > n || !utf8.ValidString(got) || (len(s) <= n) != (got == s) {
				t.Errorf("Cut(%q, %d) = %q", s, n, got)
			}
		}
	}
}

func TestLooksLike(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields("Hermes hermes H3RM35 Herme5 Herrnes Hermess Hermes_ _Hermes_ [Hermes] Hermes9 Hermes2_ Hermes_9 |Hermes| Her|mes agent47") {
		if !LooksLike(name, "Hermes", "Agent47") {
			t.Errorf("%s looks like nobody", name)
		}
	}
	for _, name := range strings.Fields("her hermione thermes mes agent48 agent Hermes2x") {
		if LooksLike(name, "Hermes", "Agent47") {
			t.Errorf("%s looks like somebody", name)
		}
	}
}

func TestSkeleton(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"Hermes": "hermes", "H3RM35": "hermes", "Herrnes": "hermes", "_Her-mes_": "hermes", "alice": "alce", "al1ce": "alce", "a11ce": "alce", "ALIC3": "alce",
		"4lice": "alce", "vvilson": "wlson", "wilson": "wlson", "bob": "bob", "8o6": "bo6", "bob8": "bobb", "user1": "userl", "user11": "userll", "user116_": "userll6", "___": "", "": ""} {
		if got := Skeleton(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func BenchmarkLooksLike(b *testing.B) {
	for b.Loop() {
		LooksLike("alice_in_the_lab", "Hermes", "NickServ", "ChanServ", "SaslServ", "OperServ", "MemoServ", "HostServ", "BotServ")
	}
}
func TestPlural(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 files", 1: "1 file", 2: "2 files", 1000: "1000 files"} {
		if got := Plural(n, "file"); got != want {
			t.Errorf("%d: %q", n, got)
		}
	}
}
