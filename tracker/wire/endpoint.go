package wire

import (
	"net/netip"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Endpoint is the address and port of a peer, in network byte order as in replies. The
// zero value is none.
type Endpoint struct {
	b   [18]byte
	len uint8 // 0, 6 or 18
}

// EndpointOf makes an endpoint of an address and a port. Addresses like
// ::ffff:192.0.2.1 count as IPv4; a zone is dropped.
func EndpointOf(a netip.Addr, port uint16) (e Endpoint) {
	a = a.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		e.len = uint8(copy(e.b[:], b[:]))
	case a.Is6():
		b := a.As16()
		e.len = uint8(copy(e.b[:], b[:]))
	default:
		return e
	}
	e.b[e.len], e.b[e.len+1] = byte(port>>8), byte(port)
	e.len += 2
	return e
}

// EndpointOf4 makes an endpoint of the 6 bytes of an IPv4 address and port.
func EndpointOf4(b [6]byte) (e Endpoint) {
	*(*[6]byte)(e.b[:]) = b
	e.len = 6
	return e
}

// EndpointOf6 makes an endpoint of the 18 bytes of an IPv6 address and port.
func EndpointOf6(b [18]byte) Endpoint { return Endpoint{b: b, len: 18} }

// IsZero reports whether there is no endpoint.
func (e Endpoint) IsZero() bool { return e.len == 0 }

// Is4 reports whether the endpoint has an IPv4 address.
func (e Endpoint) Is4() bool { return e.len == 6 }

// Is6 reports whether the endpoint has an IPv6 address.
func (e Endpoint) Is6() bool { return e.len == 18 }

// Bytes returns the compact form: 6 or 18 bytes (BEP 23, BEP 7).
func (e *Endpoint) Bytes() []byte { return e.b[:e.len] }

// AddrPort returns the endpoint's address and port.
func (e Endpoint) AddrPort() netip.AddrPort {
	if e.len == 0 {
		return netip.AddrPort{}
	}
	a, _ := netip.AddrFromSlice(e.b[:e.len-2])
	return netip.AddrPortFrom(a, uint16(e.b[e.len-2])<<8|uint16(e.b[e.len-1]))
}

// ClaimedEndpoint parses the value of an ipv4= or ipv6= parameter (BEP 7): an address,
// or an address with a port of its own. The caller decides whether to believe it.
func ClaimedEndpoint(value string, port uint16) (Endpoint, error) {
	var buf [64]byte
	n, ok := unescape(buf[:], value)
	if !ok || n > len(buf) {
		return Endpoint{}, core.Errorf(core.Invalid, "the address that your client names can't be read")
	}
	text := string(buf[:n])
	if a, err := netip.ParseAddr(text); err == nil {
		return EndpointOf(a.WithZone(""), port), nil
	}
	ap, err := netip.ParseAddrPort(text)
	if err != nil || ap.Port() == 0 {
		return Endpoint{}, core.Errorf(core.Invalid, "the address that your client names can't be read")
	}
	return EndpointOf(ap.Addr().WithZone(""), ap.Port()), nil
}
