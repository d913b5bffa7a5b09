package ban

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Set is the bans in force at some time, ready to be asked. It never changes; the zero Set
// bans nobody. What a question costs does not grow with the number of bans but by its
// logarithm.
type Set struct {
	bans   []Ban
	edges  []edge // of each ban
	reach  Reach  // of all of them together
	v4, v6 ranges
	mail   mailIndex
}

// edge is what a question compares of a ban: small, so that many are near in memory.
type edge struct {
	until time.Time // the zero time where it holds for good
	from  time.Time // a clock that says less was wrong
	reach Reach
}

func edgeOf(b Ban) edge {
	if !b.LiftedAt.IsZero() {
		return edge{}
	}
	e := edge{until: b.Ends, reach: b.Reach}
	if !b.Ends.IsZero() {
		e.from = b.Starts.Add(-core.Skew)
	}
	return e
}

func (e *edge) holds(reach Reach, now time.Time) bool {
	return e.reach&reach != 0 && (e.until.IsZero() || e.until.After(now) && !e.from.After(now))
}

// NewSet makes a set. Bans whose value can't be read have no effect in it.
func NewSet(bans []Ban) *Set {
	s := &Set{bans: bans, edges: make([]edge, len(bans))}
	byNet := map[netip.Prefix][]int32{}
	for i, b := range bans {
		s.edges[i] = edgeOf(b)
		s.reach |= s.edges[i].reach
		if p := b.Prefix(); p.IsValid() {
			byNet[p] = append(byNet[p], int32(i))
		}
		if b.Kind == Mail {
			s.mail.add(b.Value, int32(i))
		}
	}
	var nets4, nets6 []netip.Prefix
	for p := range byNet {
		if p.Addr().Is4() {
			nets4 = append(nets4, p)
		} else {
			nets6 = append(nets6, p)
		}
	}
	s.v4, s.v6 = newRanges(nets4, byNet), newRanges(nets6, byNet)
	return s
}

// Bans lists all bans of the set, in the order in which they were given.
func (s *Set) Bans() []Ban {
	if s == nil {
		return nil
	}
	return s.bans
}

// Any reports whether any ban of the set reaches what reach names (any of it): where none
// does, nothing else needs to be asked.
func (s *Set) Any(reach Reach) bool { return s != nil && s.reach&reach != 0 }

// Address returns the narrowest ban in force at now that keeps an address from what reach
// names (any of it), and reports whether there is one. Zones don't count, and IPv4 inside
// IPv6 is IPv4. An invalid address is never banned.
func (s *Set) Address(a netip.Addr, reach Reach, now time.Time) (b Ban, banned bool) {
	if !s.Any(reach) {
		return b, false
	}
	if a = plainAddr(a); !a.IsValid() {
		return b, false
	}
	r := &s.v6
	if a.Is4() {
		r = &s.v4
	}
	for n := r.find(a); n >= 0; n = r.nodes[n].parent {
		for _, i := range r.nodes[n].bans {
			if s.edges[i].holds(reach, now) {
				return s.bans[i], true
			}
		}
	}
	return b, false
}

// Mail returns a ban in force at now that keeps a mail address from joining, and reports
// whether there is one. The address may be written in any case.
func (s *Set) Mail(address string, now time.Time) (b Ban, banned bool) {
	if s == nil {
		return b, false
	}
	for _, i := range s.mail.candidates(FoldMail(address)) {
		if s.edges[i].holds(Joining, now) {
			return s.bans[i], true
		}
	}
	return b, false
}

// ranges are networks, of which each lies in another or apart from it, cut into ranges of
// addresses that lie in the same ones.
type ranges struct {
	from  []netip.Addr // where each range begins, in order; it ends before the next
	node  []int32      // the narrowest network of the range; -1 for none
	nodes []node
}

// node is a network.
type node struct {
	bans   []int32
	parent int32 // the next larger network of the set; -1 for none
}

// newRanges cuts networks of one family.
func newRanges(nets []netip.Prefix, bans map[netip.Prefix][]int32) (r ranges) {
	slices.SortFunc(nets, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var open []int32 // the networks around the present one, widest first
	top := func() int32 {
		if len(open) == 0 {
			return -1
		}
		return open[len(open)-1]
	}
	leave := func() {
		after := lastOf(nets[top()]).Next()
		open = open[:len(open)-1]
		if after.IsValid() {
			r.begin(after, top())
		}
	}
	for i, p := range nets {
		for len(open) > 0 && !nets[top()].Contains(p.Addr()) {
			leave()
		}
		r.nodes = append(r.nodes, node{bans: bans[p], parent: top()})
		open = append(open, int32(i))
		r.begin(p.Addr(), top())
	}
	for len(open) > 0 {
		leave()
	}
	return r
}

// begin begins a range, in place of one that begins at the same address.
func (r *ranges) begin(at netip.Addr, n int32) {
	if last := len(r.from) - 1; last >= 0 && r.from[last] == at {
		r.node[last] = n
		return
	}
	r.from, r.node = append(r.from, at), append(r.node, n)
}

// find returns the narrowest network that an address lies in, or -1.
func (r *ranges) find(a netip.Addr) int32 {
	low, high := 0, len(r.from)
	for low < high {
		if mid := (low + high) / 2; a.Less(r.from[mid]) {
			high = mid
		} else {
			low = mid + 1
		}
	}
	if low == 0 {
		return -1
	}
	return r.node[low-1]
}

// lastOf is the last address of a network.
func lastOf(p netip.Prefix) netip.Addr {
	raw := p.Addr().AsSlice()
	for i := range raw {
		if bits := p.Bits() - 8*i; bits <= 0 {
			raw[i] = 0xff
		} else if bits < 8 {
			raw[i] |= 0xff >> bits
		}
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// mailIndex finds patterns by the domain that they name.
type mailIndex struct {
	exact map[string][]int32  // whole addresses
	in    map[string][]mailAt // patterns before the @, by domain
	below map[string][]mailAt // likewise, for a domain and all below it
}

type mailAt struct {
	user string
	ban  int32
}

func (m *mailIndex) add(pattern string, i int32) {
	if m.exact == nil {
		m.exact, m.in, m.below = map[string][]int32{}, map[string][]mailAt{}, map[string][]mailAt{}
	}
	at := strings.LastIndexByte(pattern, '@')
	if at < 0 {
		return
	}
	user, domain := pattern[:at], pattern[at+1:]
	switch under, wide := strings.CutPrefix(domain, "*."); {
	case wide:
		m.below[under] = append(m.below[under], mailAt{user, i})
	case strings.Contains(user, "*"):
		m.in[domain] = append(m.in[domain], mailAt{user, i})
	default:
		m.exact[pattern] = append(m.exact[pattern], i)
	}
}

// candidates are the bans whose patterns fit an address, the most exact first.
func (m *mailIndex) candidates(address string) (out []int32) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || len(address) > 2*maxValue {
		return nil
	}
	user, domain := address[:at], strings.TrimSuffix(address[at+1:], ".")
	out = append(out, m.exact[user+"@"+domain]...)
	for _, p := range m.in[domain] {
		if matches(p.user, user) {
			out = append(out, p.ban)
		}
	}
	for more := true; more; _, domain, more = strings.Cut(domain, ".") {
		for _, p := range m.below[domain] {
			if matches(p.user, user) {
				out = append(out, p.ban)
			}
		}
	}
	return out
}
