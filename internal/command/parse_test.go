package command

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

func TestSplit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		line string
		want []string
	}{
		{"", nil},
		{"  stats   alice ", []string{"stats", "alice"}},
		{`member class bob "Power User"`, []string{"member", "class", "bob", "Power User"}},
		{`say "a \"b\" \\ c" d`, []string{"say", `a "b" \ c`, "d"}},
		{`it's 5" wide`, []string{"it's", `5"`, "wide"}},
		{`""`, []string{""}},
		{"member class bob “Power User”", []string{"member", "class", "bob", "Power User"}},
		{"a «b c» „d e“ ‘f g’ ”h i”", []string{"a", "b c", "d e", "f g", "h i"}},
		{`a "b c” d`, []string{"a", "b c", "d"}},
		{"it’s ‘tis 5” wide", []string{"it’s", "‘tis", "5”", "wide"}},
		{"‘it’s his’ own", []string{"it’s his", "own"}},
		{`add --label="my laptop" —label=“my phone” x`, []string{"add", "--label=my laptop", "—label=my phone", "x"}},
		{"a\tb\x02\x03c\u202ed", []string{"a", "b", "c", "d"}},
	}
	for _, tt := range tests {
		got, err := split(tt.line)
		if err != nil {
			t.Errorf("%q: %v", tt.line, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.line, diff)
		}
	}
	for _, line := range []string{`a "b`, `"\"`, "\xff", strings.Repeat("a", MaxLine+1)} {
		if _, err := split(line); core.CodeOf(err) != core.Invalid {
			t.Errorf("%.20q: got %v", line, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add(`member disable "a b" c\ "\\\""`)
	f.Add("\x00 \u2028 x")
	f.Add("‘a b’c’ «d „e“ --f=“g h” \"i”")
	f.Fuzz(func(t *testing.T, line string) {
		words, err := split(line)
		if err != nil {
			return
		}
		for _, w := range words {
			if w != text.Clean(w) && strings.Contains(w, "  ") {
				t.Errorf("%q is not clean", w)
			}
		}
		again, err := split(Join(words))
		if len(Join(words)) > MaxLine {
			return
		}
		if err != nil {
			t.Fatalf("%q joined as %q: %v", words, Join(words), err)
		}
		if diff := cmp.Diff(words, again); diff != "" {
			t.Errorf("joined as %q (-want +got):\n%s", Join(words), diff)
		}
	})
}

func TestParseTorrent(t *testing.T) {
	t.Parallel()
	const site = "https://bio.example"
	for link, want := range map[string]int64{
		"34": 34, "#34": 34, site + "/torrents.php?torrentid=34": 34, site + "/torrents.php?action=download&id=34": 34, site + "/torrents.php?id=7&torrentid=34": 34,
		site + "/torrents/34": 34, site + "/torrents/34/files": 34, site + "/groups/12#t34": 34, site + "/groups/12?page=2#t34": 34, site + "/torrents.php?action=download&id=34&authkey=1": 34,
	} {
		if got, err := parseTorrent(link); err != nil || got != want {
			t.Errorf("%s: %d, %v", link, got, err)
		}
	}
	for _, link := range []string{"", "0", "-3", "x", "1e3", "99999999999999999999", site + "/", site + "/groups/12", site + "/torrents.php?id=12", site + "/torrents/", site + "/torrents/x",
		site + "/members/34", "http://[::1", site + "/groups/12#about"} {
		if got, err := parseTorrent(link); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %d, %v", link, got, err)
		}
	}
}
