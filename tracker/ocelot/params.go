package ocelot

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// passkeyLen is how long Gazelle's passkeys are. Lists of them have nothing in
// between.
const passkeyLen = 32

// params are the parameters of a request, decoded. A plus sign is one: Gazelle
// escapes a blank as %20.
type params map[string]string

func parseParams(query string) (params, error) {
	p := params{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(value)
		if err != nil {
			return nil, core.FieldErrorf(name, "it has a broken percent-escape")
		}
		if _, twice := p[name]; twice {
			return nil, core.FieldErrorf(name, "it is there twice")
		}
		p[name] = decoded
	}
	return p, nil
}

// id reads a number from 1 on that fits where ids are kept.
func (p params) id(name string) (int64, error) {
	n, err := strconv.ParseInt(p[name], 10, 64)
	if err != nil || n < 1 || n > math.MaxUint32 {
		return 0, core.FieldErrorf(name, "%s must be an id", name)
	}
	return n, nil
}

// member reads the id of a member.
func (p params) member(name string) (core.MemberID, error) {
	n, err := p.id(name)
	return core.MemberID(n), err
}

// hash reads info_hash: 20 bytes, or 40 hexadecimal digits.
func (p params) hash() (core.InfoHash, error) {
	const name = "info_hash"
	switch v := p[name]; len(v) {
	case len(core.InfoHash{}):
		return core.InfoHash([]byte(v)), nil
	case 2 * len(core.InfoHash{}):
		if h, err := core.ParseInfoHash(v); err == nil {
			return h, nil
		}
	}
	return core.InfoHash{}, core.FieldErrorf(name, "%s must have 20 bytes, percent-encoded", name)
}

// hashes reads info-hashes of 20 bytes each, with nothing in between.
func (p params) hashes(name string) ([]core.InfoHash, error) {
	const size = len(core.InfoHash{})
	v := p[name]
	if v == "" || len(v)%size != 0 {
		return nil, core.FieldErrorf(name, "%s must have 20 bytes for each torrent", name)
	}
	out := make([]core.InfoHash, 0, len(v)/size)
	for ; v != ""; v = v[size:] {
		out = append(out, core.InfoHash([]byte(v[:size])))
	}
	return sortHashes(out), nil
}

func (p params) passkey(name string) (string, error) {
	v := p[name]
	if len(v) != passkeyLen || !plain(v) {
		return "", core.FieldErrorf(name, "%s must have %d letters and digits", name, passkeyLen)
	}
	return v, nil
}

// passkeys reads passkeys with nothing in between.
func (p params) passkeys(name string) ([]string, error) {
	v := p[name]
	if v == "" || len(v)%passkeyLen != 0 || !plain(v) {
		return nil, core.FieldErrorf(name, "%s must have %d letters and digits for each member", name, passkeyLen)
	}
	var out []string
	for ; v != ""; v = v[passkeyLen:] {
		out = append(out, v[:passkeyLen])
	}
	return out, nil
}

func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// flag reads 0 or 1; nil is neither there.
func (p params) flag(name string) (*bool, error) {
	v, ok := p[name]
	if !ok {
		return nil, nil //nolint:nilnil // nothing is said of it
	}
	if v != "0" && v != "1" {
		return nil, core.FieldErrorf(name, "%s must be 0 or 1", name)
	}
	yes := v == "1"
	return &yes, nil
}

func (p params) rights() (r rights, err error) {
	if r.canLeech, err = p.flag("can_leech"); err == nil {
		r.visible, err = p.flag("visible")
	}
	return r, err
}

// leech reads freetorrent.
func (p params) leech() (core.Leech, error) {
	switch p["freetorrent"] {
	case "0", "":
		return core.LeechNormal, nil
	case "1":
		return core.LeechFree, nil
	case "2":
		return core.LeechNeutral, nil
	}
	return "", core.FieldErrorf("freetorrent", "freetorrent must be 0, 1 or 2")
}

// prefix reads how the peer-ids of a client begin.
func (p params) prefix(name string) (string, error) {
	v := p[name]
	if v == "" || len(v) > 20 {
		return "", core.FieldErrorf(name, "%s must have 1 to 20 characters", name)
	}
	for _, c := range []byte(v) {
		if c <= ' ' || c > '~' {
			return "", core.FieldErrorf(name, "%s must have visible ASCII characters only", name)
		}
	}
	return v, nil
}

func (p params) seconds(name string, least, most time.Duration) (time.Duration, error) {
	n, err := strconv.ParseInt(p[name], 10, 32)
	d := time.Duration(n) * time.Second
	if err != nil || d < least || d > most {
		return 0, core.FieldErrorf(name, "%s must be from %d to %d seconds", name, least/time.Second, most/time.Second)
	}
	return d, nil
}

// reasons are what Gazelle's codes for a deletion say to members.
var reasons = [...]string{
	0: "duplicate", 1: "replaced by a better one", 2: "bad file names", 3: "bad folder names", 4: "bad tags", 5: "format not allowed",
	6: "parts are missing", 7: "a whole collection in one", 8: "edited log", 9: "wrong bitrate", 10: "bitrate too low", 11: "mixed origins",
	12: "bad source", 13: "faulty encoding", 14: "banned", 15: "pieces are missing", 16: "transcoded", 17: "from a cassette",
	18: "not split", 19: "compiled by a member", 20: "wrong format", 21: "wrong medium", 22: "recorded from an audience",
}

func (p params) reason() (string, error) {
	n, err := strconv.Atoi(p["reason"])
	if p["reason"] == "" || err == nil && n == -1 {
		return "", nil
	}
	if err != nil || n < 0 || n >= len(reasons) {
		return "", core.FieldErrorf("reason", "reason must be from 0 to %d", len(reasons)-1)
	}
	return reasons[n], nil
}
