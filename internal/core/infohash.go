package core

import "encoding/hex"

// InfoHash is the SHA-1 of a v1 info dictionary (BEP 3), or the first 20 bytes
// of the SHA-256 of a v2 one as it stands in announces (BEP 52).
type InfoHash [20]byte

// InfoHashV2 is the SHA-256 of a v2 info dictionary (BEP 52).
type InfoHashV2 [32]byte

// String returns h in lower-case hexadecimal.
func (h InfoHash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is unset.
func (h InfoHash) IsZero() bool { return h == InfoHash{} }

// String returns h in lower-case hexadecimal.
func (h InfoHashV2) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether h is unset.
func (h InfoHashV2) IsZero() bool { return h == InfoHashV2{} }

// Truncated returns the 20 bytes that clients put into announces (BEP 52).
func (h InfoHashV2) Truncated() InfoHash { return InfoHash(h[:20]) }

// ParseInfoHash reads 40 hexadecimal digits of either case.
func ParseInfoHash(s string) (InfoHash, error) {
	var h InfoHash
	if len(s) != 2*len(h) {
		return h, Errorf(Invalid, "an info-hash has 40 hexadecimal digits, not %d", len(s))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return InfoHash{}, Errorf(Invalid, "an info-hash has hexadecimal digits only")
	}
	return h, nil
}
