package ircd

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

// Lines are written by whoever queued them, once the network's lock is free: to few
// clients at once, to many with some helpers. A plain connection whose client reads
// takes them without a wait, with TLS as well. What would wait (a client that doesn't
// read, WebSocket) gets a goroutine of its own for as long as there is something to write.

const (
	writeTimeout = 20 * time.Second
	writeChunk   = 16 << 10
	writeAlone   = 8  // clients that who queued the lines writes to without help
	writeShare   = 32 // clients that a helper takes on at once
)

// directOf is how to write to a connection without a wait, nil where that can't be.
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

// pen writes to sockets without a wait. It is for one goroutine.
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

// begin lets a connection be written to.
func (s *session) begin() {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	s.flush(p)
}

// flush writes what is queued for a session that push reported as unheeded.
func (s *session) flush(p *pen) {
	if s.direct == nil && (s.quiet == nil || !s.quiet.on.Load()) {
		s.spawn(func() { s.write(nil) })
		return
	}
	for {
		lines, last := s.out.take()
		if len(lines) == 0 {
			if last {
				s.bye()
				return
			}
			if s.out.release() {
				return
			}
			continue
		}
		all := lines
		for len(lines) > 0 {
			chunk, k := gather(lines, p.chunk[:0])
			n, err := s.put(p, chunk)
			if err != nil {
				s.out.abandon()
				s.hangUp()
				return
			}
			s.out.sent(n, nil)
			if n < len(chunk) {
				rest := skip(lines, n)
				s.spawn(func() { s.write(rest) })
				return
			}
			lines = lines[k:]
			if s.quiet != nil && s.quiet.waits() {
				s.spawn(func() { s.write(lines) })
				return
			}
		}
		s.out.sent(0, all)
	}
}

// put writes b without a wait, as far as it is taken; TLS takes all.
func (s *session) put(p *pen, b []byte) (int, error) {
	if s.quiet != nil {
		return s.conn.Write(b)
	}
	return p.write(s.direct, b)
}

// bye ends a connection that has been sent everything.
func (s *session) bye() {
	if s.conn != s.raw {
		_ = s.conn.Close() // says goodbye first, as TLS and WebSocket want
	}
	s.hangUp()
}

// write does the same and waits where it must. It begins with lines, which were
// taken before.
func (s *session) write(lines [][]byte) {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	if s.send(nil) != nil { // what TLS has taken before
		s.out.abandon()
		s.hangUp()
		return
	}
	for {
		for len(lines) > 0 {
			chunk, k := gather(lines, p.chunk[:0])
			err := s.send(chunk)
			if err != nil {
				s.out.abandon()
				s.hangUp()
				return
			}
			s.out.sent(len(chunk), nil)
			lines = lines[k:]
		}
		var last bool
		lines, last = s.out.take()
		if len(lines) > 0 {
			continue
		}
		if last {
			s.bye()
			return
		}
		if (s.direct != nil || s.quiet != nil) && s.conn.SetWriteDeadline(time.Time{}) != nil {
			s.out.abandon()
			s.hangUp()
			return
		}
		if s.out.release() {
			return
		}
	}
}

// send writes b, which may be nothing, and all that TLS keeps.
func (s *session) send(b []byte) error {
	if len(b) == 0 && s.quiet == nil {
		return nil
	}
	err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err == nil && len(b) > 0 {
		_, err = s.conn.Write(b)
	}
	if err == nil && s.quiet != nil {
		err = s.quiet.drain()
	}
	return err
}

// gather joins the first lines to a chunk in buffer, so that a burst takes few writes,
// and returns how many they are. One line alone is a chunk as it is.
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

// crew writes to many clients at once: helpers that end when nothing is left.
type crew struct {
	mu      sync.Mutex
	waiting []*session // each at most once
	next    int        // in waiting
	helpers int
}

// add takes over sessions that have something to be written.
func (c *crew) add(list []*session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next > len(c.waiting)/2 {
		k := copy(c.waiting, c.waiting[c.next:])
		clear(c.waiting[k:])
		c.waiting, c.next = c.waiting[:k], 0
	}
	c.waiting = append(c.waiting, list...)
	for c.helpers < runtime.GOMAXPROCS(0) && c.helpers*writeShare < len(c.waiting)-c.next {
		c.helpers++
		list[0].spawn(c.work)
	}
}

// work writes until nothing is left.
func (c *crew) work() {
	p := pens.Get().(*pen)
	defer pens.Put(p)
	var share [writeShare]*session
	for {
		k := c.take(share[:])
		if k == 0 {
			return
		}
		for _, s := range share[:k] {
			s.flush(p)
		}
	}
}

func (c *crew) take(share []*session) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := copy(share, c.waiting[c.next:])
	clear(c.waiting[c.next : c.next+k])
	c.next += k
	if k == 0 {
		c.helpers--
		c.waiting, c.next = c.waiting[:0], 0
	}
	return k
}
