package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/tracker/wire/wiretest"
)

// How clients connect.
const (
	keepAlive = "keep-alive"
	oneShot   = "one-shot"
)

const (
	checkEvery  = 64
	patience    = 10 * time.Second // without any answer
	maxFailures = 1000
)

// driver sends requests to one server over its connections.
type driver struct {
	s       *server
	closing bool
	request func(dst []byte) []byte // appends the next request, or nothing at the end
	answers int
	latency histogram
	last    time.Time     // when the last answer came
	silence time.Duration // the longest time between two answers, on any connections
	fails   int
	why     error // the first failure

	ep    int
	to    unix.SockaddrInet4
	conns []link
	left  int // links in use
	out   []byte
	in    []byte
}

// link is the state of one connection.
type link struct {
	fd      int
	asked   time.Time
	pending []byte // of the request, while the connection is being made
	got     []byte // of the answer
}

func newDriver(s *server, connections int, closing bool, request func([]byte) []byte) (*driver, error) {
	if err := onlyLoopback(s.addr); err != nil {
		return nil, err
	}
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	d := &driver{s: s, closing: closing, request: request, ep: ep, conns: make([]link, connections), in: make([]byte, 64<<10),
		to: unix.SockaddrInet4{Port: int(s.addr.Port()), Addr: s.addr.Addr().As4()}}
	for i := range d.conns {
		d.conns[i].fd = -1
	}
	return d, nil
}

// onlyLoopback returns an error for an address that is not on this machine.
func onlyLoopback(a netip.AddrPort) error {
	if !a.Addr().Is4() || !a.Addr().IsLoopback() {
		return fmt.Errorf("%s is not on this machine's loopback (127.0.0.0/8); nothing else is loaded", a)
	}
	return nil
}

func (d *driver) close() {
	for i := range d.conns {
		d.hangUp(&d.conns[i])
	}
	_ = unix.Close(d.ep) // nothing was written
}

func (d *driver) hangUp(l *link) {
	if l.fd >= 0 {
		_ = unix.Close(l.fd) // nothing was written
		l.fd, l.pending, l.got = -1, nil, l.got[:0]
	}
}

// run sends requests until there are no more, or until the given time.
func (d *driver) run(ctx context.Context, until time.Time) error {
	d.left = 0
	for i := range d.conns {
		if d.conns[i].asked.IsZero() {
			if err := d.ask(i); err != nil {
				return err
			}
		}
		if !d.conns[i].asked.IsZero() {
			d.left++
		}
	}
	events := make([]unix.EpollEvent, 256)
	last := time.Now()
	for d.left > 0 && d.fails < maxFailures {
		n, err := unix.EpollWait(d.ep, events, 1000)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case n > 0:
			last = now
		case now.Sub(last) > patience:
			return fmt.Errorf("no answer for %s", patience)
		}
		for _, e := range events[:max(n, 0)] {
			if err := d.ready(int(e.Fd)); err != nil {
				return err
			}
		}
		if now.After(until) {
			return nil
		}
	}
	if d.fails >= maxFailures {
		return fmt.Errorf("%d failures, the first: %w", d.fails, d.why)
	}
	return nil
}

// ask sends the next request on a link, and connects it first if necessary.
func (d *driver) ask(i int) error {
	l := &d.conns[i]
	d.out = d.request(d.out[:0])
	if len(d.out) == 0 {
		l.asked = time.Time{}
		d.left--
		return nil
	}
	l.asked = time.Now()
	if l.fd < 0 {
		if err := d.connect(i); err != nil {
			return err
		}
	}
	n, err := unix.Write(l.fd, d.out)
	switch {
	case err == nil && n == len(d.out):
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.ENOTCONN) || err == nil:
		l.pending = append([]byte(nil), d.out[max(n, 0):]...)
	default:
		d.fail(i, err)
	}
	return nil
}

func (d *driver) connect(i int) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	l := &d.conns[i]
	l.fd = fd
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := unix.Connect(fd, &d.to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect to %s: %w", d.s.addr, err)
	}
	return unix.EpollCtl(d.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: int32(i)})
}

// heard notes that an answer has come.
func (d *driver) heard(now time.Time) { d.silence, d.last = max(d.silence, now.Sub(d.last)), now }

// fail counts a failure and closes the connection.
func (d *driver) fail(i int, err error) {
	d.fails++
	if d.why == nil {
		d.why = err
	}
	d.hangUp(&d.conns[i])
	d.conns[i].asked = time.Time{}
	d.left--
}

