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
	readSize     = 16 << 10  // bytes read from a connection in one turn
	maxEvents    = 256       // connections in one turn
	flushAt      = 256 << 10 // bytes of answers after which a turn sends what it has
	keepBuffer   = 1 << 20   // bytes; a larger buffer is dropped after its turn
	acceptBatch  = 64        // connections accepted in one turn
	stallLimit   = 32 << 20  // bytes of answers that the clients of a loop may leave untaken
	spareHeads   = 64        // buffers for unfinished requests that are kept for reuse
	maxImbalance = 8         // how many connections more than another a loop may have

	tick       = 100 * time.Millisecond
	sweepParts = 10 // a sweep looks at this part of the connections in each tick

	pauseFirst = 50 * time.Millisecond // how long accepting stops when the process has no file left
	pauseMax   = time.Second
)

// loop serves some of the connections.
type loop struct {
	s       *Server
	ep      int // epoll
	eventFD int // eventfd
	len     atomic.Int64

	mu    sync.Mutex
	inbox []arrival // from other loops

	now      time.Time // when the turn began
	date     []byte    // the Date header of that second
	dateUnix int64

	slots        []*conn
	free         []int32
	recheck      []connRef // connections that may have more to read in the next turn
	spareRecheck []connRef // the list of the turn before, whose memory is reused
	events       []unix.EpollEvent
	buf          []byte   // input of the connection that is being read
	spare        [][]byte // buffers for unfinished requests
	head         head
	from         sockaddr
	answers      []byte // the answers of this turn
	spareAnswers []byte // memory for the answers that replace them if they can't be committed
	sends        []send // which connection gets which part of answers
	line         []byte // a response's head
	stalled      int    // bytes of answers that clients have not taken

	answered  int // requests that the handler has answered in this turn
	nextSweep time.Time
	swept     int // the next of sweepParts

	paused   bool // the loop accepts no connections
	resumeAt time.Time
	pause    time.Duration

	draining bool
	drainEnd time.Time
}

type arrival struct {
	fd     int
	remote netip.Addr
}

// send is a part of the answers for a connection, with the promise to be kept before it
// is sent.
type send struct {
	c        *conn
	from, to int
	promise  promise.Promise
}

// connRef refers to a connection that may be closed meanwhile.
type connRef struct {
	slot int32
	gen  uint32
}

// Event data that is not a slot.
const (
	slotWake     = -1
	slotListener = -2 // and below
)

func newLoop(s *Server) (*loop, error) {
	l := &loop{s: s, ep: -1, eventFD: -1, events: make([]unix.EpollEvent, maxEvents), buf: make([]byte, readSize), answers: make([]byte, 0, keepBuffer/4)}
	var err error
	if l.ep, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, err
	}
	if l.eventFD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err == nil {
		err = control(l.ep, unix.EPOLL_CTL_ADD, l.eventFD, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: slotWake})
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

// wakeUp ends the loop's wait. Any goroutine may call it.
func (l *loop) wakeUp() {
	one := [8]byte{0: 1}
	_, _ = unix.Write(l.eventFD, one[:]) // it fails only when the loop is awake already
}

// run serves until the server stops and the drain is over.
func (l *loop) run() error {
	for {
		n, err := l.wait()
		if err != nil {
			return fmt.Errorf("epoll: %w", err)
		}
		l.now = time.Now()
		again := l.recheck
		l.recheck = l.spareRecheck[:0]
		for i := range n {
			l.event(&l.events[i])
		}
		for _, t := range again {
			if c := l.slots[t.slot]; c.gen == t.gen {
				l.read(c)
			}
		}
		l.spareRecheck = again
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
	// Under load there are always events, and polling is cheap.
	if n := poll(l.ep, l.events); n > 0 || len(l.recheck) > 0 {
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
		_, _ = read(l.eventFD, b[:]) // it only has to be read
		l.adoptInbox()
	case slot <= slotListener:
		l.accept(int(slotListener - slot))
	default:
		c := l.slots[slot]
		if c.gen != uint32(e.Pad) {
			return
		}
		if len(c.unsent) > 0 {
			l.resend(c)
			return
		}
		if e.Events&^unix.EPOLLOUT == 0 {
			return
		}
		if gone := e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0; gone {
			l.recheck = append(l.recheck, connRef{c.slot, c.gen}) // read what was sent before the end
		}
		l.read(c)
	}
	if len(l.answers) > flushAt {
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

// pauseAccepting stops accepting for a while, so that the loop does not spin while it
// can't accept.
func (l *loop) pauseAccepting(d time.Duration) {
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
		l.s.logLimit.Do(func() { l.s.o.Log.Error("connections can't be accepted", "err", err) })
		l.paused, l.resumeAt = true, l.now.Add(pauseMax)
	}
	l.pause = pause
}

// accept accepts up to acceptBatch connections from a listener.
func (l *loop) accept(i int) {
	for range acceptBatch {
		if l.paused {
			return
		}
		if l.s.open.Add(1) > int64(l.s.o.MaxConnections) {
			l.s.open.Add(-1)
			l.pauseAccepting(0)
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
		if other := l.leastLoaded(); other != l {
			other.handOver(a)
			continue
		}
		l.open(a)
	}
}

// acceptFailed handles an error and reports whether to go on accepting at once.
func (l *loop) acceptFailed(err error) bool {
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EPROTO):
		return true // this connection is gone; there may be others
	}
	l.pause = min(max(2*l.pause, pauseFirst), pauseMax)
	l.pauseAccepting(l.pause)
	l.s.logLimit.Do(func() { l.s.o.Log.Error("connections can't be accepted", "err", err, "again_in", l.pause) })
	return false
}

// leastLoaded returns the loop that takes a new connection: this one, unless another
// has far fewer.
func (l *loop) leastLoaded() *loop {
	if l.s.stopping.Load() {
		return l // the other loops may have ended
	}
	best, least := l, l.len.Load()-maxImbalance
	for _, o := range l.s.loops {
		if n := o.len.Load(); n < least {
			best, least = o, n
		}
	}
	return best
}

// handOver gives a connection to the loop. Any goroutine may call it.
func (l *loop) handOver(a arrival) {
	l.len.Add(1)
	l.mu.Lock()
	l.inbox = append(l.inbox, a)
	l.mu.Unlock()
	l.wakeUp()
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

// open adds a connection and reads what has arrived already.
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

// sweep closes connections whose time is over. Each tick looks at a part of them.
func (l *loop) sweep() {
	if l.now.Before(l.nextSweep) {
		return
	}
	l.nextSweep = l.now.Add(tick)
	// While others wait to be accepted, connections that have been idle for a while
	// are closed. Otherwise a few clients could keep everybody else out.
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

// drain stops the loop step by step and reports whether it has finished.
func (l *loop) drain() bool {
	if !l.draining {
		for i := range l.s.listeners { // those in the kernel's queue are answered too
			l.accept(i)
		}
		l.pauseAccepting(0)
		l.adoptInbox()
		l.draining, l.drainEnd = true, l.now.Add(l.s.o.DrainTimeout)
		for _, c := range l.slots { // and so are requests that have just arrived
			if c.fd >= 0 && len(c.unsent) == 0 {
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

// closeAll closes everything that the loop has. The loop must have ended.
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
	for _, fd := range []int{l.eventFD, l.ep} {
		if fd >= 0 {
			closeSocket(fd)
		}
	}
	l.eventFD, l.ep = -1, -1
}
