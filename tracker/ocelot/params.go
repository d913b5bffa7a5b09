package ocelot

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// passkeyLen is the length of Gazelle's passkeys. Lists of them have no separators.
const passkeyLen = 32

// params are the decoded parameters of a request. A plus sign stands for itself:
// Gazelle escapes a blank as %20. The methods that parse a parameter keep the first
// error in err and then return a zero value.
type params struct {
	values map[string]string
	err    error
}

func parseParams(query string) (*params, error) {
	p := &params{values: map[string]string{}}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		decoded, err := url.PathUnescape(value)
		if err != nil {
			return nil, core.FieldErrorf(name, "it has a broken percent-escape")
		}
		if _, twice := p.values[name]; twice {
			return nil, core.FieldErrorf(name, "it is there twice")
		}
		p.values[name] = decoded
	}
	return p, nil
}

// fail keeps the first error.
func (p *params) fail(name, format string, args ...any) {
	if p.err == nil {
		p.err = core.FieldErrorf(name, format, args...)
	}
}

// text returns a parameter as it is, "" if it is missing.
func (p *params) text(name string) string { return p.values[name] }

// id parses a number from 1 to the largest id.
func (p *params) id(name string) int64 {
	n, err := strconv.ParseInt(p.text(name), 10, 64)
	if err != nil || n < 1 || n > math.MaxUint32 {
		p.fail(name, "%s must be an id", name)
		return 0
	}
	return n
}

// hash parses info_hash: 20 bytes, or 40 hexadecimal digits.
func (p *params) hash() core.InfoHash {
	const name = "info_hash"
	switch v := p.text(name); len(v) {
	case len(core.InfoHash{}):
		return core.InfoHash([]byte(v))
	case 2 * len(core.InfoHash{}):
		if h, err := core.ParseInfoHash(v); err == nil {
			return h
		}
	}
	p.fail(name, "%s must have 20 bytes, percent-encoded", name)
	return core.InfoHash{}
}

// hashes parses info-hashes of 20 bytes each, without separators.
func (p *params) hashes(name string) []core.InfoHash {
	const size = len(core.InfoHash{})
	v := p.text(name)
	if v == "" || len(v)%size != 0 {
		p.fail(name, "%s must have 20 bytes for each torrent", name)
		return nil
	}
	out := make([]core.InfoHash, 0, len(v)/size)
	for ; v != ""; v = v[size:] {
		out = append(out, core.InfoHash([]byte(v[:size])))
	}
	return sortHashes(out)
}

func (p *params) passkey(name string) string {
	v := p.text(name)
	if len(v) != passkeyLen || !isAlphanumeric(v) {
		p.fail(name, "%s must have %d letters and digits", name, passkeyLen)
		return ""
	}
	return v
}

// passkeys parses passkeys without separators.
func (p *params) passkeys(name string) []string {
	v := p.text(name)
	if v == "" || len(v)%passkeyLen != 0 || !isAlphanumeric(v) {
		p.fail(name, "%s must have %d letters and digits for each member", name, passkeyLen)
		return nil
	}
	var out []string
	for ; v != ""; v = v[passkeyLen:] {
		out = append(out, v[:passkeyLen])
	}
	return out
}

func isAlphanumeric(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

// flag parses 0 or 1; nil says that the parameter is missing.
func (p *params) flag(name string) *bool {
	v, ok := p.values[name]
	if !ok {
		return nil
	}
	if v != "0" && v != "1" {
		p.fail(name, "%s must be 0 or 1", name)
	}
	yes := v == "1"
	return &yes
}

func (p *params) rights() rights {
	return rights{canLeech: p.flag("can_leech"), visible: p.flag("visible")}
}

// leech parses freetorrent.
func (p *params) leech() core.Leech {
	switch p.text("freetorrent") {
	case "0", "":
		return core.LeechNormal
	case "1":
		return core.LeechFree
	case "2":
		return core.LeechNeutral
	}
	p.fail("freetorrent", "freetorrent must be 0, 1 or 2")
	return ""
}

// prefix parses the prefix of a client's peer-ids.
func (p *params) prefix(name string) string {
	v := p.text(name)
	if v == "" || len(v) > 20 {
		p.fail(name, "%s must have 1 to 20 characters", name)
		return ""
	}
	for _, c := range []byte(v) {
		if c <= ' ' || c > '~' {
			p.fail(name, "%s must have visible ASCII characters only", name)
			return ""
		}
	}
	return v
}

func (p *params) seconds(name string, least, most time.Duration) time.Duration {
	n, err := strconv.ParseInt(p.text(name), 10, 32)
	d := time.Duration(n) * time.Second
	if err != nil || d < least || d > most {
		p.fail(name, "%s must be from %d to %d seconds", name, least/time.Second, most/time.Second)
		return 0
	}
	return d
}

// reasons are the texts for Gazelle's deletion codes, as members read them.
var reasons = [...]string{
	0: "duplicate", 1: "replaced by a better one", 2: "bad file names", 3: "bad folder names", 4: "bad tags", 5: "format not allowed",
	6: "parts are missing", 7: "a whole collection in one", 8: "edited log", 9: "wrong bitrate", 10: "bitrate too low", 11: "mixed origins",
	12: "bad source", 13: "faulty encoding", 14: "banned", 15: "pieces are missing", 16: "transcoded", 17: "from a cassette",
	18: "not split", 19: "compiled by a member", 20: "wrong format", 21: "wrong medium", 22: "recorded from an audience",
}

func (p *params) reason() string {
	const name = "reason"
	v := p.text(name)
	n, err := strconv.Atoi(v)
	if v == "" || err == nil && n == -1 {
		return ""
	}
	if err != nil || n < 0 || n >= len(reasons) {
		p.fail(name, "reason must be from 0 to %d", len(reasons)-1)
		return ""
	}
	return reasons[n]
}
