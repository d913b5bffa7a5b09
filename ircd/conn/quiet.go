package conn

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// maxKept is more than a chunk of lines and what TLS adds to it. Only a client that asks
// for new keys (RFC 8446, 4.6.3) again and again without reading the answers goes beyond.
const maxKept = 2 * writeChunk

var errUnread = errors.New("the client asks for new keys and reads nothing")

// quiet is the connection under TLS. Once the handshake is over, writing to it never waits:
// what the socket doesn't take is kept until drain, up to maxKept. So a line to thousands
// of TLS clients needs no goroutine for each of them.
type quiet struct {
	net.Conn
	raw syscall.RawConn
	on  atomic.Bool

	mu   sync.Mutex
	pen  pen
	rest []byte // not sent yet
}

// newQuiet returns nil for a connection that can only be written to the usual way.
func newQuiet(conn net.Conn) *quiet {
	under := conn
	if r, ok := conn.(*resumed); ok {
		under = r.Conn
	}
	raw := directOf(under)
	if raw == nil {
		return nil
	}
	q := &quiet{Conn: conn, raw: raw}
	q.pen.open()
	return q
}

// Write implements net.Conn. It is called by TLS, in the order of its records.
func (q *quiet) Write(b []byte) (int, error) {
	if !q.on.Load() {
		return q.Conn.Write(b)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	if len(q.rest) == 0 {
		var err error
		if n, err = q.pen.write(q.raw, b); err != nil {
			return n, err
		}
	}
	if len(q.rest)+len(b)-n > maxKept {
		return n, errUnread
	}
	q.rest = append(q.rest, b[n:]...)
	return len(b), nil
}

// waits reports whether there is something for drain.
func (q *quiet) waits() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.rest) > 0
}

// drain sends what is kept, and waits as long as the connection's deadline allows.
func (q *quiet) drain() error {
	for {
		q.mu.Lock()
		b := q.rest
		q.mu.Unlock()
		if len(b) == 0 {
			return nil
		}
		n, err := q.Conn.Write(b) // nobody else sends while something is kept
		q.mu.Lock()
		if q.rest = q.rest[n:]; len(q.rest) == 0 {
			q.rest = nil
		}
		q.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
