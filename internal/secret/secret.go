// Package secret protects secrets: it seals those that must be read again, makes
// keyed hashes of those that must only be recognised, hashes passwords and draws
// tokens.
//
// Concurrency: a Keyring is safe for concurrent use. Its keys never change; what is slow to
// compute waits in its queues.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/fair"
)

// Keyring holds the keys derived from the site key. Losing the site key makes
// every announce key, IRC key and e-mail address in the database unreadable.
type Keyring struct {
	aead   cipher.AEAD
	macKey []byte
	cost   cost // of passphrases

	hashing, deriving *fair.Queue
}

const boxVersion = 1 // the first byte of every box; a new scheme gets a new one

// NewKeyring derives the keys from a site key of 32 bytes (RFC 5869).
func NewKeyring(siteKey []byte) (*Keyring, error) {
	if len(siteKey) != 32 {
		return nil, fmt.Errorf("the site key has %d bytes, not 32", len(siteKey))
	}
	boxKey, err := hkdf.Key(sha256.New, siteKey, nil, "caduceus box v1", 32)
	if err != nil {
		return nil, err
	}
	macKey, err := hkdf.Key(sha256.New, siteKey, nil, "caduceus mac v1", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(boxKey)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Keyring{aead: aead, macKey: macKey, cost: dear, hashing: fair.New(hashing()), deriving: fair.New(deriving())}, nil
}

// LoadKeyring reads the site key (64 hexadecimal digits) from a file. With
// create it makes the file, mode 0600, where there is none.
func LoadKeyring(path string, create bool) (*Keyring, error) {
	text, err := LoadOrCreate(path, create, func() string { return RandomHex(32) })
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw) != 32 {
		return nil, fmt.Errorf("site key: %s must hold 64 hexadecimal digits", path)
	}
	return NewKeyring(raw)
}

// LoadOrCreate reads a one-line secret from a file. With create, if there is no file,
// it draws a secret and writes it, mode 0600. It never overwrites a file. When
// several processes create the same secret at once, all get the one that was written
// first.
func LoadOrCreate(path string, create bool, draw func() string) (string, error) {
	text, err := load(path)
	if !create || !errors.Is(err, os.ErrNotExist) {
		return text, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(draw() + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		// Unlike a rename, a link fails where there is a file already.
		if err = os.Link(f.Name(), path); errors.Is(err, os.ErrExist) {
			err = nil
		}
	}
	if err := errors.Join(err, os.Remove(f.Name())); err != nil {
		return "", err
	}
	return load(path)
}

func load(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}

// Seal encrypts plain. Open needs the same context, such as "announce key", so that a
// box copied into another column can't be opened there.
func (k *Keyring) Seal(plain []byte, context string) []byte {
	nonce := randomBytes(k.aead.NonceSize())
	box := append([]byte{boxVersion}, nonce...)
	return k.aead.Seal(box, nonce, plain, []byte(context))
}

// Open decrypts what Seal made. It fails if the box was changed, or sealed with
// another key or context.
func (k *Keyring) Open(box []byte, context string) ([]byte, error) {
	n := k.aead.NonceSize()
	if len(box) < 1+n || box[0] != boxVersion {
		return nil, errors.New("this is not a sealed secret")
	}
	plain, err := k.aead.Open(nil, box[1:1+n], box[1+n:], []byte(context))
	if err != nil {
		return nil, errors.New("a sealed secret can't be opened: it was changed, or it was sealed with another site key")
	}
	return plain, nil
}

// MAC is the keyed hash (HMAC-SHA-256) under which a secret is stored and found.
// purpose separates different uses.
func (k *Keyring) MAC(purpose, data string) []byte {
	m := hmac.New(sha256.New, k.macKey)
	m.Write([]byte(purpose))
	m.Write([]byte{0})
	m.Write([]byte(data))
	return m.Sum(nil)
}

// Equal compares two secrets in constant time.
func Equal(a, b []byte) bool { return hmac.Equal(a, b) }

// RandomHex returns n random bytes as 2n hexadecimal digits.
func RandomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

// Token returns a random string of n letters and digits (5.95 bits each), such
// as an announce key of 32.
func Token(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := make([]byte, 0, n)
	for len(out) < n {
		for _, b := range randomBytes(2 * n) {
			if int(b) < 4*len(alphabet) && len(out) < n { // drop the rest: no bias
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

const consonants, vowels = "bdfghklmnprstvz", "aeiou" // of passphrases

// Passphrase returns four random pronounceable words joined by hyphens, about
// 79 bits: "tobilu-kasemo-rupade-vinohe".
func Passphrase() string {
	var words []string
	for range 4 {
		var w strings.Builder
		for range 3 {
			w.WriteByte(pick(consonants))
			w.WriteByte(pick(vowels))
		}
		words = append(words, w.String())
	}
	return strings.Join(words, "-")
}

// IsPassphrase reports whether text has the exact form of what Passphrase returns.
func IsPassphrase(text string) bool {
	if len(text) != 4*6+3 {
		return false
	}
	for i := range len(text) {
		set := consonants
		switch place := i % 7; {
		case place == 6:
			set = "-"
		case place%2 == 1:
			set = vowels
		}
		if strings.IndexByte(set, text[i]) < 0 {
			return false
		}
	}
	return true
}

func pick(set string) byte {
	limit := 256 - 256%len(set)
	for {
		if b := int(randomBytes(1)[0]); b < limit {
			return set[b%len(set)]
		}
	}
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand aborts the program instead
	return b
}
