package front

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/tracker/promise"
)

const (
	readSize    = 16 << 10  // bytes read from a connection in one turn
	maxEvents   = 256       // connections in one turn
	flushAt     = 256 << 10 // bytes of answers after which a turn sends what it has
	keepBuffer  = 1 << 20   // bytes; a larger buffer is given back after its turn
	acceptBatch = 64        // connections accepted in one turn
	stallLimit  = 32 << 20  // bytes of answers that clients don't take, for each loop
	spareHeads  = 64        // buffers for half requests that are kept
	unevenness  = 8         // connections that a loop may have more than the emptiest

	tick       = 100 * time.Millisecond
	sweepParts = 10 // ticks in which every connection is looked at once

	pauseFirst = 50 * time.Millisecond // when the process has no file left
	pauseMax   = time.Second
)

// loop serves its share of the connections.
type loop struct {
	s    *Server
	ep   int // epoll
	wake int // eventfd
	len  atomic.Int64

	mu    sync.Mutex
	inbox []arrival // from other loops

	now      time.Time // when the turn began
	date     []byte    // the Date header of that second
	dateUnix int64

	slots   []*conn
	free    []int32
	again   []ticket // connections that may have more to read in the next turn
	before  []ticket // the same of the turn before, whose memory is used again
	events  []unix.EpollEvent
	buf     []byte   // what is read
	spare   [][]byte // buffers for half requests
	head    head
	from    sockaddr
	out     []byte // the answers of this turn …
	other   []byte // … and those in their place when they can't be committed
	sends   []send // who gets which part of out
	line    []byte // a response's head
	stalled int    // bytes that clients have not taken

	answered  int // requests that the handler has answered in this turn
	nextSweep time.Time
	swept     int // of sweepParts

	paused   bool // nothing is accepted
	resumeAt time.Time
	pause    time.Duration

	draining bool
	drainEnd time.Time
}

type arrival struct {
	fd     int
	remote netip.Addr
}

// send is a part of out for a connection, and the promise to be kept before it is
// sent.
type send struct {
	c        *conn
	from, to int
	promise  promise.Promise
}

// ticket names a connection that may be gone meanwhile.
type ticket struct {
	slot int32
	gen  uint32
}

// Event data that is no slot.
const (
	slotWake     = -1
	slotListener = -2 // and below
)

func newLoop(s *Server) (*loop, error) {
	l := &loop{s: s, ep: -1, wake: -1, events: make([]unix.EpollEvent, maxEvents), buf: make([]byte, readSize), out: make([]byte, 0, keepBuffer/4)}
	var err error
	if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = control(l.ep, unix.EPOLL_CTL_ADD, l.wake, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: slotWake})
	}
	if err == nil {
		err = l.listen()
	}
	if err != nil {
		l.closeAll()
		return nil, err
	}
	return l, nil
}

// rouse ends the loop's wait. Anybody may call it.
func (l *loop) rouse() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.wake, one[:]) // it fails only when the loop is awake already
}

// run serves until the server stops and the drain is over.
func (l *loop) run() error {
	for {
		n, err := l.wait()
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		l.now = time.Now()
		again := l.again
		l.again = l.before[:0]
		for i := range n {
			l.event(&l.events[i])
		}
		for _, t := range again {
			if c := l.slots[t.slot]; c.gen == t.gen {
				l.read(c)
			}
		}
		l.before = again
		l.flush()
		l.resume()
		l.sweep()
		if l.s.stopping.Load() && l.drain() {
			return nil
		}
	}
}

// wait returns how many events there are.
func (l *loop) wait() (int, error) {
	// Under load there is always something, and asking is cheap.
	if n := poll(l.ep, l.events); n > 0 || len(l.again) > 0 {
		return n, nil
	}
	timeout := -1
	if l.len.Load() > 0 || l.paused || l.draining {
		timeout = int(max(time.Until(l.nextSweep), 0)/time.Millisecond) + 1
	}
	n, err := unix.EpollWait(l.ep, l.events, timeout)
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return n, err
}

func (l *loop) event(e *unix.EpollEvent) {
	switch slot := e.Fd; {
	case slot == slotWake:
		var b [8]byte
		_, _ = read(l.wake, b[:]) // it only has to be read
		l.adoptInbox()
	case slot <= slotListener:
		l.accept(int(slotListener - slot))
	default:
		c := l.slots[slot]
		if c.gen != uint32(e.Pad) {
			return
		}
		if len(c.out) > 0 {
			l.resend(c)
			return
		}
		if e.Events&^unix.EPOLLOUT == 0 {
			return
		}
		if gone := e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0; gone {
			l.again = append(l.again, ticket{c.slot, c.gen}) // the end comes after the bytes
		}
		l.read(c)
	}
	if len(l.out) > flushAt {
		l.flush()
	}
}

// listen makes the loop accept connections.
func (l *loop) listen() error {
	for i, ln := range l.s.listeners {
		e := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLEXCLUSIVE, Fd: int32(slotListener - i)}
		if err := control(l.ep, unix.EPOLL_CTL_ADD, ln.fd, &e); err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
	}
	l.paused, l.pause = false, 0
	return nil
}

// hush makes the loop accept nothing for a while, so that it does not spin where
// it can't.
func (l *loop) hush(d time.Duration) {
	if l.paused {
		return
	}
	for _, ln := range l.s.listeners {
		_ = control(l.ep, unix.EPOLL_CTL_DEL, ln.fd, &unix.EpollEvent{}) // it is there
	}
	l.paused, l.resumeAt = true, l.now.Add(d)
}

