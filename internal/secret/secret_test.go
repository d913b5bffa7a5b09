package secret_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/secret"
)

func keyring(t *testing.T, fill byte) *secret.Keyring {
	t.Helper()
	k, err := secret.NewKeyring(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealAndOpen(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	for _, plain := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("key"), 1000)} {
		box := k.Seal(plain, "announce key")
		if len(plain) > 2 && bytes.Contains(box, plain[:3]) {
			t.Error("the box shows what is in it")
		}
		got, err := k.Open(box, "announce key")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%q, %v", got, err)
		}
		if bytes.Equal(box, k.Seal(plain, "announce key")) {
			t.Error("two boxes of the same secret are the same")
		}
	}
}

func TestOpenRefusesWhatWasTamperedWith(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	box := k.Seal([]byte("secret"), "announce key")
	if _, err := k.Open(box, "irc-key"); err == nil {
		t.Error("opened in another column")
	}
	if _, err := keyring(t, 2).Open(box, "announce key"); err == nil {
		t.Error("opened with another site key")
	}
	for i := range box {
		changed := bytes.Clone(box)
		changed[i] ^= 1
		if _, err := k.Open(changed, "announce key"); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, err := k.Open(box[:i], "announce key"); err == nil {
			t.Errorf("opened with only %d bytes", i)
		}
	}
}

func TestMAC(t *testing.T) {
	t.Parallel()
	k := keyring(t, 1)
	a := k.MAC("announce key", "abc")
	if len(a) != 32 || !secret.Equal(a, k.MAC("announce key", "abc")) {
		t.Error("not the same twice")
	}
	for what, b := range map[string][]byte{
		"data": k.MAC("announce key", "abd"), "purpose": k.MAC("session", "abc"),
		"the border between them": k.MAC("announce keya", "bc"), "key": keyring(t, 2).MAC("announce key", "abc"),
	} {
		if secret.Equal(a, b) {
			t.Errorf("%s makes no difference", what)
		}
	}
}

func TestKeyringNeeds32Bytes(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 31, 33} {
		if _, err := secret.NewKeyring(make([]byte, n)); err == nil {
			t.Errorf("%d bytes were accepted", n)
		}
	}
}

func TestLoadKeyring(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets", "site.key")
	if _, err := secret.LoadKeyring(path, false); !os.IsNotExist(unwrapAll(err)) {
		t.Errorf("made without being asked: %v", err)
	}
	first, err := secret.LoadKeyring(path, true)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", file, info, err)
		}
	}
	again, err := secret.LoadKeyring(path, true)
	if err != nil || !secret.Equal(first.MAC("a", "b"), again.MAC("a", "b")) {
		t.Errorf("another key the second time: %v", err)
	}
	for _, text := range []string{"", "\n", "not hexadecimal", strings.Repeat("ab", 31), strings.Repeat("zz", 32)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := secret.LoadKeyring(path, true); err == nil {
			t.Errorf("a site key of %q was accepted", text)
		}
		if raw, err := os.ReadFile(path); err != nil || string(raw) != text {
			t.Errorf("the file was overwritten: %q, %v", raw, err)
		}
	}
}

func unwrapAll(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		err = u.Unwrap()
	}
}

// TestLoadOrCreateAtTheSameTime starts five rooms at once as processes of their own:
// all must end up with the same secret, and none may see half of it.
func TestLoadOrCreateAtTheSameTime(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(t.TempDir(), "key")
		var texts [5]string
		var wg sync.WaitGroup
		for i := range texts {
			wg.Go(func() {
				var err error
				texts[i], err = secret.LoadOrCreate(path, true, func() string { return secret.RandomHex(32) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, text := range texts {
			if text != texts[0] || len(text) != 64 {
				t.Fatalf("different secrets: %q", texts)
			}
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	var letters strings.Builder
	for range 400 {
		s := secret.Token(32)
		if !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).MatchString(s) || seen[s] {
			t.Fatalf("token %q", s)
		}
		seen[s] = true
		letters.WriteString(s)
	}
	// Each of 62 letters is expected 206 times (standard deviation 14).
	for _, c := range "AMZamz059" {
		if n := strings.Count(letters.String(), string(c)); n < 120 || n > 300 {
			t.Errorf("%c comes %d times in 12800", c, n)
		}
	}
	if raw, err := hex.DecodeString(secret.RandomHex(20)); err != nil || len(raw) != 20 {
		t.Errorf("%x, %v", raw, err)
	}
	a, b := secret.Passphrase(), secret.Passphrase()
	if !regexp.MustCompile(`^([b-z][aeiou]){3}(-([b-z][aeiou]){3}){3}$`).MatchString(a) || a == b {
		t.Errorf("passphrases %q and %q", a, b)
	}
}
