// Package proxyproto reads the headers by which a proxy tells whose connection it
// forwards: the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt).
// It serves servers behind a proxy; they decide which proxies to trust.
package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
)

// MaxHeader is how long a PROXY header may be, including everything that version 2
// may append.
const MaxHeader = 2 << 10

const (
	prefix1  = "PROXY "
	prefix2  = "\r\n\r\n\x00\r\nQUIT\n"
	maxLine1 = 107 // bytes, by the specification of version 1
)

var errNoHeader = errors.New("no PROXY protocol header where there must be one")

// Parse reads a header of the PROXY protocol, version 1 or 2, at the start of b. It
// returns the address of the client, which is invalid if the proxy speaks for itself,
// and the header's length, which is 0 if the header is incomplete.
func Parse(b []byte) (client netip.Addr, n int, err error) {
	if begins(b, prefix2) {
		return parse2(b)
	}
	if begins(b, prefix1) {
		return parse1(b)
	}
	return client, 0, errNoHeader
}

// begins reports whether b begins with want, or with as much of it as has arrived.
func begins(b []byte, want string) bool {
	n := min(len(b), len(want))
	return string(b[:n]) == want[:n]
}

func parse1(b []byte) (client netip.Addr, n int, err error) {
	end := bytes.Index(b[:min(len(b), maxLine1)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= maxLine1 {
			return client, 0, errNoHeader
		}
		return client, 0, nil
	}
	fields := strings.Split(string(b[:end]), " ")
	if len(fields) >= 2 && fields[1] == "UNKNOWN" {
		return client, end + 2, nil
	}
	if len(fields) != 6 || fields[1] != "TCP4" && fields[1] != "TCP6" {
		return client, 0, errNoHeader
	}
	client, err = netip.ParseAddr(fields[2])
	if err != nil || client.Zone() != "" || client.Is4() != (fields[1] == "TCP4") {
		return netip.Addr{}, 0, errNoHeader
	}
	return client.Unmap(), end + 2, nil
}

func parse2(b []byte) (client netip.Addr, n int, err error) {
	const fixed = 16
	if len(b) < fixed {
		return client, 0, nil
	}
	n = fixed + int(binary.BigEndian.Uint16(b[14:]))
	if n > MaxHeader || b[12]>>4 != 2 {
		return client, 0, errNoHeader
	}
	if len(b) < n {
		return client, 0, nil
	}
	const local, proxied = 0, 1
	switch command, family := b[12]&15, b[13]>>4; {
	case command == local:
		return client, n, nil
	case command != proxied:
		return client, 0, errNoHeader
	case family == 1 && n >= fixed+12:
		return netip.AddrFrom4([4]byte(b[fixed:])), n, nil
	case family == 2 && n >= fixed+36:
		return netip.AddrFrom16([16]byte(b[fixed:])).Unmap(), n, nil
	case family == 0 || family == 3: // unspecified, or a unix socket before the proxy
		return client, n, nil
	}
	return client, 0, errNoHeader
}
