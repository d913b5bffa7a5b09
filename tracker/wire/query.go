package wire

import (
	"math"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Limits of requests. Real announces have less than 600 bytes.
const (
	MaxAnnounceQuery = 2048 // bytes of an announce's query string
	MaxScrapeQuery   = 8000 // bytes of a scrape's query string
	MaxScrapeHashes  = 100  // info-hashes in one scrape; Transmission asks for up to 64
	maxKey           = 64   // bytes of a decoded key
)

// NumWantUnset is the NumWant of a client that sent no number, or a negative one, as
// some do: the tracker chooses the number.
const NumWantUnset = -1

// Unknown is a counter that a client did not tell, or told in a form that can not be used.
const Unknown = -1

// PeerID is the name that a client has chosen for itself (BEP 3, BEP 20).
type PeerID [20]byte

// Event is why a client announces (BEP 3, BEP 21).
type Event uint8

// The events.
const (
	None      Event = iota // a periodic announce
	Started                // the first of a session
	Stopped                // the last of a session
	Completed              // the download has just finished
	Paused                 // a partial seed: it wants nothing more, but is not complete
)

// Announce is a valid announce query.
type Announce struct {
	InfoHash   core.InfoHash
	PeerID     PeerID
	Key        uint64 // a hash of the client's key; 0 if it sent none
	Uploaded   int64  // bytes since the session's start, 0 to MaxInt64
	Downloaded int64  // bytes since the session's start, 0 to MaxInt64
	Left       int64  // bytes missing, 0 to MaxInt64
	NumWant    int    // 0 to MaxInt32, or NumWantUnset
	Port       uint16 // 1 to 65535
	Event      Event
	Compact    bool   // false only if the client sent compact=0 (BEP 23)
	NoPeerID   bool   // leave peer-ids out of a reply that is not compact
	IPv4, IPv6 string // the addresses that the client claims (BEP 7), still encoded; see ClaimedEndpoint
}

const (
	seenInfoHash = 1 << iota
	seenPeerID
	seenPort
	seenUploaded
	seenDownloaded
	seenLeft
	seenEvent
	seenNumWant
	seenCompact
	seenNoPeerID
	seenKey

	required = seenInfoHash | seenPeerID | seenPort | seenUploaded | seenDownloaded | seenLeft
)

// requiredNames are the required parameters in the order of their bits.
var requiredNames = [...]string{"info_hash", "peer_id", "port", "uploaded", "downloaded", "left"}

// ParseAnnounce parses a raw query string, without the question mark, into a. An error
// has code Invalid and leaves a partly filled. A plus sign is a blank, as in forms: no
// known client means a plus sign by it.
func ParseAnnounce(query string, a *Announce) error {
	*a = Announce{NumWant: NumWantUnset, Compact: true}
	if len(query) > MaxAnnounceQuery {
		return tooLong(len(query), MaxAnnounceQuery)
	}
	seen := 0
	for query != "" {
		var name, value string
		name, value, query = nextPair(query)
		bit, err := a.set(name, value)
		if err != nil {
			return err
		}
		if seen&bit != 0 {
			return core.FieldErrorf(name, "%s is there twice", name)
		}
		seen |= bit
	}
	if missing := required &^ seen; missing != 0 {
		for i, name := range requiredNames {
			if missing&(1<<i) != 0 {
				return core.FieldErrorf(name, "%s is missing", name)
			}
		}
	}
	return nil
}

// set parses one parameter and returns its bit. The bit is 0 for unknown parameters and
// for those that may come several times (libtorrent sends each of its addresses).
func (a *Announce) set(name, value string) (bit int, err error) {
	switch name {
	case "info_hash":
		return seenInfoHash, exactly(name, a.InfoHash[:], value)
	case "peer_id":
		return seenPeerID, exactly(name, a.PeerID[:], value)
	case "port":
		a.Port, err = port(value)
		return seenPort, err
	case "uploaded":
		a.Uploaded, err = counter(name, value)
		return seenUploaded, err
	case "downloaded":
		a.Downloaded, err = counter(name, value)
		return seenDownloaded, err
	case "left":
		a.Left, err = counter(name, value)
		return seenLeft, err
	case "event":
		a.Event, err = event(value)
		return seenEvent, err
	case "numwant":
		a.NumWant, err = numWant(value)
		return seenNumWant, err
	case "compact":
		a.Compact = value != "0"
		return seenCompact, nil
	case "no_peer_id":
		a.NoPeerID = value == "1"
		return seenNoPeerID, nil
	case "key":
		a.Key, err = key(value)
		return seenKey, err
	case "ipv4":
		if a.IPv4 == "" {
			a.IPv4 = value
		}
	case "ipv6":
		if a.IPv6 == "" {
			a.IPv6 = value
		}
	}
	return 0, nil
}

// ParseScrape appends the info-hashes of a raw query string to dst (BEP 48).
// A query without any, which would ask for every torrent, is Invalid.
func ParseScrape(query string, dst []core.InfoHash) ([]core.InfoHash, error) {
	if len(query) > MaxScrapeQuery {
		return dst, tooLong(len(query), MaxScrapeQuery)
	}
	first := len(dst)
	for query != "" {
		var name, value string
		name, value, query = nextPair(query)
		if name != "info_hash" {
			continue
		}
		if len(dst)-first == MaxScrapeHashes {
			return dst, core.FieldErrorf(name, "ask for at most %d torrents at once", MaxScrapeHashes)
		}
		var h core.InfoHash
		if err := exactly(name, h[:], value); err != nil {
			return dst, err
		}
		dst = append(dst, h)
	}
	if len(dst) == first {
		return dst, core.FieldErrorf("info_hash", "name the torrents by info_hash; there is no scrape of everything here")
	}
	return dst, nil
}

func tooLong(got, limit int) error {
	return core.Errorf(core.Invalid, "the query has %d bytes; at most %d are read", got, limit)
}

func nextPair(query string) (name, value, rest string) {
	name = query
	if i := strings.IndexByte(query, '&'); i >= 0 {
		name, rest = query[:i], query[i+1:]
	}
	if i := strings.IndexByte(name, '='); i >= 0 {
		name, value = name[:i], name[i+1:]
	}
	return name, value, rest
}

// exactly decodes value into dst, which it must fill.
func exactly(name string, dst []byte, value string) error {
	n, ok := unescape(dst, value)
	if !ok {
		return core.FieldErrorf(name, "%s has a broken percent-escape", name)
	}
	if n != len(dst) {
		return core.FieldErrorf(name, "%s must have %d bytes", name, len(dst))
	}
	return nil
}

// unescape decodes percent-escapes (RFC 3986) into dst and returns the number of bytes.
// If they do not fit into dst, it returns len(dst)+1.
func unescape(dst []byte, s string) (n int, ok bool) {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '%':
			if i+2 >= len(s) {
				return n, false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi > 15 || lo > 15 {
				return n, false
			}
			c = hi<<4 | lo
			i += 2
		case '+':
			c = ' '
		}
		if n == len(dst) {
			return n + 1, true
		}
		dst[n] = c
		n++
	}
	return n, true
}