// resume accepts again once there is room and the pause is over.
func (l *loop) resume() {
	if !l.paused || l.draining || l.now.Before(l.resumeAt) || l.s.open.Load() >= int64(l.s.o.MaxConnections) {
		return
	}
	pause := l.pause
	if err := l.listen(); err != nil {
		l.s.sometimes.Do(func() { l.s.o.Log.Error("connections can't be accepted", "err", err) })
		l.paused, l.resumeAt = true, l.now.Add(pauseMax)
	}
	l.pause = pause
}

// accept takes connections from a listener, up to a turn's share.
func (l *loop) accept(i int) {
	for range acceptBatch {
		if l.paused {
			return
		}
		if l.s.open.Add(1) > int64(l.s.o.MaxConnections) {
			l.s.open.Add(-1)
			l.hush(0)
			return
		}
		fd, err := l.s.accept(l.s.listeners[i].fd, &l.from)
		if err != nil {
			l.s.open.Add(-1)
			if !l.acceptFailed(err) {
				return
			}
			continue
		}
		l.pause = 0
		l.s.accepted.Add(1)
		a := arrival{fd, l.from.addr()}
		if other := l.emptiest(); other != l {
			other.hand(a)
			continue
		}
		l.open(a)
	}
}

// acceptFailed reports whether it is worth to go on at once.
func (l *loop) acceptFailed(err error) bool {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EPROTO):
		return true // this one is gone; there may be more
	}
	l.pause = min(max(2*l.pause, pauseFirst), pauseMax)
	l.hush(l.pause)
	l.s.sometimes.Do(func() { l.s.o.Log.Error("connections can't be accepted", "err", err, "again_in", l.pause) })
	return false
}

// emptiest is the loop that a new connection belongs to: this one, unless it has
// far more than another.
func (l *loop) emptiest() *loop {
	if l.s.stopping.Load() {
		return l // the others may have ended
	}
	best, least := l, l.len.Load()-unevenness
	for _, o := range l.s.loops {
		if n := o.len.Load(); n < least {
			best, least = o, n
		}
	}
	return best
}

// hand gives a connection to a loop from outside.
func (l *loop) hand(a arrival) {
	l.len.Add(1)
	l.mu.Lock()
	l.inbox = append(l.inbox, a)
	l.mu.Unlock()
	l.rouse()
}

func (l *loop) adoptInbox() {
	l.mu.Lock()
	list := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, a := range list {
		l.len.Add(-1)
		l.open(a)
	}
}

// open takes a connection in and reads what is there already.
func (l *loop) open(a arrival) {
	var slot int32
	if n := len(l.free); n > 0 {
		slot, l.free = l.free[n-1], l.free[:n-1]
	} else {
		slot = int32(len(l.slots))
		l.slots = append(l.slots, &conn{slot: slot})
	}
	c := l.slots[slot]
	*c = conn{slot: slot, gen: c.gen, fd: a.fd, remote: a.remote, proxied: l.s.o.SendsProxy(a.remote), deadline: l.now.Add(l.s.o.HeadTimeout)}
	l.len.Add(1)
	l.read(c)
}

// sweep closes connections whose time is over, a part of them in each tick.
func (l *loop) sweep() {
	if l.now.Before(l.nextSweep) {
		return
	}
	l.nextSweep = l.now.Add(tick)
	// Where others wait to be let in, who has been idle for a while has to go: a
	// few could keep everybody out else.
	crowded := l.now
	if l.s.open.Load() >= int64(l.s.o.MaxConnections) {
		crowded = l.now.Add(l.s.o.IdleTimeout - l.s.o.CrowdedTimeout)
	}
	for i := l.swept; i < len(l.slots); i += sweepParts {
		c := l.slots[i]
		if c.fd >= 0 && (l.now.After(c.deadline) || crowded.After(c.deadline) && c.asked && c.idle()) {
			l.expire(c)
		}
	}
	l.swept = (l.swept + 1) % sweepParts
	l.flush()
}

// drain ends the loop in steps and reports whether it is over.
func (l *loop) drain() bool {
	if !l.draining {
		for i := range l.s.listeners { // those who wait in the queue are answered too
			l.accept(i)
		}
		l.hush(0)
		l.adoptInbox()
		l.draining, l.drainEnd = true, l.now.Add(l.s.o.DrainTimeout)
		for _, c := range l.slots { // and those who asked this very moment
			if c.fd >= 0 && len(c.out) == 0 {
				l.read(c)
			}
		}
		l.flush()
		for _, c := range l.slots {
			if c.idle() {
				l.close(c)
			}
		}
	}
	return l.len.Load() == 0 || l.now.After(l.drainEnd)
}

// closeAll closes everything that the loop has. It must not run any more.
func (l *loop) closeAll() {
	for _, c := range l.slots {
		if c.fd >= 0 {
			l.close(c)
		}
	}
	l.mu.Lock()
	list := l.inbox
	l.inbox = nil
	l.mu.Unlock()
	for _, a := range list {
		closeSocket(a.fd)
		l.len.Add(-1)
		l.s.open.Add(-1)
	}
	for _, fd := range []int{l.wake, l.ep} {
		if fd >= 0 {
			closeSocket(fd)
		}
	}
	l.wake, l.ep = -1, -1
}
