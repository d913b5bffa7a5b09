package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Host is the network that connections belong to.
type Host interface {
	// Admit takes a connection in before anything is read from it, or says why not:
	// the client is told core.SafeText of the error. It may queue lines and call
	// Finish, but nothing else of c.
	Admit(c *Conn, from Origin) (Client, error)
}

// Client is what a host makes of a connection. Its methods are called in the order
// in which they are listed, by goroutines that hold no lock.
type Client interface {
	// Secured tells that the TLS handshake is done, and the fingerprint of the
	// certificate that the client showed, "" when it showed none.
	Secured(certificate string)
	// Serve reads lines and runs them until the connection or ctx ends. With again it
	// asks to be called once more by a new goroutine, whose stack is small.
	Serve(ctx context.Context) (again bool)
	// Failed tells that the connection ends before it could be served. The reason names
	// no address. The client must call Finish.
	Failed(reason string)
}

// Origin tells how a connection came.
type Origin struct {
	Addr        netip.Addr // of the client, invalid where it has none; for limits only, never to be logged
	Secure      bool       // whether it came by TLS, all the way
	Web         bool       // whether it is a WebSocket
	Certificate string     // SHA-256 in hexadecimal of the one that a WebSocket client showed; others' come with Secured
}

// Conn is the connection of one client: lines come in by Next, and go out through a
// bounded queue. Push, Cork, Finish, Abort and Queued may be called by any goroutine,
// what reads only by the one that runs Client.Serve.
type Conn struct {
	conn   net.Conn           // what lines go over: TLS, a WebSocket, or raw itself
	raw    net.Conn           // the connection beneath; closing it never waits
	direct syscall.RawConn    // of a plain connection, else nil; see writing.go
	quiet  *quiet             // under TLS, else nil; the same
	server *Server            // nil where nobody serves the connection
	end    context.CancelFunc // ends the context of Client.Serve; nil where nobody serves it
	in     inlet
	out    outbox
}

// New makes a connection that no Server serves: what is queued stays there until Take.
// Tests give lines to a network by it. sendQueue is in bytes, as in Options.
func New(raw net.Conn, sendQueue int) *Conn {
	c := &Conn{conn: raw, raw: raw, out: outbox{limit: sendQueue, busy: true}}
	c.in.open(c)
	return c
}

// Push queues a line, with its end. Its bytes must not change afterwards.
func (c *Conn) Push(line []byte) Pushed { return c.out.push(line) }

// Cork holds what is queued until Uncork.
func (c *Conn) Cork() { c.out.cork(true) }

// Take returns what is queued and empties the queue. It is for connections made by New.
func (c *Conn) Take() [][]byte {
	lines, _ := c.out.take()
	return lines
}

// Unsent is how many bytes are queued or being written.
func (c *Conn) Unsent() int { return c.out.waiting() }

// Next waits for a line and returns it without its end, LF or CR LF. It holds until
// the next call. A line that is too long is answered with ErrLongLine; what still comes
// of it is the next line.
func (c *Conn) Next() ([]byte, error) { return c.in.next() }

// Empty reports whether all that came was read.
func (c *Conn) Empty() bool { return c.in.empty() }

// Ready reports whether Next returns a line at once.
func (c *Conn) Ready() bool { return c.in.ready() }

// Rest gives the buffer of Next back once all that came was read: call it when the line
// isn't needed any more.
func (c *Conn) Rest() { c.in.rest() }

// Finish lets the connection end as soon as what is queued is written. The context of
// Client.Serve ends at once. As after Push, Unwritten is the caller's to deal with.
func (c *Conn) Finish() Pushed {
	what := c.out.close()
	if c.end != nil {
		c.end()
	}
	// A TLS handshake that never ends would hold up the writer.
	_ = c.raw.SetReadDeadline(time.Now().Add(time.Second)) // fails only on a connection that is closed
	return what
}

// Abort closes the connection without a wait; what is queued is lost.
func (c *Conn) Abort() { _ = c.raw.Close() } // nothing depends on how a dead connection closes

// hangUp closes the connection, which its server then forgets.
func (c *Conn) hangUp() {
	c.Abort()
	c.server.forget(c)
}

// spawn starts a goroutine of the connection, which the server waits for at the end.
func (c *Conn) spawn(f func()) { c.server.spawn(f) }

// Reason says why reading ended, without the addresses that Go's errors name.
func Reason(err error) string {
	var te tls.RecordHeaderError
	if errors.As(err, &te) {
		return "This port wants TLS"
	}
	return "Connection closed"
}

// Unread is how many bytes of the client the kernel holds; 0 where it can't tell.
func (c *Conn) Unread() int {
	conn := c.raw
	if r, ok := conn.(*resumed); ok {
		conn = r.Conn
	}
	sc, ok := conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return 0
	}
	size := 0
	if raw.Control(func(fd uintptr) { size = waiting(int(fd)) }) != nil {
		return 0
	}
	return size
}

// Within reports whether an address is in one of the prefixes.
func Within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
