package udp

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"time"
)

// window is how long a connection id is given out. It is accepted for one more window.
// Clients use an id for a minute (BEP 15).
const window = time.Minute

// connectionIDs makes and checks connection ids without remembering them. An id is a
// keyed hash of the client's address and the time. So a client that sends a valid id
// can read what is sent to its address.
type connectionIDs struct{ secret [32]byte }

func newConnectionIDs() connectionIDs {
	var s connectionIDs
	_, _ = rand.Read(s.secret[:]) // never fails: crypto/rand aborts the program instead
	return s
}

// of returns the id of an address at a time.
func (s *connectionIDs) of(a netip.Addr, at time.Time) uint64 {
	return s.forWindow(a, at.Unix()/int64(window/time.Second))
}

func (s *connectionIDs) forWindow(a netip.Addr, n int64) uint64 {
	var b [32 + 16 + 8]byte
	address := a.As16()
	copy(b[:], s.secret[:])
	copy(b[32:], address[:])
	binary.BigEndian.PutUint64(b[48:], uint64(n))
	sum := sha256.Sum256(b[:])
	return binary.BigEndian.Uint64(sum[:])
}

// valid reports whether an id was given to the address in this window or the last.
func (s *connectionIDs) valid(id uint64, a netip.Addr, at time.Time) bool {
	n := at.Unix() / int64(window/time.Second)
	var got, now, before [8]byte
	binary.BigEndian.PutUint64(got[:], id)
	binary.BigEndian.PutUint64(now[:], s.forWindow(a, n))
	binary.BigEndian.PutUint64(before[:], s.forWindow(a, n-1))
	return subtle.ConstantTimeCompare(got[:], now[:])|subtle.ConstantTimeCompare(got[:], before[:]) == 1
}

// limiter limits how many connects of one source are answered in a second. It counts
// in a hash table of fixed size. Sources with the same hash share one limit, and no
// outsider can tell which sources these are.
type limiter struct {
	seed   maphash.Seed
	most   uint16
	second int64
	counts [1 << 14]uint16
}

// allow counts a connect and reports whether it is answered.
func (l *limiter) allow(a netip.Addr, at time.Time) bool {
	if s := at.Unix(); s != l.second {
		l.second = s
		clear(l.counts[:])
	}
	bits := 32
	if a.Is6() {
		bits = 64 // what one customer has
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return false
	}
	n := &l.counts[maphash.Comparable(l.seed, p.Addr())%uint64(len(l.counts))]
	if *n >= l.most {
		return false
	}
	*n++
	return true
}
