package irc_test

import (
	"context"
	"strings"
	"testing"
)

func TestCertificate(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		if got, err := w.Certificate(ctx); err != nil || got != "" {
			t.Errorf("at first: %q, %v", got, err)
		}
		for _, want := range []string{strings.Repeat("0a", 32), strings.Repeat("0b", 32), ""} {
			must(t, w.SetCertificate(ctx, want))
			if got, err := w.Certificate(ctx); err != nil || got != want {
				t.Errorf("%q, %v, want %q", got, err, want)
			}
		}
	})
}
