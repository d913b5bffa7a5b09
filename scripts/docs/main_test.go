package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestConfigurationIsFresh fails when the page is not what the code says.
func TestConfigurationIsFresh(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	want, err := configuration(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is stale; run: make docs\n%s", page, diff)
	}
}

func TestProse(t *testing.T) {
	t.Parallel()
	keys := map[string]string{"Listen": "listen", "MaxPeers": "max_peers", "Ignored": ""}
	for text, want := range map[string]string{
		"":                                      "",
		"Listen is where.\nIt is one line.":     "`listen` is where. It is one line.",
		"empty: none; see max_peers":            "Empty: none; see `max_peers`.",
		"max_peers and listen, without capital": "`max_peers` and listen, without capital.",
		"First.\n\nSee MaxPeers.":               "First.\n\nSee `max_peers`.",
		strings.Repeat("x", 45) + " " + strings.Repeat("y", 45): "X" + strings.Repeat("x", 44) + "\n" + strings.Repeat("y", 45) + ".",
	} {
		if diff := cmp.Diff(want, prose(text, keys)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{0: "0s", time.Second: "1s", 10 * time.Second: "10s", 30 * time.Minute: "30m", 24 * time.Hour: "24h", 90 * time.Minute: "1h30m", 90 * time.Second: "1m30s", 50 * time.Millisecond: "50ms"} {
		if got := short(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
}
