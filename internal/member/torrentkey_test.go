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
	announceKey := strings.Repeat("k", AnnounceKeyLen)
	key := TorrentKey(announceKey, 7, 1<<40)
	if len(key) != TorrentKeyLen || len(key) == AnnounceKeyLen || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("key %q", key)
	}
	k, ok := ReadTorrentKey(key)
	if !ok || k.Member != 7 {
		t.Errorf("key of member %d, %v", k.Member, ok)
	}
	if !k.Proves(announceKey, 1<<40) {
		t.Error("the right key is refused")
	}
	mac := hmac.New(sha256.New, []byte(announceKey))
	mac.Write([]byte("torrent key 1\x00\x00\x00\x00\x00\x00\x00\x07\x00\x00\x01\x00\x00\x00\x00\x00"))
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil || !hmac.Equal(raw[8:], mac.Sum(nil)[:22]) {
		t.Errorf("%x, %v: not the HMAC of the standard library", raw, err)
	}
	changed, other := k, k
	changed.mac[20] ^= 1
	other.Member = 8
	for name, wrong := range map[string]bool{
		"of another torrent":     k.Proves(announceKey, 1),
		"of another member":      other.Proves(announceKey, 1<<40),
		"of an old announce key": k.Proves(strings.Repeat("l", AnnounceKeyLen), 1<<40),
		"changed":                changed.Proves(announceKey, 1<<40),
	} {
		if wrong {
			t.Errorf("a key %s is taken", name)
		}
	}
	for _, none := range []string{announceKey, key[:39], key + "A", "", strings.Repeat("A", 40), strings.Repeat("_", 40), strings.Repeat("!", 40)} {
		if k, ok := ReadTorrentKey(none); ok {
			t.Errorf("%q is a key of member %d", none, k.Member)
		}
	}
}

func BenchmarkTorrentKey(b *testing.B) {
	announceKey := strings.Repeat("k", AnnounceKeyLen)
	key := TorrentKey(announceKey, 7, 9)
	b.ReportAllocs()
	for b.Loop() {
		if k, ok := ReadTorrentKey(key); !ok || !k.Proves(announceKey, core.TorrentID(9)) {
			b.Fatal("refused")
		}
	}
}
