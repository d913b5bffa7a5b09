package ircd

import (
	"net/netip"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// census counts connections by where they come from: the address (IPv6: its /64,
// which one customer has) and the network around it (IPv4 /24, IPv6 /48), and how
// fast new ones come from an address. The network's lock guards it.
type census struct {
	perAddr  map[netip.Addr]int
	perNet   map[netip.Addr]int
	connects *rates.Limit
}

func newCensus(c *Config, b *rates.Book) *census {
	n := &census{perAddr: map[netip.Addr]int{}, perNet: map[netip.Addr]int{}}
	n.setPace(c, b)
	return n
}

// setPace makes the pace of connections what the configuration says.
func (c *census) setPace(cfg *Config, b *rates.Book) {
	c.connects = b.Limit("connections to IRC", rates.Rate{N: cfg.ConnectsBurst, Per: time.Duration(cfg.ConnectsBurst) * time.Minute / time.Duration(cfg.ConnectsPerMinute)})
}

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
func (c *census) enter(cfg *Config, a netip.Addr, exempt bool) error {
	addr, around := addressKey(a), netKey(a)
	if !exempt {
		switch {
		case c.perAddr[addr] >= cfg.MaxPerAddress:
			return core.Errorf(core.Unavailable, "Too many connections from your address")
		case c.perNet[around] >= cfg.MaxPerNetwork:
			return core.Errorf(core.Unavailable, "Too many connections from your network")
		}
		if wait, _ := c.connects.Take(rates.Who{By: rates.Network, Name: guess.Place(a)}); wait > 0 {
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
