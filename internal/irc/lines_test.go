package irc

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
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

func TestOwnersOf(t *testing.T) {
	t.Parallel()
	for nick, want := range map[string]string{
		"bob": "bob", "bob|away": "bob|away bob", "bob_": "bob_ bob", "_bob_lab-x": "_bob_lab-x _bob _bob_lab bob bob_lab bob_lab-x",
		"bob|guest": "", "BOB|Guest": "", "Guest17": "", strings.Repeat("b", 41): "",
	} {
		if got := strings.Join(OwnersOf(nick), " "); got != want {
			t.Errorf("%s: %q, want %q", nick, got, want)
		}
	}
}

// accounts are members by name, whose ids are their places from 1.
type accounts []string

func (a accounts) ByID(_ context.Context, id core.MemberID) (member.Member, error) {
	if int(id) > len(a) {
		return member.Member{}, core.Errorf(core.NotFound, "nobody")
	}
	return member.Member{ID: id, Name: a[id-1]}, nil
}

func (a accounts) ByName(ctx context.Context, name string) (member.Member, error) {
	return a.ByID(ctx, core.MemberID(1+slices.Index(append(slices.Clone(a), name), name)))
}

func TestWhomALineNames(t *testing.T) {
	t.Parallel()
	for mask, want := range map[string]string{
		"ann@*": "ann", "bob@*.user.site": "bob", "bob@192.0.2.7": "bob", "*@2.user.site": "bob", "*@2.*.site": "bob", "ann@2.user.site": "ann bob",
		"eve@*": "", "a?n@*": "", "*@*.user.site": "", "*@2.0.0.1": "", "*@2.*": "", "bob@*.guest.site": "", "*@9.user.site": "",
	} {
		found, err := Line{Kind: KLine, Mask: mask}.Named(t.Context(), accounts{"ann", "bob"})
		var names []string
		for _, m := range found {
			names = append(names, m.Name)
		}
		if got := strings.Join(names, " "); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", mask, got, err, want)
		}
	}
	if found, err := (Line{Kind: DLine, Mask: "192.0.2.7/32"}).Named(t.Context(), accounts{"ann"}); len(found) > 0 || err != nil {
		t.Errorf("a D-line: %v, %v", found, err)
	}
}
