package member

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestTorrentKey(t *testing.T) {
	t.Parallel()
	passkey := strings.Repeat("k", PasskeyLen)
	key := TorrentKey(passkey, 7, 1<<40)
	if len(key) != TorrentKeyLen || len(key) == PasskeyLen || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("key %q", key)
	}
	if m, ok := TorrentKeyOwner(key); !ok || m != 7 {
		t.Errorf("owner %d, %v", m, ok)
	}
	if !CheckTorrentKey(key, passkey, 7, 1<<40) {
		t.Error("the right key is refused")
	}
	mac := hmac.New(sha256.New, []byte(passkey))
	mac.Write([]byte("torrent key 1\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x01\x00\x00\x00\x00\x00"))
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || !hmac.Equal(raw[8:], mac.Sum(nil)[:22]) {
		t.Errorf("%x, %v: not the HMAC of the standard library", raw, err)
	}
	changed := []byte(key)
	changed[20] ^= 1
	for name, wrong := range map[string]bool{
		"of another torrent": CheckTorrentKey(key, passkey, 7, 1),
		"of another member":  CheckTorrentKey(key, passkey, 8, 1<<40),
		"of an old passkey":  CheckTorrentKey(key, strings.Repeat("l", PasskeyLen), 7, 1<<40),
		"changed":            CheckTorrentKey(string(changed), passkey, 7, 1<<40),
		"cut":                CheckTorrentKey(key[:39], passkey, 7, 1<<40),
		"empty":              CheckTorrentKey("", passkey, 7, 1<<40),
	} {
		if wrong {
			t.Errorf("a key %s is taken", name)
		}
	}
	for _, none := range []string{passkey, "", strings.Repeat("A", 40), strings.Repeat("_", 40), strings.Repeat("!", 40)} {
		if m, ok := TorrentKeyOwner(none); ok {
			t.Errorf("%q is the key of %d", none, m)
		}
	}
}

func BenchmarkCheckTorrentKey(b *testing.B) {
	passkey := strings.Repeat("k", PasskeyLen)
	key := TorrentKey(passkey, 7, 9)
	b.ReportAllocs()
	for b.Loop() {
		m, ok := TorrentKeyOwner(key)
		if !ok || !CheckTorrentKey(key, passkey, m, core.TorrentID(9)) {
			b.Fatal("refused")
		}
	}
}