func (d *driver) ready(i int) error {
	l := &d.conns[i]
	if l.fd < 0 || l.asked.IsZero() {
		return nil
	}
	if len(l.pending) > 0 {
		n, err := unix.Write(l.fd, l.pending)
		if err != nil {
			if !errors.Is(err, unix.EAGAIN) {
				d.fail(i, err)
			}
			return nil
		}
		l.pending = l.pending[n:]
	}
	n, err := unix.Read(l.fd, d.in)
	if errors.Is(err, unix.EAGAIN) {
		return nil
	}
	if err != nil || n == 0 {
		d.fail(i, fmt.Errorf("the connection ended before the answer: %w", err))
		return nil
	}
	answer := d.in[:n]
	if len(l.got) > 0 {
		l.got = append(l.got, answer...)
		answer = l.got
	}
	body, whole, err := split(answer)
	if err != nil {
		d.fail(i, err)
		return nil
	}
	if !whole {
		if len(l.got) == 0 {
			l.got = append(l.got, answer...)
		}
		return nil
	}
	now := time.Now()
	d.latency.add(now.Sub(l.asked))
	d.heard(now)
	d.answers++
	if d.answers%checkEvery == 0 {
		if err := check(body); err != nil {
			d.fails++
			d.why = errors.Join(d.why, err)
		}
	}
	l.got = l.got[:0]
	if d.closing {
		d.hangUp(l)
	}
	return d.ask(i)
}

var (
	headEnd    = []byte("\r\n\r\n")
	lengthName = []byte("Content-Length: ")
)

// split finds the body of an answer.
func split(b []byte) (body []byte, whole bool, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return nil, false, nil
	}
	head, body := b[:end+2], b[end+4:]
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) && !bytes.HasPrefix(head, []byte("HTTP/1.0 200")) {
		return nil, false, fmt.Errorf("answer %.100q", b)
	}
	at := bytes.Index(head, lengthName)
	if at < 0 {
		return nil, false, fmt.Errorf("no Content-Length in %q", head)
	}
	value := head[at+len(lengthName):]
	n, err := strconv.Atoi(string(value[:bytes.IndexByte(value, '\r')]))
	if err != nil || n < len(body) {
		return nil, false, fmt.Errorf("a body of %d bytes, announced as %q", len(body), head)
	}
	return body, n == len(body), nil
}

// check parses an answer as strictly as any client.
func check(body []byte) error {
	v, err := wiretest.Decode(body)
	if err != nil {
		return err
	}
	d, _ := v.(map[string]any)
	peers, isText := d["peers"].(string)
	interval, _ := d["interval"].(int64)
	if why, failed := d["failure reason"]; failed || !isText || len(peers)%6 != 0 || interval <= 0 {
		return fmt.Errorf("no answer to an announce: %v, %.200q", why, body)
	}
	return nil
}

// measure loads a server once.
func measure(ctx context.Context, o options, s *server, pop *population, mode string) (result, error) {
	r := rand.New(rand.NewPCG(o.seed, 2)) //nolint:gosec // it must be the same each time
	d, err := newDriver(s, o.connections, mode == oneShot, func(dst []byte) []byte { return pop.next(dst, r, s, mode == oneShot) })
	if err != nil {
		return result{}, err
	}
	defer d.close()
	if err := d.run(ctx, time.Now().Add(o.warmup)); err != nil {
		return result{}, err
	}
	before, err := s.usage()
	if err != nil {
		return result{}, err
	}
	d.answers, d.latency = 0, histogram{}
	begun := time.Now()
	d.last, d.silence = begun, 0
	if err := d.run(ctx, begun.Add(o.duration)); err != nil {
		return result{}, err
	}
	took := time.Since(begun)
	d.heard(begun.Add(took))
	after, err := s.usage()
	if err != nil {
		return result{}, err
	}
	if d.answers == 0 {
		return result{}, errors.New("nothing was answered")
	}
	return result{server: s.name, mode: mode, rate: float64(d.answers) / took.Seconds(), latency: d.latency, silence: d.silence, failures: d.fails,
		cpu: (after.cpu - before.cpu).Seconds() / float64(d.answers) * 1e5, db: (after.db - before.db).Seconds() / float64(d.answers) * 1e5,
		hasDB: s.dbPID > 0, rss: after.rss,
		foreign: (after.all - before.all).Seconds() / took.Seconds() / float64(runtime.NumCPU())}, nil
}

// preload announces every client once.
func preload(ctx context.Context, o options, s *server, pop *population) error {
	next := 0
	d, err := newDriver(s, o.connections, s.closes, func(dst []byte) []byte {
		if next == len(pop.peers) {
			return dst
		}
		next++
		return pop.request(dst, s, next-1, "started", s.closes)
	})
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.run(ctx, time.Now().Add(10*time.Minute)); err != nil {
		return err
	}
	if d.fails > 0 || d.answers != len(pop.peers) {
		return fmt.Errorf("%d of %d clients were let in, %d failures: %w", d.answers, len(pop.peers), d.fails, d.why)
	}
	return nil
}
