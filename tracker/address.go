package tracker

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/caduceus-bio/caduceus/tracker/front"
)

// addresses finds out the address of a client, and whether it may be given to others.
type addresses struct {
	proxies      []netip.Prefix
	allowPrivate bool
}

// trusted reports whether a connection comes from our own proxy. A connection without an
// address came over a unix socket, which file permissions protect.
func (a addresses) trusted(ip netip.Addr) bool {
	if !ip.IsValid() {
		return true
	}
	for _, p := range a.proxies {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// client returns the address from which a request really comes. Headers count only if
// the connection comes from a trusted proxy. X-Forwarded-For is read from the right,
// where our own proxies write. What is left of the first address that is not ours is the
// client's own text and proves nothing.
func (a addresses) client(r *front.Request) (netip.Addr, error) {
	ip := r.Remote.Unmap().WithZone("")
	if !a.trusted(ip) {
		return ip, nil
	}
	found := false
	for i := len(r.ForwardedFor) - 1; i >= 0; i-- {
		rest := r.ForwardedFor[i]
		for rest != "" {
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				rest, last = "", rest
			}
			hop, err := parseHop(last)
			if err != nil {
				return netip.Addr{}, err
			}
			ip, found = hop, true
			if !a.trusted(hop) {
				return hop, nil
			}
		}
	}
	switch {
	case !found && r.RealIP != "":
		return parseHop(r.RealIP)
	case !ip.IsValid():
		return ip, errors.New("a proxy on a unix socket names no client")
	}
	return ip, nil
}

// parseHop parses one address as proxies write it, with or without a port.
func parseHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Unmap().WithZone(""), nil
	}
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone(""), nil
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return ip.Unmap().WithZone(""), nil
	}
	return netip.Addr{}, errors.New("a trusted proxy sends a header that holds no address")
}

// bogus are networks that can't be reached on the internet, besides those that netip
// knows by name (RFC 6890, RFC 5737, RFC 3849, RFC 6598).
var bogus = [...]netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("fec0::/10"),
}

// ours are networks that can be reached only within a lab or machine, besides those that
// netip calls private, link-local or loopback.
var ours = [...]netip.Prefix{
	netip.MustParsePrefix("100.64.0.0/10"), // behind a provider's NAT
	netip.MustParsePrefix("198.18.0.0/15"), // between devices under test
}

// ordinary is a quick test for most addresses: it returns true only if no network with a
// special purpose begins like ip.
func ordinary(ip netip.Addr) bool {
	if ip.Is4() {
		switch b := ip.As4(); b[0] {
		case 0, 10, 100, 127, 169, 172, 192, 198, 203:
			return false
		default:
			return b[0] < 224
		}
	}
	b := ip.As16()
	return ip.Is6() && b[0] >= 0x21 && b[0] < 0x40 // global unicast (RFC 4291) without 2000::/8
}

// reachable reports whether ip may be given to other peers.
func (a addresses) reachable(ip netip.Addr) bool {
	if ordinary(ip) {
		return true
	}
	if !ip.IsValid() || ip.IsUnspecified() || ip.IsMulticast() {
		return false
	}
	for _, p := range bogus {
		if p.Contains(ip) {
			return false
		}
	}
	private := ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
	for _, p := range ours {
		private = private || p.Contains(ip)
	}
	return a.allowPrivate || !private
}
