package tracker

import (
	"net/netip"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// sources counts the addresses from which each member announces. All addresses of an IPv6
// /64 network count as one, because its owner can change them at will.
type sources struct {
	most    int // 0 is no limit
	timeout time.Duration
	shards  [32]struct {
		mu sync.Mutex
		of map[core.MemberID][]source
	}
}

type source struct {
	ip   netip.Addr
	seen time.Time
}

// newSources allows each member as many addresses as most says. An address that was
// silent for timeout no longer counts.
func newSources(most int, timeout time.Duration) *sources {
	s := &sources{most: most, timeout: timeout}
	for i := range s.shards {
		s.shards[i].of = map[core.MemberID][]source{}
	}
	return s
}

// allow notes that a member announces from ip, and returns false if that is one address
// too many.
func (s *sources) allow(id core.MemberID, ip netip.Addr, now time.Time) bool {
	if s.most == 0 {
		return true
	}
	if ip.Is6() {
		p, _ := ip.Prefix(64)
		ip = p.Addr()
	}
	sh := &s.shards[uint64(id)%uint64(len(s.shards))]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	list := sh.of[id]
	oldest := 0
	for i := range list {
		if list[i].ip == ip {
			list[i].seen = now
			return true
		}
		if list[i].seen.Before(list[oldest].seen) {
			oldest = i
		}
	}
	switch {
	case len(list) < s.most:
		sh.of[id] = append(list, source{ip, now})
	case now.Sub(list[oldest].seen) >= s.timeout:
		list[oldest] = source{ip, now}
	default:
		return false
	}
	return true
}
