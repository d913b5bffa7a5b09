package member

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TorrentKeyLen is the length of a torrent key. No announce key is as long.
const TorrentKeyLen = 40

// A torrent key is the member's id and a MAC, in the URL-safe alphabet.
const (
	keyBytes = TorrentKeyLen / 4 * 3
	macBytes = keyBytes - 8
)

// TorrentKey derives the key with which one member announces one torrent. It stands
// where the announce key stands, so a .torrent that leaks harms that torrent alone. It is
// valid as long as the announce key from which it is derived.
func TorrentKey(announceKey string, m core.MemberID, t core.TorrentID) string {
	var key [keyBytes]byte
	binary.BigEndian.PutUint64(key[:], uint64(m))
	mac := torrentMAC(announceKey, m, t)
	copy(key[8:], mac[:])
	return base64.RawURLEncoding.EncodeToString(key[:])
}

// ClaimedKey is what a torrent key claims. Proves tells whether it is true.
type ClaimedKey struct {
	Member core.MemberID
	mac    [macBytes]byte
}

// ReadTorrentKey reads a torrent key; ok is false if text is not one. It does not
// allocate.
func ReadTorrentKey(key string) (k ClaimedKey, ok bool) {
	if len(key) != TorrentKeyLen {
		return k, false
	}
	var text [TorrentKeyLen]byte
	var raw [keyBytes]byte
	copy(text[:], key)
	if _, err := base64.RawURLEncoding.Decode(raw[:], text[:]); err != nil {
		return k, false
	}
	copy(k.mac[:], raw[8:])
	k.Member = core.MemberID(binary.BigEndian.Uint64(raw[:]))
	return k, k.Member > 0
}

// Proves reports, in constant time, whether the key is the one that TorrentKey
// derives from its member's announce key for a torrent. It does not allocate.
func (k ClaimedKey) Proves(announceKey string, t core.TorrentID) bool {
	mac := torrentMAC(announceKey, k.Member, t)
	return subtle.ConstantTimeCompare(k.mac[:], mac[:macBytes]) == 1
}

// torrentMAC is HMAC-SHA-256 (RFC 2104) with the announce key as the key. It is written
// out here so that an announce allocates nothing for it.
func torrentMAC(announceKey string, m core.MemberID, t core.TorrentID) [sha256.Size]byte {
	const use = "torrent key 1"
	var key [sha256.BlockSize]byte
	if len(announceKey) > len(key) {
		sum := sha256.Sum256([]byte(announceKey))
		copy(key[:], sum[:])
	} else {
		copy(key[:], announceKey)
	}
	var inner [sha256.BlockSize + len(use) + 16]byte
	var outer [sha256.BlockSize + sha256.Size]byte
	for i, b := range key {
		inner[i], outer[i] = b^0x36, b^0x5c
	}
	copy(inner[sha256.BlockSize:], use)
	binary.BigEndian.PutUint64(inner[sha256.BlockSize+len(use):], uint64(m))
	binary.BigEndian.PutUint64(inner[sha256.BlockSize+len(use)+8:], uint64(t))
	sum := sha256.Sum256(inner[:])
	copy(outer[sha256.BlockSize:], sum[:])
	return sha256.Sum256(outer[:])
}
