package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// population is the clients and torrents. Everything but the announce keys follows from the
// seed.
type population struct {
	o      options
	hashes []core.InfoHash
	spelt  []string // the hashes, percent-encoded
	peers  []peer
}

// peer is one client in one torrent.
type peer struct {
	torrent, member int32
	up, down, left  int64
}

const torrentSize = 4 << 30 // bytes

func newPopulation(o options) *population {
	r := rand.New(rand.NewPCG(o.seed, 1)) //nolint:gosec // it must be the same each time
	p := &population{o: o, hashes: make([]core.InfoHash, o.torrents), spelt: make([]string, o.torrents), peers: make([]peer, o.peers)}
	for i := range p.hashes {
		h := &p.hashes[i]
		binary.BigEndian.PutUint64(h[:], r.Uint64())
		binary.BigEndian.PutUint64(h[8:], r.Uint64())
		binary.BigEndian.PutUint32(h[16:], uint32(i))
		p.spelt[i] = escape(h[:])
	}
	for i := range p.peers {
		// The square makes few torrents large: the largest of 20,000 has 0.7 % of
		// all peers, most have a few.
		u := r.Float64()
		p.peers[i] = peer{torrent: int32(u * u * float64(o.torrents)), member: int32(i % o.members)}
		if r.IntN(10) < 3 {
			p.peers[i].left = torrentSize
		}
	}
	return p
}

func escape(b []byte) string {
	var out []byte
	for _, c := range b {
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			out = append(out, c)
			continue
		}
		out = append(out, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
	}
	return string(out)
}

// address returns the address of a client; each has its own.
func (p *population) address(i int) netip.Addr {
	if i%100 < p.o.v6 {
		a := [16]byte{0x2a, 0x01, 0x04, 0xf8, 15: 1}
		binary.BigEndian.PutUint32(a[4:], uint32(i))
		return netip.AddrFrom16(a)
	}
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 44<<24|uint32(i)&0xffffff)
	return netip.AddrFrom4(a)
}

// next lets a random client transfer something, and appends its announce.
func (p *population) next(dst []byte, r *rand.Rand, s *server, closing bool) []byte {
	i := r.IntN(len(p.peers))
	c := &p.peers[i]
	event := ""
	switch n := r.IntN(100); {
	case n < 5:
		event, c.up, c.down = "started", 0, 0
	case n < 9:
		event = "stopped"
	case n < 10:
		event, c.left = "completed", 0
	}
	if i%10 >= 3 && event != "started" {
		c.up += 1 << 20
		if c.left > 0 {
			c.down += 1 << 20
			c.left = max(c.left-1<<20, 1<<20)
		}
	}
	return p.request(dst, s, i, event, closing)
}

// request appends the announce of client i.
func (p *population) request(dst []byte, s *server, i int, event string, closing bool) []byte {
	c := &p.peers[i]
	dst = append(dst, "GET "...)
	dst = append(dst, s.path(int(c.member))...)
	dst = append(append(dst, "?info_hash="...), p.spelt[c.torrent]...)
	dst = append(dst, "&peer_id=-TR3000-"...)
	dst = appendPadded(dst, i)
	dst = strconv.AppendInt(append(dst, "&port="...), int64(1024+i%64000), 10)
	dst = strconv.AppendInt(append(dst, "&uploaded="...), c.up, 10)
	dst = strconv.AppendInt(append(dst, "&downloaded="...), c.down, 10)
	dst = strconv.AppendInt(append(dst, "&left="...), c.left, 10)
	dst = append(dst, "&numwant=50&key=abcd1234&compact=1&supportcrypto=1"...)
	if event != "" {
		dst = append(append(dst, "&event="...), event...)
	}
	dst = append(dst, " HTTP/1.1\r\nHost: tracker.example\r\nUser-Agent: Transmission/3.00\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\nX-Forwarded-For: "...)
	dst = p.address(i).AppendTo(dst)
	if closing {
		dst = append(dst, "\r\nConnection: close"...)
	}
	return append(dst, "\r\n\r\n"...)
}

func appendPadded(dst []byte, n int) []byte {
	const digits = 12
	at := len(dst)
	dst = append(dst, "000000000000"...)
	for i := at + digits - 1; n > 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

// whitelist returns the list of torrents in opentracker's format.
func (p *population) whitelist() []byte {
	var out []byte
	for _, h := range p.hashes {
		out = fmt.Appendf(out, "%x\n", h[:])
	}
	return out
}
