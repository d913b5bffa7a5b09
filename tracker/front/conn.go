package front

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/internal/proxyproto"
	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// Limits of reading on after an answer that closes: without it the kernel would
// take the answer back from a client that is still sending.
const (
	lingerTime  = time.Second
	lingerBytes = 256 << 10
)

// conn is a connection of one loop.
type conn struct {
	fd       int // -1 when the slot is free
	slot     int32
	gen      uint32 // tells users of the slot apart
	remote   netip.Addr
	deadline time.Time
	in       []byte // the beginning of a request
	out      []byte // answers that the client has not taken yet

	asked     bool // it has sent a request
	queued    bool // answers of this turn wait for the turn's end
	watched   bool // by epoll
	proxied   bool // a PROXY header comes first
	closing   bool // after what is being sent
	unread    bool // the client has sent more than was read
	lingering bool // everything is sent; the client is still sending
	discarded int
}

// idle reports whether the connection is between two requests.
func (c *conn) idle() bool {
	return c.fd >= 0 && len(c.in) == 0 && len(c.out) == 0 && !c.lingering
}

// read reads what is there and answers the requests in it.
func (l *loop) read(c *conn) {
	switch {
	case c.lingering:
		l.discard(c)
		return
	case c.queued:
		l.again = append(l.again, ticket{c.slot, c.gen})
		return
	case len(c.out) > 0 || c.closing:
		return // first it has to take its answers
	}
	have := copy(l.buf, c.in)
	n, err := read(c.fd, l.buf[have:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		l.watch(c)
	case err != nil:
		l.close(c)
	case n == 0:
		l.ended(c)
	default:
		if have+n == len(l.buf) {
			l.again = append(l.again, ticket{c.slot, c.gen})
		}
		l.requests(c, l.buf[:have+n])
	}
}

// requests answers all requests in b and keeps the beginning of the next.
func (l *loop) requests(c *conn, b []byte) {
	from, answered := len(l.out), l.answered
	var made promise.Promise
	for len(b) > 0 && !c.closing {
		if c.proxied {
			client, n, err := proxyproto.Parse(b)
			if err != nil {
				l.s.refused.Add(1)
				l.close(c) // there is nobody who would understand an answer
				return
			}
			if n == 0 {
				break
			}
			if client.IsValid() {
				c.remote = client
			}
			c.proxied, b = false, b[n:]
			continue
		}
		n, why := l.head.parse(b, l.s.o.HeadLimit)
		if why != nil {
			l.refuse(c, why)
			break
		}
		if n == 0 {
			break
		}
		b = b[n:]
		made = made.With(l.answer(c))
	}
	fresh := len(c.in) == 0 || l.answered > answered
	c.unread = c.closing && len(b) > 0 || c.unread
	if c.closing {
		b = nil
	}
	l.keep(c, b)
	switch {
	case len(b) > 0 && fresh:
		c.deadline = l.now.Add(l.s.o.HeadTimeout)
	case len(b) == 0 && l.answered > answered:
		c.asked, c.deadline = true, l.now.Add(l.s.o.IdleTimeout)
	}
	if len(l.out) > from {
		l.queue(c, from, made)
		return
	}
	l.watch(c)
}

// keep puts the beginning of a request aside.
func (l *loop) keep(c *conn, b []byte) {
	if len(b) == 0 {
		if c.in != nil && len(l.spare) < spareHeads {
			l.spare = append(l.spare, c.in[:0])
		}
		c.in = nil
		return
	}
	if c.in == nil {
		if n := len(l.spare); n > 0 {
			c.in, l.spare = l.spare[n-1], l.spare[:n-1]
		}
	}
	c.in = append(c.in[:0], b...)
}

// ended handles the end of what a client sends. It may still read.
func (l *loop) ended(c *conn) {
	if len(c.in) == 0 || c.proxied {
		l.close(c)
		return
	}
	l.refuseNow(c, endedEarly)
}

// expire ends a connection whose time is over.
func (l *loop) expire(c *conn) {
	switch {
	case len(c.out) > 0 || c.proxied && len(c.in) > 0:
		l.s.timedOut.Add(1)
		l.close(c)
	case len(c.in) > 0 && !c.closing:
		l.s.timedOut.Add(1)
		l.refuseNow(c, tooSlow)
	default:
		l.close(c)
	}
}

// refuseNow refuses half a request, of which nothing more is awaited.
func (l *loop) refuseNow(c *conn, why *refusal) {
	from := len(l.out)
	l.refuse(c, why)
	l.keep(c, nil)
	l.queue(c, from, 0)
}

// queue marks what was answered since from to be sent at the turn's end, once its
// promise is kept.
func (l *loop) queue(c *conn, from int, made promise.Promise) {
	c.queued = true
	l.sends = append(l.sends, send{c: c, from: from, to: len(l.out), promise: made})
}

// flush keeps the promises of a turn's answers and sends them.
func (l *loop) flush() {
	if len(l.sends) == 0 {
		return
	}
	var made promise.Promise
	for i := range l.sends {
		made = made.With(l.sends[i].promise)
	}
	if made != 0 {
		if err := l.s.o.Handler.Commit(made); err != nil {
			l.uncommitted(err)
		}
	}
	for i := range l.sends {
		s := &l.sends[i]
		s.c.queued = false
		l.send(s.c, l.out[s.from:s.to])
		s.c = nil
	}
	if l.answered > 0 && l.s.o.Observe != nil {
		l.s.o.Observe(l.answered, time.Since(l.now))
	}
	l.sends, l.out, l.answered = l.sends[:0], l.out[:0], 0
	if cap(l.out) > keepBuffer {
		l.out, l.other = make([]byte, 0, keepBuffer/4), nil
	}
}

// send gives the client its answers, as far as it takes them.
func (l *loop) send(c *conn, b []byte) {
	n, err := write(c.fd, b)
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
		l.close(c)
		return
	}
	if rest := b[n:]; len(rest) > 0 {
		if l.stalled+len(rest) > stallLimit {
			l.s.timedOut.Add(1)
			l.close(c)
			return
		}
		c.out = append([]byte(nil), rest...)
		l.stalled += len(rest)
		c.deadline = l.now.Add(l.s.o.SendTimeout)
		l.watch(c)
		return
	}
	l.sent(c)
}

