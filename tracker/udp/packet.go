package udp

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// The actions (BEP 15).
const (
	actionConnect  = 0
	actionAnnounce = 1
	actionScrape   = 2
	actionError    = 3
)

const (
	protocol     = 0x41727101980 // begins a connect request
	headSize     = 16            // connection id, action, transaction id
	announceSize = 98            // without options
	maxURL       = 512           // bytes of URLData, which BEP 41 gives 255 each
	answerHead   = 8             // action, transaction id

	// maxAnswer is the length of the longest answer. It fits into one packet on any
	// IPv6 link, so that no answer is split into fragments.
	maxAnswer = 1232
)

// The options that follow an announce (BEP 41).
const (
	optionEnd = 0
	optionNop = 1
	optionURL = 2
)

// head is the beginning of every request.
type head struct {
	connection  uint64
	action      uint32
	transaction [4]byte
}

func parseHead(b []byte) (h head, ok bool) {
	if len(b) < headSize {
		return h, false
	}
	return head{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:]), [4]byte(b[12:])}, true
}

// parseAnnounce parses an announce request into a, and appends the URLData of its
// options to url. As over HTTP, what can't be used is left out: a counter beyond 2^63, an
// event that nobody knows, options from the first that is cut off. A client that stops
// needs no port. An error has code Invalid. The address that the client claims to have is
// ignored.
func parseAnnounce(b []byte, a *wire.Announce, url []byte) ([]byte, error) {
	if len(b) < announceSize {
		return url, core.Errorf(core.Invalid, "an announce has at least %d bytes, not %d", announceSize, len(b))
	}
	url = parseOptions(b[announceSize:], url)
	*a = wire.Announce{InfoHash: core.InfoHash(b[16:36]), PeerID: wire.PeerID(b[36:56]), Compact: true, NumWant: wire.NumWantUnset,
		Downloaded: counter(b[56:]), Left: counter(b[64:]), Uploaded: counter(b[72:]),
		Key: uint64(binary.BigEndian.Uint32(b[88:])), Port: binary.BigEndian.Uint16(b[96:])}
	if event := binary.BigEndian.Uint32(b[80:]); int64(event) < int64(len(events)) {
		a.Event = events[event]
	}
	if n := int32(binary.BigEndian.Uint32(b[92:])); n >= 0 { // with -1 the number is ours to choose
		a.NumWant = int(n)
	}
	if a.Port == 0 && a.Event != wire.Stopped {
		return url, core.FieldErrorf("port", "port must be from 1 to 65535")
	}
	return url, nil
}

func counter(b []byte) int64 {
	if v := binary.BigEndian.Uint64(b); v <= math.MaxInt64 {
		return int64(v)
	}
	return wire.Unknown
}

// events are in the order of their numbers in BEP 15. libtorrent also has a number for
// the event paused of BEP 21.
var events = [...]wire.Event{wire.None, wire.Completed, wire.Started, wire.Stopped, wire.Paused}

// parseOptions appends all URLData to url, up to maxURL bytes. It skips unknown options,
// and ends at one that is cut off.
func parseOptions(b, url []byte) []byte {
	for len(b) > 0 && b[0] != optionEnd {
		if b[0] == optionNop {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			break
		}
		if b[0] == optionURL {
			url = append(url, b[2:2+int(b[1])]...)
			url = url[:min(len(url), maxURL)]
		}
		b = b[2+int(b[1]):]
	}
	return url
}

// AppendReply appends the part of an answer to an announce that follows the
// transaction id. The answer holds peers of one address family, because it can't tell
// families apart, and only as many as fit into one packet.
func AppendReply(dst []byte, r *wire.Reply, want4 bool) []byte {
	from := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, clampInt32(int64((r.Interval+time.Second-1)/time.Second)))
	dst = binary.BigEndian.AppendUint32(dst, clampInt32(int64(r.Incomplete)))
	dst = binary.BigEndian.AppendUint32(dst, clampInt32(int64(r.Complete)))
	for i := range r.Peers {
		e := &r.Peers[i].V6
		if want4 {
			e = &r.Peers[i].V4
		}
		if len(dst)-from+len(e.Bytes()) > maxAnswer-answerHead {
			break
		}
		dst = append(dst, e.Bytes()...)
	}
	return dst
}

func clampInt32(n int64) uint32 { return uint32(min(max(n, 0), math.MaxInt32)) }

// appendHead appends the beginning of an answer.
func appendHead(dst []byte, action uint32, h head) []byte {
	return append(binary.BigEndian.AppendUint32(dst, action), h.transaction[:]...)
}

func appendID(dst []byte, id uint64) []byte { return binary.BigEndian.AppendUint64(dst, id) }
