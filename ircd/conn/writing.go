package conn

import (
	"errors"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The goroutine that queued lines also writes them, once the network's lock is free: to few
// clients by itself, to many with some helpers. A plain or TLS connection whose client reads
// takes them without a wait. Where a write would have to wait (a client that doesn't read,
// WebSocket), the connection gets a goroutine of its own for as long as there is something
// to write.

const (
	writeTimeout = 20 * time.Second
	writeChunk   = 16 << 10
	writeShare   = 32 // clients that a helper takes on at once
)

// Alone is how many clients the goroutine that queued lines writes to without help.
const Alone = 8

// directOf returns the means to write to a connection without a wait, nil where there is
// none.
func directOf(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil // it is closed: the other way finds out
	}
	return raw
}

// pen writes to sockets without a wait. One goroutine at a time may use it.
type pen struct {
	chunk []byte // where lines are joined
	b     []byte
	n     int
	err   error
	try   func(fd uintptr) bool
}

var pens = sync.Pool{New: func() any {
	p := &pen{chunk: make([]byte, 0, writeChunk)}
	p.open()
	return p
}}

func (p *pen) open() {
	p.try = func(fd uintptr) bool {
		p.n, p.err = sendNow(fd, p.b)
		return true
	}
}

// sendNow writes what the socket takes. The call is made without telling the
// scheduler: the socket never blocks.
func sendNow(fd uintptr, b []byte) (int, error) {
	//nolint:gosec // b is not empty; the pointer lives through the call
	n, _, e := unix.RawSyscall6(unix.SYS_SENDTO, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// write writes b, as far as it is taken now.
func (p *pen) write(to syscall.RawConn, b []byte) (int, error) {
	p.b, p.n, p.err = b, 0, nil
	if err := to.Write(p.try); err != nil {
		return 0, err
	}
	p.b = nil
	if errors.Is(p.err, unix.EAGAIN) || errors.Is(p.err, unix.EINTR) {
		return 0, nil
	}
	return p.n, p.err
}

// Flush writes what is queued for connections whose Push reported Unwritten, without a
// wait. For more than Alone of them use a Crew.
func Flush(few []*Conn) {
	if len(few) == 0 {
		return
	}
	p := pens.Get().(*pen)
	defer pens.Put(p)
	for _, c := range few {
		c.flush(p)
	}
}

// Uncork lets what was queued since Cork be written, and writes it.
func (c *Conn) Uncork() {
	if c.out.cork(false) == Unwritten {
		c.begin()
	}
}

// begin lets a connection be written to.
func (c *Conn) begin() {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	c.flush(p)
}

// flush writes what is queued. Call it once for each Unwritten that was reported.
func (c *Conn) flush(p *pen) {
	if c.direct == nil && (c.quiet == nil || !c.quiet.on.Load()) {
		c.spawn(func() { c.write(nil) })
		return
	}
	for {
		lines, last := c.out.take()
		if len(lines) == 0 {
			if last {
				c.bye()
				return
			}
			if c.out.release() {
				return
			}
			continue
		}
		all := lines
		for len(lines) > 0 {
			chunk, k := gather(lines, p.chunk[:0])
			n, err := c.put(p, chunk)
			if err != nil {
				c.fail()
				return
			}
			c.out.sent(n, nil)
			if n < len(chunk) {
				rest := skip(lines, n)
				c.spawn(func() { c.write(rest) })
				return
			}
			lines = lines[k:]
			if c.quiet != nil && c.quiet.waits() {
				c.spawn(func() { c.write(lines) })
				return
			}
		}
		c.out.sent(0, all)
	}
}

// put writes as much of b as is taken without a wait; TLS takes all of it.
func (c *Conn) put(p *pen, b []byte) (int, error) {
	if c.quiet != nil {
		return c.conn.Write(b)
	}
	return p.write(c.direct, b)
}

// bye ends a connection when all that was queued is sent.
func (c *Conn) bye() {
	if c.conn != c.raw {
		_ = c.conn.Close() // says goodbye first, as TLS and WebSocket want
	}
	c.hangUp()
}

// fail ends a connection that is broken.
func (c *Conn) fail() {
	c.out.abandon()
	c.hangUp()
}

// write does what flush does, but waits where it must. It begins with lines, which were
// taken from the queue before.
func (c *Conn) write(lines [][]byte) {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	if c.send(nil) != nil { // what TLS still keeps
		c.fail()
		return
	}
	for {
		for len(lines) > 0 {
			chunk, k := gather(lines, p.chunk[:0])
			err := c.send(chunk)
			if err != nil {
				c.fail()
				return
			}
			c.out.sent(len(chunk), nil)
			lines = lines[k:]
		}
		var last bool
		lines, last = c.out.take()
		if len(lines) > 0 {
			continue
		}
		if last {
			c.bye()
			return
		}
		if (c.direct != nil || c.quiet != nil) && c.conn.SetWriteDeadline(time.Time{}) != nil {
			c.fail()
			return
		}
		if c.out.release() {
			return
		}
	}
}

// send writes b, which may be nothing, and all that TLS keeps.
func (c *Conn) send(b []byte) error {
	if len(b) == 0 && c.quiet == nil {
		return nil
	}
	err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil && len(b) > 0 {
		_, err = c.conn.Write(b)
	}
	if err == nil && c.quiet != nil {
		err = c.quiet.drain()
	}
	return err
}

// gather joins the first lines to one chunk in buffer, so that a burst takes few writes. It
// returns the chunk and the number of its lines. A single line is a chunk by itself.
func gather(lines [][]byte, buffer []byte) (chunk []byte, k int) {
	size := 0
	for k < len(lines) && (k == 0 || size+len(lines[k]) <= writeChunk) {
		size += len(lines[k])
		k++
	}
	if k == 1 {
		return lines[0], 1
	}
	for _, l := range lines[:k] {
		buffer = append(buffer, l...)
	}
	return buffer, k
}

// skip takes the first n bytes off lines.
func skip(lines [][]byte, n int) [][]byte {
	for n >= len(lines[0]) {
		n -= len(lines[0])
		lines = lines[1:]
	}
	lines[0] = lines[0][n:]
	return lines
}

// Crew writes to many clients at once: helpers that end when nothing is left. The zero
// Crew is ready; all its methods may be called by any goroutine.
type Crew struct {
	mu      sync.Mutex
	waiting []*Conn // each at most once
	next    int     // in waiting
	helpers int
}

// Add takes over connections whose Push reported Unwritten. It keeps nothing of list.
func (w *Crew) Add(list []*Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.next > len(w.waiting)/2 {
		k := copy(w.waiting, w.waiting[w.next:])
		clear(w.waiting[k:])
		w.waiting, w.next = w.waiting[:k], 0
	}
	w.waiting = append(w.waiting, list...)
	for w.helpers < runtime.GOMAXPROCS(0) && w.helpers*writeShare < len(w.waiting)-w.next {
		w.helpers++
		list[0].spawn(w.work)
	}
}

// work writes until nothing is left.
func (w *Crew) work() {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	var share [writeShare]*Conn
	for {
		k := w.take(share[:])
		if k == 0 {
			return
		}
		for _, c := range share[:k] {
			c.flush(p)
		}
	}
}

func (w *Crew) take(share []*Conn) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := copy(share, w.waiting[w.next:])
	clear(w.waiting[w.next : w.next+k])
	w.next += k
	if k == 0 {
		w.helpers--
		w.waiting, w.next = w.waiting[:0], 0
	}
	return k
}
