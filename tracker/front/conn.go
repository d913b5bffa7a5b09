package front

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/internal/proxyproto"
	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// Limits for reading on after an answer that closes the connection. If the rest were
// not read, the kernel would reset the connection, and a client that is still sending
// would lose the answer.
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
	input    []byte // the beginning of a request
	unsent   []byte // answers that the client has not taken yet

	asked     bool // it has sent a request
	queued    bool // its answers of this turn are sent at the turn's end
	watched   bool // it is registered with epoll
	proxied   bool // a PROXY header must come first
	closing   bool // it is closed after what is being sent
	unread    bool // the client has sent more than was read
	lingering bool // everything is sent, but the client may still be sending
	discarded int
}

// idle reports whether the connection is between two requests.
func (c *conn) idle() bool {
	return c.fd >= 0 && len(c.input) == 0 && len(c.unsent) == 0 && !c.lingering
}

// read reads what is there and answers the requests in it.
func (l *loop) read(c *conn) {
	switch {
	case c.lingering:
		l.discard(c)
		return
	case c.queued:
		l.recheck = append(l.recheck, connRef{c.slot, c.gen})
		return
	case len(c.unsent) > 0 || c.closing:
		return // the client has to take its answers first
	}
	have := copy(l.buf, c.input)
	n, err := read(c.fd, l.buf[have:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		l.watch(c)
	case err != nil:
		l.close(c)
	case n == 0:
		l.peerClosed(c)
	default:
		if have+n == len(l.buf) {
			l.recheck = append(l.recheck, connRef{c.slot, c.gen})
		}
		l.requests(c, l.buf[:have+n])
	}
}

// requests answers all requests in b and keeps the beginning of the next.
func (l *loop) requests(c *conn, b []byte) {
	from, answered := len(l.answers), l.answered
	var made promise.Promise
	for len(b) > 0 && !c.closing {
		if c.proxied {
			client, n, err := proxyproto.Parse(b)
			if err != nil {
				l.s.refused.Add(1)
				l.close(c) // a proxy would not understand an answer
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
	fresh := len(c.input) == 0 || l.answered > answered
	c.unread = c.closing && len(b) > 0 || c.unread
	if c.closing {
		b = nil
	}
	l.saveInput(c, b)
	switch {
	case len(b) > 0 && fresh:
		c.deadline = l.now.Add(l.s.o.HeadTimeout)
	case len(b) == 0 && l.answered > answered:
		c.asked, c.deadline = true, l.now.Add(l.s.o.IdleTimeout)
	}
	if len(l.answers) > from {
		l.queue(c, from, made)
		return
	}
	l.watch(c)
}

// saveInput stores the beginning of a request until the rest arrives.
func (l *loop) saveInput(c *conn, b []byte) {
	if len(b) == 0 {
		if c.input != nil && len(l.spare) < spareHeads {
			l.spare = append(l.spare, c.input[:0])
		}
		c.input = nil
		return
	}
	if c.input == nil {
		if n := len(l.spare); n > 0 {
			c.input, l.spare = l.spare[n-1], l.spare[:n-1]
		}
	}
	c.input = append(c.input[:0], b...)
}

// peerClosed handles the end of the client's side. The client may still read.
func (l *loop) peerClosed(c *conn) {
	if len(c.input) == 0 || c.proxied {
		l.close(c)
		return
	}
	l.refuseNow(c, endedEarly)
}

// expire ends a connection whose time is over.
func (l *loop) expire(c *conn) {
	switch {
	case len(c.unsent) > 0 || c.proxied && len(c.input) > 0:
		l.s.timedOut.Add(1)
		l.close(c)
	case len(c.input) > 0 && !c.closing:
		l.s.timedOut.Add(1)
		l.refuseNow(c, tooSlow)
	default:
		l.close(c)
	}
}

// refuseNow refuses an unfinished request without waiting for the rest.
func (l *loop) refuseNow(c *conn, why *refusal) {
	from := len(l.answers)
	l.refuse(c, why)
	l.saveInput(c, nil)
	l.queue(c, from, 0)
}

// queue marks what was answered since from to be sent at the turn's end, once its
// promise is kept.
func (l *loop) queue(c *conn, from int, made promise.Promise) {
	c.queued = true
	l.sends = append(l.sends, send{c: c, from: from, to: len(l.answers), promise: made})
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
		l.send(s.c, l.answers[s.from:s.to])
		s.c = nil
	}
	if l.answered > 0 && l.s.o.Observe != nil {
		l.s.o.Observe(l.answered, time.Since(l.now))
	}
	l.sends, l.answers, l.answered = l.sends[:0], l.answers[:0], 0
	if cap(l.answers) > keepBuffer {
		l.answers, l.spareAnswers = make([]byte, 0, keepBuffer/4), nil
	}
}

// send writes answers to the client, as far as it takes them.
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
		c.unsent = append([]byte(nil), rest...)
		l.stalled += len(rest)
		c.deadline = l.now.Add(l.s.o.SendTimeout)
		l.watch(c)
		return
	}
	l.sent(c)
}

// resend goes on sending when the client takes data again.
func (l *loop) resend(c *conn) {
	n, err := write(c.fd, c.unsent)
	if err != nil {
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			l.close(c)
		}
		return
	}
	l.stalled -= n
	c.unsent = c.unsent[n:]
	if len(c.unsent) > 0 {
		return
	}
	c.unsent, c.deadline = nil, l.now.Add(l.s.o.IdleTimeout)
	if len(c.input) > 0 {
		c.deadline = l.now.Add(l.s.o.HeadTimeout)
	}
	l.sent(c)
	if c.fd >= 0 {
		l.recheck = append(l.recheck, connRef{c.slot, c.gen}) // what has arrived meanwhile raises no event
	}
}

// sent continues after everything was sent.
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

// discard reads and drops what the client still sends.
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

// watch registers the connection with epoll, once, for edges in both directions.
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
	l.saveInput(c, nil)
	l.stalled -= len(c.unsent)
	c.fd, c.unsent, c.remote = -1, nil, netip.Addr{}
	c.gen++
	l.free = append(l.free, c.slot)
	l.len.Add(-1)
	l.s.open.Add(-1)
}
