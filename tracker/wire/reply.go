package wire

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Peer is a peer in a reply. It may have an address of each family.
type Peer struct {
	ID     PeerID
	V4, V6 Endpoint
}

// Reply answers an announce.
type Reply struct {
	Interval    time.Duration // until the next announce; whole seconds are sent
	MinInterval time.Duration // 0 leaves it out
	Complete    int           // seeders
	Incomplete  int           // leechers
	Downloaded  int64         // how often the torrent was downloaded in full
	External    netip.Addr    // the address from which the client announces (BEP 24); the zero value leaves it out
	Warning     string        // shown to the client's user; "" leaves it out
	Peers       []Peer
	Compact     bool
	NoPeerID    bool // has an effect only if Compact is false
}

// Append appends the bencoded reply to dst. It allocates only where dst must grow.
func (r *Reply) Append(dst []byte) []byte {
	dst = append(dst, 'd')
	dst = appendIntKey(dst, "complete", int64(r.Complete))
	dst = appendIntKey(dst, "downloaded", r.Downloaded)
	if r.External.IsValid() {
		e := EndpointOf(r.External, 0)
		dst = appendString(dst, "external ip")
		dst = appendBytes(dst, e.b[:e.len-2])
	}
	dst = appendIntKey(dst, "incomplete", int64(r.Incomplete))
	dst = appendIntKey(dst, "interval", seconds(r.Interval))
	if r.MinInterval > 0 {
		dst = appendIntKey(dst, "min interval", seconds(r.MinInterval))
	}
	if r.Compact {
		dst = r.appendCompact(dst)
	} else {
		dst = r.appendList(dst)
	}
	if r.Warning != "" {
		dst = appendString(dst, "warning message")
		dst = appendString(dst, r.Warning)
	}
	return append(dst, 'e')
}

// appendCompact appends peers (BEP 23) and, if there are any, peers6 (BEP 7).
func (r *Reply) appendCompact(dst []byte) []byte {
	n4, n6 := 0, 0
	for i := range r.Peers {
		n4 += int(r.Peers[i].V4.len)
		n6 += int(r.Peers[i].V6.len)
	}
	dst = appendString(dst, "peers")
	dst = append(strconv.AppendInt(dst, int64(n4), 10), ':')
	for i := range r.Peers {
		dst = append(dst, r.Peers[i].V4.Bytes()...)
	}
	if n6 == 0 {
		return dst
	}
	dst = appendString(dst, "peers6")
	dst = append(strconv.AppendInt(dst, int64(n6), 10), ':')
	for i := range r.Peers {
		dst = append(dst, r.Peers[i].V6.Bytes()...)
	}
	return dst
}

// appendList appends peers in the form of BEP 3, one entry for each address.
func (r *Reply) appendList(dst []byte) []byte {
	dst = append(appendString(dst, "peers"), 'l')
	for i := range r.Peers {
		p := &r.Peers[i]
		for _, e := range [...]Endpoint{p.V4, p.V6} {
			if e.IsZero() {
				continue
			}
			ap := e.AddrPort()
			var text [64]byte
			dst = append(dst, 'd')
			dst = appendString(dst, "ip")
			dst = appendBytes(dst, ap.Addr().AppendTo(text[:0]))
			if !r.NoPeerID {
				dst = appendString(dst, "peer id")
				dst = appendBytes(dst, p.ID[:])
			}
			dst = appendIntKey(dst, "port", int64(ap.Port()))
			dst = append(dst, 'e')
		}
	}
	return append(dst, 'e')
}

// Never is the Retry of a Failure after which a client should not ask again.
const Never = time.Duration(-1)

// Failure answers a request that can't be answered.
type Failure struct {
	Reason string
	// Retry is how long the client should wait. It is sent in seconds as interval,
	// which libtorrent obeys, and in minutes as "retry in" (BEP 31).
	Retry time.Duration
}

// neverInterval is sent with Never: clients that only know interval come back once a
// day.
const neverInterval = 24 * time.Hour

// Append appends the bencoded failure to dst.
func (f Failure) Append(dst []byte) []byte {
	dst = append(dst, 'd')
	dst = appendString(dst, "failure reason")
	dst = appendString(dst, f.Reason)
	if f.Retry == Never {
		dst = appendIntKey(dst, "interval", seconds(neverInterval))
		dst = appendString(dst, "retry in")
		return append(appendString(dst, "never"), 'e')
	}
	dst = appendIntKey(dst, "interval", seconds(f.Retry))
	dst = appendIntKey(dst, "retry in", max(1, int64((f.Retry+time.Minute-1)/time.Minute)))
	return append(dst, 'e')
}

// ScrapeFile is one torrent in the answer to a scrape.
type ScrapeFile struct {
	InfoHash   core.InfoHash
	Complete   int
	Downloaded int64
	Incomplete int
}

// AppendScrape appends the answer to a scrape (BEP 48) to dst. It sorts files and writes
// each info-hash once.
func AppendScrape(dst []byte, files []ScrapeFile, minInterval time.Duration) []byte {
	slices.SortFunc(files, func(a, b ScrapeFile) int { return bytes.Compare(a.InfoHash[:], b.InfoHash[:]) })
	files = slices.CompactFunc(files, func(a, b ScrapeFile) bool { return a.InfoHash == b.InfoHash })
	dst = append(appendString(append(dst, 'd'), "files"), 'd')
	for _, f := range files {
		dst = append(appendBytes(dst, f.InfoHash[:]), 'd')
		dst = appendIntKey(dst, "complete", int64(f.Complete))
		dst = appendIntKey(dst, "downloaded", f.Downloaded)
		dst = appendIntKey(dst, "incomplete", int64(f.Incomplete))
		dst = append(dst, 'e')
	}
	dst = append(appendString(append(dst, 'e'), "flags"), 'd')
	dst = appendIntKey(dst, "min_request_interval", seconds(minInterval))
	return append(dst, 'e', 'e')
}

// seconds rounds up, so that an interval under a second is never sent as 0.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

func appendIntKey(dst []byte, key string, n int64) []byte {
	dst = append(appendString(dst, key), 'i')
	return append(strconv.AppendInt(dst, n, 10), 'e')
}

func appendString(dst []byte, s string) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}

func appendBytes(dst, s []byte) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(s)), 10), ':')
	return append(dst, s...)
}
