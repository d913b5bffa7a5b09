package secret_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/secret"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	hash, err := secret.HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "horse") || len(hash) > 255 {
		t.Errorf("hash %q", hash)
	}
	again, err := secret.HashPassword(t.Context(), "correct horse")
	if err != nil || again == hash {
		t.Errorf("no salt: %q, %v", again, err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false, "Correct horse": false} {
		if ok, err := secret.VerifyPassword(t.Context(), hash, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
}

// TestPasswordHashOfOthers checks the test vector of the reference implementation's
// command line (argon2id, version 19): parameters are read from the hash.
func TestPasswordHashOfOthers(t *testing.T) {
	t.Parallel()
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	for password, want := range map[string]bool{"password": true, "passwort": false} {
		if ok, err := secret.VerifyPassword(t.Context(), hash, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
}

func TestBadHashesAreNeverRight(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{
		"", "x", "$argon2id$", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=256,t=2,p=1$!!$nf65",
	} {
		start := time.Now()
		if ok, err := secret.VerifyPassword(t.Context(), hash, "password"); ok || err != nil {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
		if took := time.Since(start); took < time.Millisecond {
			t.Errorf("%q was refused after %v: whoever asks learns that there is no such account", hash, took)
		}
	}
}

func TestHashingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// With a free place it may go on; without one it must give up. So fill them all.
	var failed bool
	for range 50 {
		if _, err := secret.HashPassword(ctx, "x"); errors.Is(err, context.Canceled) {
			failed = true
			break
		}
	}
	if !failed {
		t.Error("50 passwords were hashed for somebody who had left")
	}
}
