package wire

import (
	"math"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Limits of requests. Real announces have less than 600 bytes.
const (
	MaxQuery        = 8000 // bytes of a query string
	MaxScrapeHashes = 100  // info-hashes that are read of one scrape; Transmission asks for up to 64
	maxWord         = 32   // bytes of a decoded number or event
)

// NumWantUnset is the NumWant of a client that sent no number, or a negative one, as
// some do: the tracker chooses the number.
const NumWantUnset = -1

// Unknown is a counter that a client did not tell, or in a form that can't be used.
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

// Announce is an announce query that can be used.
type Announce struct {
	InfoHash   core.InfoHash
	PeerID     PeerID
	Key        uint64 // a hash of the client's key; 0 if it sent none
	Uploaded   int64  // bytes since the session's start, 0 to MaxInt64, or Unknown
	Downloaded int64  // bytes since the session's start, 0 to MaxInt64, or Unknown
	Left       int64  // bytes missing, 0 to MaxInt64, or Unknown
	NumWant    int    // 0 to MaxInt32, or NumWantUnset
	Port       uint16 // 1 to 65535; a client that stops may have sent none, which is 0
	Event      Event
	Compact    bool   // false only if the client sent compact=0 (BEP 23)
	NoPeerID   bool   // leave peer-ids out of a reply that is not compact
	IPv4, IPv6 string // the addresses that the client claims (BEP 7), still encoded; see ClaimedEndpoint
}

// The parameters of an announce, by their bits. The first three say what it is about.
const (
	infoHash = 1 << iota
	peerID
	portNumber
	uploaded
	downloaded
	left
	event
	numWant
	compact
	noPeerID
	clientKey
)

// vital are the parameters without which an announce can't be used, in the order of their
// bits.
var vital = [...]string{"info_hash", "peer_id", "port"}

// reading is the state of parsing an announce.
type reading struct {
	*Announce
	seen, twice int                // parameters with a value that can be used, and with two different ones
	spoilt      int                // vital parameters with a value that can't be used
	bad         [len(vital)]string // these values
	stops       bool               // one of its events was stopped
}

// ParseAnnounce parses a raw query string, without the question mark, into a. A plus sign
// is a blank, as in forms: no known client means a plus sign by it.
//
// What can't be used is left out, and the rest counts: a value that is no number or out of
// range, an event that nobody knows, a parameter with two different values. An announce
// with one event stopped is a stop. Only info_hash and peer_id, and port unless the client
// stops, must be there and unambiguous. If they are not, the error has code Invalid, and a
// is partly filled.
func ParseAnnounce(query string, a *Announce) error {
	*a = Announce{Uploaded: Unknown, Downloaded: Unknown, Left: Unknown, NumWant: NumWantUnset, Compact: true}
	if len(query) > MaxQuery {
		return tooLong(len(query))
	}
	r := reading{Announce: a}
	for query != "" {
		var name, value string
		name, value, query = nextPair(query)
		r.take(name, value)
	}
	return r.finish()
}

// take reads one parameter.
func (r *reading) take(name, value string) {
	switch name {
	case "info_hash":
		r.exactly(infoHash, r.InfoHash[:], value)
	case "peer_id":
		r.exactly(peerID, r.PeerID[:], value)
	case "port":
		n, ok, overflow := number(value)
		if ok = ok && !overflow && n > 0 && n <= math.MaxUint16; !ok {
			r.spoilt |= portNumber
		}
		put(r, portNumber, &r.Port, uint16(n), ok)
	case "uploaded":
		r.counter(uploaded, &r.Uploaded, value)
	case "downloaded":
		r.counter(downloaded, &r.Downloaded, value)
	case "left":
		r.counter(left, &r.Left, value)
	case "event":
		e, ok := readEvent(value)
		r.stops = r.stops || ok && e == Stopped
		put(r, event, &r.Event, e, ok)
	case "numwant":
		n, ok := readNumWant(value)
		put(r, numWant, &r.NumWant, n, ok)
	case "compact":
		put(r, compact, &r.Compact, value == "1", value == "0" || value == "1")
	case "no_peer_id":
		put(r, noPeerID, &r.NoPeerID, value == "1", value == "0" || value == "1")
	case "key":
		k, ok := hashKey(value)
		put(r, clientKey, &r.Key, k, ok)
	case "ipv4": // libtorrent sends each of its addresses
		if r.IPv4 == "" {
			r.IPv4 = value
		}
	case "ipv6":
		if r.IPv6 == "" {
			r.IPv6 = value
		}
	}
}

// put stores a value, if it can be used, and notes whether there is another one.
func put[T comparable](r *reading, bit int, to *T, value T, ok bool) {
	switch {
	case !ok:
	case r.seen&bit == 0:
		r.seen |= bit
		*to = value
	case *to != value:
		r.twice |= bit
	}
}

// exactly reads a value that must fill dst.
func (r *reading) exactly(bit int, dst []byte, value string) {
	var buf [len(PeerID{})]byte
	n, ok := unescape(buf[:], value)
	switch {
	case !ok || n != len(dst):
		r.spoilt |= bit
		r.bad[bit>>1] = value
	case r.seen&bit == 0:
		r.seen |= bit
		copy(dst, buf[:])
	case string(dst) != string(buf[:]):
		r.twice |= bit
	}
}

func (r *reading) counter(bit int, to *int64, value string) {
	n, ok, overflow := number(value)
	put(r, bit, to, n, ok && !overflow)
}

// finish leaves out what is ambiguous, and returns an error if that is vital.
func (r *reading) finish() error {
	if r.twice&uploaded != 0 {
		r.Uploaded = Unknown
	}
	if r.twice&downloaded != 0 {
		r.Downloaded = Unknown
	}
	if r.twice&left != 0 {
		r.Left = Unknown
	}
	if r.twice&event != 0 {
		r.Event = None
	}
	if r.stops {
		r.Event = Stopped
	}
	if r.twice&numWant != 0 {
		r.NumWant = NumWantUnset
	}
	r.Compact = r.Compact || r.twice&compact != 0
	r.NoPeerID = r.NoPeerID && r.twice&noPeerID == 0
	if r.twice&clientKey != 0 {
		r.Key = 0
	}
	needed := infoHash | peerID | portNumber
	if r.Event == Stopped {
		if needed = infoHash | peerID; r.twice&portNumber != 0 {
			r.Port = 0
		}
	}
	if needed&^r.seen == 0 && needed&r.twice == 0 {
		return nil
	}
	return r.missing(needed)
}

// missing says what is wrong with the first vital parameter that can't be used.
func (r *reading) missing(needed int) error {
	for i, name := range vital {
		switch bit := 1 << i; {
		case needed&bit == 0:
		case r.twice&bit != 0:
			return core.FieldErrorf(name, "%s is there twice, and not the same", name)
		case r.seen&bit == 0 && r.spoilt&bit != 0:
			return whyBad(name, r.bad[i])
		case r.seen&bit == 0:
			return core.FieldErrorf(name, "%s is missing", name)
		}
	}
	return nil
}

// whyBad says why a value of a vital parameter can't be used.
func whyBad(name, value string) error {
	var buf [len(PeerID{})]byte
	_, ok := unescape(buf[:], value)
	switch {
	case name == "port":
		return core.FieldErrorf(name, "port must be from 1 to 65535")
	case !ok:
		return core.FieldErrorf(name, "%s has a broken percent-escape", name)
	default:
		return core.FieldErrorf(name, "%s must have %d bytes", name, len(buf))
	}
}

// ParseScrape appends the info-hashes of a raw query string to dst (BEP 48), up to
// MaxScrapeHashes of them. Those that can't be used are left out. A query without any that
// can is Invalid: it would ask for every torrent.
func ParseScrape(query string, dst []core.InfoHash) ([]core.InfoHash, error) {
	if len(query) > MaxQuery {
		return dst, tooLong(len(query))
	}
	first, bad, spoilt := len(dst), "", false
	for query != "" && len(dst)-first < MaxScrapeHashes {
		var name, value string
		name, value, query = nextPair(query)
		if name != "info_hash" {
			continue
		}
		var h core.InfoHash
		if n, ok := unescape(h[:], value); ok && n == len(h) {
			dst = append(dst, h)
		} else {
			bad, spoilt = value, true
		}
	}
	switch {
	case len(dst) > first:
		return dst, nil
	case spoilt:
		return dst, whyBad("info_hash", bad)
	}
	return dst, core.FieldErrorf("info_hash", "name the torrents by info_hash; there is no scrape of everything here")
}

func tooLong(got int) error {
	return core.Errorf(core.Invalid, "the query has %d bytes; at most %d are read", got, MaxQuery)
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

// unescape decodes percent-escapes (RFC 3986) into dst and returns the number of bytes.
// If they do not fit into dst, it returns len(dst)+1.
func unescape(dst []byte, s string) (n int, ok bool) {
	for i := 0; i < len(s); n++ {
		var c byte
		if c, i, ok = nextByte(s, i); !ok {
			return n, false
		}
		if n == len(dst) {
			return n + 1, true
		}
		dst[n] = c
	}
	return n, true
}

// nextByte returns the byte at index i of an encoded text, and the index after it.
func nextByte(s string, i int) (c byte, next int, ok bool) {
	switch c = s[i]; c {
	case '%':
		if i+2 >= len(s) {
			return 0, i, false
		}
		hi, lo := unhex(s[i+1]), unhex(s[i+2])
		return hi<<4 | lo, i + 3, hi <= 15 && lo <= 15
	case '+':
		return ' ', i + 1, true
	default:
		return c, i + 1, true
	}
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
	return n, true, overflow
}

// number parses a number that may be encoded.
func number(value string) (n int64, ok, overflow bool) {
	if strings.IndexByte(value, '%') < 0 {
		return digits(value)
	}
	var buf [maxWord]byte
	m, ok := unescape(buf[:], value)
	if !ok || m > len(buf) {
		return 0, false, false
	}
	return digits(string(buf[:m]))
}

// readNumWant treats a negative number as none: several clients send -1. The swarm limits
// the number.
func readNumWant(value string) (n int, ok bool) {
	rest, negative := strings.CutPrefix(value, "-")
	m, ok, overflow := number(rest)
	switch {
	case !ok:
		return 0, false
	case negative:
		return NumWantUnset, true
	case overflow:
		return math.MaxInt32, true
	default:
		return int(min(m, math.MaxInt32)), true
	}
}

// readEvent reads an event, in letters of any size.
func readEvent(value string) (Event, bool) {
	var buf [maxWord]byte
	n, ok := unescape(buf[:], value)
	if !ok || n > len(buf) {
		return None, false
	}
	for i, c := range buf[:n] {
		if 'A' <= c && c <= 'Z' {
			buf[i] = c + 'a' - 'A'
		}
	}
	switch string(buf[:n]) {
	case "", "empty":
		return None, true
	case "started":
		return Started, true
	case "stopped":
		return Stopped, true
	case "completed":
		return Completed, true
	case "paused":
		return Paused, true
	}
	return None, false
}

// hashKey hashes a client's key (FNV-1a), so that keys can be compared without being kept.
func hashKey(value string) (h uint64, ok bool) {
	if value == "" {
		return 0, true
	}
	h = 14695981039346656037
	for i := 0; i < len(value); {
		var c byte
		if c, i, ok = nextByte(value, i); !ok {
			return 0, false
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	return max(h, 1), true
}
