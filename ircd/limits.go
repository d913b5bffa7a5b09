package ircd

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// census counts connections by where they come from: the address (IPv6: its /64,
// which one customer has), the network around it (IPv4 /24, IPv6 /48), and how
// fast new ones come from an address. The network's lock guards it.
type census struct {
	perAddr map[netip.Addr]int
	perNet  map[netip.Addr]int
	pace    map[netip.Addr]*rate.Limiter // of addresses that came lately
}

func newCensus() *census {
	return &census{perAddr: map[netip.Addr]int{}, perNet: map[netip.Addr]int{}, pace: map[netip.Addr]*rate.Limiter{}}
}

// paceLimit bounds the addresses whose pace is remembered.
const paceLimit = 20000

// netKey is the network around an address.
func netKey(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	bits := 24
	if a.Is6() {
		bits = 48
	}
	if p, err := a.Prefix(bits); err == nil {
		return p.Addr()
	}
	return a
}

// enter counts a connection, or says why it may not come in.
func (c *census) enter(cfg *Config, a netip.Addr, exempt bool, now time.Time) error {
	addr, around := addressKey(a), netKey(a)
	if !exempt {
		switch {
		case c.perAddr[addr] >= cfg.MaxPerAddress:
			return core.Errorf(core.Unavailable, "Too many connections from your address")
		case c.perNet[around] >= cfg.MaxPerNetwork:
			return core.Errorf(core.Unavailable, "Too many connections from your network")
		case !c.paceOf(cfg, addr, now).AllowN(now, 1):
			return core.Errorf(core.Unavailable, "You connect too often, wait a minute")
		}
	}
	c.perAddr[addr]++
	c.perNet[around]++
	return nil
}

// leave takes a connection out of the count.
func (c *census) leave(a netip.Addr) {
	less(c.perAddr, addressKey(a))
	less(c.perNet, netKey(a))
}

func less(m map[netip.Addr]int, key netip.Addr) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}

func (c *census) paceOf(cfg *Config, addr netip.Addr, now time.Time) *rate.Limiter {
	l := c.pace[addr]
	if l != nil {
		return l
	}
	if len(c.pace) >= paceLimit {
		c.forget(now)
	}
	l = newPace(cfg.ConnectsPerMinute, cfg.ConnectsBurst)
	c.pace[addr] = l
	return l
}

// forget drops the addresses whose allowance is full again, as a stranger's is. If that is
// not enough, it drops any.
func (c *census) forget(now time.Time) {
	for addr, l := range c.pace {
		if l.TokensAt(now) >= float64(l.Burst()) {
			delete(c.pace, addr)
		}
	}
	for addr := range c.pace {
		if len(c.pace) < paceLimit {
			return
		}
		delete(c.pace, addr)
	}
}
