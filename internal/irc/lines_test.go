package irc

import (
	"testing"
	"time"
)

func TestLineCommands(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		line             Line
		addition, remove string
	}{
		{Line{Kind: KLine, Mask: "eve@*", Reason: "spam and worse"}, "kline add eve@* spam and worse", "kline remove eve@*"},
		{Line{Kind: KLine, Mask: "eve@*", Reason: "spam", Expires: now.Add(2 * time.Hour)}, "kline add --for=120m eve@* spam", "kline remove eve@*"},
		{Line{Kind: DLine, Mask: "192.0.2.0/24", Reason: "flood", Expires: now.Add(89 * time.Second)}, "dline add --for=1m 192.0.2.0/24 flood", "dline remove 192.0.2.0/24"},
		// An expired one must not come back for good.
		{Line{Kind: KLine, Mask: "eve@*", Reason: "spam", Expires: now.Add(-time.Second)}, "kline add --for=1m eve@* spam", "kline remove eve@*"},
		{Line{Kind: KLine, Mask: `"eve@*`, Reason: "spam"}, `kline add "\"eve@*" spam`, `kline remove "\"eve@*"`},
	}
	for _, tt := range tests {
		if got := LineAddition(tt.line, now); got != tt.addition {
			t.Errorf("addition %q, want %q", got, tt.addition)
		}
		if got := LineRemoval(tt.line); got != tt.remove {
			t.Errorf("removal %q, want %q", got, tt.remove)
		}
	}
}