// resend goes on when the client takes answers again.
func (l *loop) resend(c *conn) {
	n, err := write(c.fd, c.out)
	if err != nil {
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			l.close(c)
		}
		return
	}
	l.stalled -= n
	c.out = c.out[n:]
	if len(c.out) > 0 {
		return
	}
	c.out, c.deadline = nil, l.now.Add(l.s.o.IdleTimeout)
	if len(c.in) > 0 {
		c.deadline = l.now.Add(l.s.o.HeadTimeout)
	}
	l.sent(c)
	if c.fd >= 0 {
		l.again = append(l.again, ticket{c.slot, c.gen}) // what came meanwhile raises no event
	}
}

// sent goes on after everything was sent.
func (l *loop) sent(c *conn) {
	switch {
	case !c.closing:
		l.watch(c)
	case !c.unread:
		l.close(c)
	default:
		if unix.Shutdown(c.fd, unix.SHUT_WR) != nil {
			l.close(c)
			return
		}
		c.lingering, c.deadline = true, l.now.Add(lingerTime)
		l.watch(c)
		if c.fd >= 0 {
			l.discard(c)
		}
	}
}

// discard reads what nobody wants.
func (l *loop) discard(c *conn) {
	for c.discarded < lingerBytes {
		n, err := read(c.fd, l.buf)
		if errors.Is(err, unix.EAGAIN) {
			return
		}
		if err != nil || n == 0 {
			break
		}
		c.discarded += n
	}
	l.close(c)
}

// watch makes epoll tell of the connection, once and for all: edges of both
// directions.
func (l *loop) watch(c *conn) {
	if c.watched {
		return
	}
	e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: c.slot, Pad: int32(c.gen)}
	if control(l.ep, unix.EPOLL_CTL_ADD, c.fd, &e) != nil {
		l.close(c) // the kernel has no memory left
		return
	}
	c.watched = true
}

// close ends the connection and frees its slot.
func (l *loop) close(c *conn) {
	closeSocket(c.fd)
	l.keep(c, nil)
	l.stalled -= len(c.out)
	c.fd, c.out, c.remote = -1, nil, netip.Addr{}
	c.gen++
	l.free = append(l.free, c.slot)
	l.len.Add(-1)
	l.s.open.Add(-1)
}
