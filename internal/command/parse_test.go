package command

import (
	"strings"
	"testing"
	"time"

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

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "24h": 24 * time.Hour, "3D": 72 * time.Hour, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "366d": maxDuration,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "h", "24", "-1h", "1.5h", "0h", "30s", "1y", "367d", "9999999h", "200d200d", "1h ", "١h"} {
		if got, err := ParseDuration(text); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"34": 34, "#34": 34, "https://bio.example/torrents.php?torrentid=34": 34, "https://bio.example/torrents.php?action=download&id=34": 34,
	} {
		if got, err := parseID(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-3", "x", "1e3", "99999999999999999999", "https://bio.example/"} {
		if got, err := parseID(text); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestFormatDuration(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		30 * time.Second: "less than a minute", 90 * time.Minute: "1h 30min", 24 * time.Hour: "1d", 15*24*time.Hour + 5*time.Hour: "2w 1d",
	} {
		if got := formatDuration(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
