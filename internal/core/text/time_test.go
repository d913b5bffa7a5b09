package text_test

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "24h": 24 * time.Hour, "3D": 72 * time.Hour, "2w": 14 * 24 * time.Hour, "1d12h": 36 * time.Hour, "366d": 366 * 24 * time.Hour,
	} {
		if got, err := text.ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "h", "24", "-1h", "1.5h", "0h", "30s", "1y", "367d", "9999999h", "200d200d", "1h ", "١h"} {
		if got, err := text.ParseDuration(s); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %s, %v", s, got, err)
		}
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		30 * time.Second: "less than a minute", 90 * time.Minute: "1h 30min", 24 * time.Hour: "1d", 15*24*time.Hour + 5*time.Hour: "2w 1d",
	} {
		if got := text.Span(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
