package secret_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/fair"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

func TestPassword(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	hash, err := k.HashPassword(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, "horse") || len(hash) > 255 {
		t.Errorf("hash %q", hash)
	}
	again, err := k.HashPassword(t.Context(), "correct horse")
	if err != nil || again == hash {
		t.Errorf("no salt: %q, %v", again, err)
	}
	for password, want := range map[string]bool{"correct horse": true, "correct horse ": false, "": false, "Correct horse": false} {
		if ok, err := k.VerifyPassword(t.Context(), hash, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
}

// TestCheapPasswords are for tests: each keyring checks the hashes of the other.
func TestCheapPasswords(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	for _, c := range []struct{ makes, checks *secret.Keyring }{{k.Cheaply(), k}, {k, k.Cheaply()}} {
		hash, err := c.makes.HashPassword(t.Context(), "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		for password, want := range map[string]bool{"correct horse": true, "": false} {
			if ok, err := c.checks.VerifyPassword(t.Context(), hash, password); ok != want || err != nil {
				t.Errorf("%q: %v, %v", password, ok, err)
			}
		}
	}
}

// TestOnlyTestsHashCheaply looks for calls of Cheaply in the files of the whole program.
func TestOnlyTestsHashCheaply(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules" || e.Name() == "var"):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(text, []byte(".Cheaply()")) {
			return err
		}
		seen++
		if !strings.HasSuffix(path, "_test.go") && filepath.ToSlash(path) != "../../site/sitetest/world.go" {
			t.Errorf("%s makes keys with which passphrases can be guessed", path)
		}
		return nil
	})
	if err != nil || seen < 10 {
		t.Errorf("%d files have it, %v", seen, err)
	}
}

// TestPasswordHashOfOthers checks the test vector of the reference implementation's
// command line (argon2id, version 19): parameters are read from the hash.
func TestPasswordHashOfOthers(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	for password, want := range map[string]bool{"password": true, "passwort": false} {
		if ok, err := k.VerifyPassword(t.Context(), hash, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
}

func TestBadHashesAreNeverRight(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	for _, hash := range []string{
		"", "x", "$argon2id$", "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
		"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$", "$argon2id$v=19$m=256,t=2,p=1$!!$nf65",
	} {
		start := time.Now()
		if ok, err := k.VerifyPassword(t.Context(), hash, "password"); ok || err != nil {
			t.Errorf("%q: %v, %v", hash, ok, err)
		}
		if took := time.Since(start); took < time.Millisecond {
			t.Errorf("%q was refused after %v: whoever asks learns that there is no such account", hash, took)
		}
	}
}

// TestHashingIsBounded hashes no more at once than the machine has cores, and nothing for
// somebody who has left.
func TestHashingIsBounded(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var hashed, left atomic.Int32
	for i := range 40 {
		wg.Go(func() {
			switch _, err := k.HashPassword(fair.With(ctx, fair.Source{Network: fmt.Sprint(i)}), "x"); {
			case err == nil:
				hashed.Add(1)
			case errors.Is(err, context.Canceled):
				left.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for k.Hashing().Waiting == 0 { // until all places are taken
		runtime.Gosched()
	}
	if n := k.Hashing().Running; n > 4 {
		t.Errorf("%d at once", n)
	}
	cancel()
	wg.Wait()
	if got := k.Hashing(); got.Running+got.Waiting != 0 || left.Load() == 0 || got.Done != uint64(hashed.Load()) {
		t.Errorf("%+v; %d were hashed, %d gave up", got, hashed.Load(), left.Load())
	}
}

// TestPBKDF2 checks a test vector of RFC 7677: the salted password of its example.
func TestPBKDF2(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	sum, err := keyring(t, 1).PBKDF2(t.Context(), []byte("pencil"), salt, 4096)
	if got := base64.StdEncoding.EncodeToString(sum); err != nil || got != "xKSVEDI6tPlSysH6mUQZOeeOp01r6B3fcJbodRPcYV0=" {
		t.Errorf("%s, %v", got, err)
	}
}