// unhex returns the value of a hexadecimal digit, or a value over 15.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// digits parses a number without a sign. If it is over MaxInt64, overflow is true.
func digits(s string) (n int64, ok, overflow bool) {
	if s == "" {
		return 0, false, false
	}
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 {
			return 0, false, false
		}
		if overflow || n > (math.MaxInt64-d)/10 {
			overflow = true
			continue
		}
		n = n*10 + d
	}
	return n, !overflow, overflow
}

func counter(name, value string) (int64, error) {
	n, ok, overflow := digits(value)
	switch {
	case ok:
		return n, nil
	case overflow:
		return 0, core.FieldErrorf(name, "%s is too large a number", name)
	case strings.HasPrefix(value, "-"):
		return 0, core.FieldErrorf(name, "%s can't be negative", name)
	default:
		return 0, core.FieldErrorf(name, "%s must be a whole number", name)
	}
}

func port(value string) (uint16, error) {
	n, ok, _ := digits(value)
	if !ok || n == 0 || n > math.MaxUint16 {
		return 0, core.FieldErrorf("port", "port must be from 1 to 65535")
	}
	return uint16(n), nil
}

// numWant treats a negative number as none: several clients send -1. The swarm limits
// the number.
func numWant(value string) (int, error) {
	rest, negative := strings.CutPrefix(value, "-")
	n, ok, overflow := digits(rest)
	switch {
	case !ok && !overflow:
		return 0, core.FieldErrorf("numwant", "numwant must be a whole number")
	case negative:
		return NumWantUnset, nil
	case overflow:
		return math.MaxInt32, nil
	default:
		return int(min(n, math.MaxInt32)), nil
	}
}

func event(value string) (Event, error) {
	switch value {
	case "", "empty":
		return None, nil
	case "started":
		return Started, nil
	case "stopped":
		return Stopped, nil
	case "completed":
		return Completed, nil
	case "paused":
		return Paused, nil
	}
	return None, core.FieldErrorf("event", "event must be started, stopped, completed, paused or left out")
}

// key hashes a client's key (FNV-1a), so that keys can be compared without being kept.
func key(value string) (uint64, error) {
	var buf [maxKey]byte
	n, ok := unescape(buf[:], value)
	if !ok {
		return 0, core.FieldErrorf("key", "key has a broken percent-escape")
	}
	if n > maxKey {
		return 0, core.FieldErrorf("key", "key has over %d bytes", maxKey)
	}
	if n == 0 {
		return 0, nil
	}
	h := uint64(14695981039346656037)
	for _, c := range buf[:n] {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return max(h, 1), nil
}
