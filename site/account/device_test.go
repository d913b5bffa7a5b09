package account

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestDeviceName(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                         "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":                   "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"curl/8.5.0": "curl",
		"":           "an unknown browser",
		"((((":       "an unknown browser",
	} {
		if got := deviceName(agent); got != want {
			t.Errorf("%s: %q, want %q", agent, got, want)
		}
	}
	for _, nasty := range []string{strings.Repeat("(", 100_000), strings.Repeat("Mozilla/5.0 (", 10_000), strings.Repeat("a", 100_000) + "/1", "Mozilla/5.0 (\xff\xfe; \u202egnp.exe) \x00\n<script>/1", strings.Repeat("é/1 ", 50_000)} {
		if got := deviceName(nasty); got == "" || len(got) > 120 || !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00\u202e") {
			t.Errorf("%.40q: %q", nasty, got)
		}
	}
}

// FuzzDeviceName looks for descriptions of which too much is shown.
func FuzzDeviceName(f *testing.F) {
	f.Add("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	f.Fuzz(func(t *testing.T, agent string) {
		if got := deviceName(agent); got == "" || len(got) > 120 || !utf8.ValidString(got) {
			t.Errorf("%q: %q", agent, got)
		}
	})
}
