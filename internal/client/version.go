package client

import (
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// version is a client's version, the most important number first. Missing parts are
// 0.
type version [maxParts]uint16

const maxParts = 4 // the most that a peer-id has room for

// parseVersion reads what staff write, such as 4.0.5.
func parseVersion(text string) (v version, err error) {
	parts := strings.Split(text, ".")
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || len(parts) > maxParts {
			return v, core.FieldErrorf("lowest", "write the lowest version as up to %d numbers with dots between, such as 4.0.5", maxParts)
		}
		v[i] = uint16(n)
	}
	return v, nil
}

func (v version) less(other version) bool {
	for i := range v {
		if v[i] != other[i] {
			return v[i] < other[i]
		}
	}
	return false
}

// versionOf reads the version in a peer-id that begins with prefix: the four
// characters of -TR4050- (0 to 9, then A to Z, then a to z, each a number of its
// own), or the numbers after the prefix of M7-9-2-- and A2-1-36-0-. ok is false if
// there is no version.
func versionOf(peerID *[20]byte, prefix string) (v version, ok bool) {
	if strings.HasPrefix(prefix, "-") {
		for i := range v {
			n, ok := digit(peerID[3+i])
			if !ok {
				return v, false
			}
			v[i] = n
		}
		return v, peerID[7] == '-'
	}
	at := 0
	for _, c := range peerID[min(len(prefix), len(peerID)):] {
		switch {
		case c >= '0' && c <= '9' && v[at] < 1000:
			v[at], ok = v[at]*10+uint16(c-'0'), true
		case c == '-' && ok && at < maxParts-1:
			at++
		default:
			return v, ok
		}
	}
	return v, ok
}

// digit is the value of a character of a version.
func digit(c byte) (uint16, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint16(c - '0'), true
	case 'A' <= c && c <= 'Z':
		return uint16(c-'A') + 10, true
	case 'a' <= c && c <= 'z':
		return uint16(c-'a') + 36, true
	}
	return 0, false
}
