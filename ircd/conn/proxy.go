package conn

import (
	"net"
	"net/netip"
	"time"

	"github.com/caduceus-bio/caduceus/internal/proxyproto"
)

const proxyTimeout = 5 * time.Second // for the header of the PROXY protocol

// readProxy reads the header at the start of a connection, and returns the
// client's address and the connection from there on.
func readProxy(raw net.Conn) (client netip.Addr, rest net.Conn, err error) {
	if err := raw.SetReadDeadline(time.Now().Add(proxyTimeout)); err != nil {
		return client, nil, err
	}
	b := make([]byte, 0, proxyproto.MaxHeader)
	for {
		k, err := raw.Read(b[len(b):cap(b)])
		b = b[:len(b)+k]
		addr, used, perr := proxyproto.Parse(b)
		switch {
		case perr != nil:
			return client, nil, perr
		case used > 0:
			rest = raw
			if used < len(b) {
				rest = &resumed{raw, append([]byte(nil), b[used:]...)}
			}
			return addr, rest, raw.SetReadDeadline(time.Time{})
		case err != nil:
			return client, nil, err
		}
	}
}

// resumed is a connection of which some bytes have been read already.
type resumed struct {
	net.Conn
	first []byte
}

func (c *resumed) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		k := copy(p, c.first)
		if c.first = c.first[k:]; len(c.first) == 0 {
			c.first = nil
		}
		return k, nil
	}
	return c.Conn.Read(p)
}
