package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// client is one connection of a crowd.
type client struct {
	name   string
	fd     int       // of a plain one
	secure *tls.Conn // else
	rest   []byte    // the beginning of a line
}

// crowd is many clients and their common counts. One goroutine reads for all plain ones, so
// that they take little of the machine; those with TLS have one each.
type crowd struct {
	mu      sync.Mutex // for clients to become more
	clients []*client
	ep      int // epoll
	hello   func(name string) string
	after   string // said once the server welcomes
	reading sync.WaitGroup

	loggedIn, welcome, joined, ponged atomic.Int64
	lost                              atomic.Int64 // connections that ended
	closing                           atomic.Bool

	sent []time.Time    // when each line was said
	last []atomic.Int64 // when the last receiver so far got it, Unix nanoseconds
	got  []atomic.Int64 // how many have
}

// mark stands before the number of a line in its text.
const mark = "line="

func newCrowd(lines int) (*crowd, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	c := &crowd{ep: ep, hello: asGuest, sent: make([]time.Time, lines), last: make([]atomic.Int64, lines), got: make([]atomic.Int64, lines)}
	c.reading.Go(c.readAll)
	return c, nil
}

func asGuest(name string) string {
	return fmt.Sprintf("NICK %[1]s\r\nUSER %[1]s 0 * :load\r\n", name)
}

// asMember logs in with SASL PLAIN. The lines go out at once: their order is the
// only thing that matters to the server.
func asMember(key string) func(string) string {
	return func(name string) string { return request(name) + proof(name, key) + "CAP END\r\n" }
}

// request and proof are the halves of a login, for when it is to be timed.
func request(name string) string { return "CAP REQ :sasl\r\n" + asGuest(name) }

func proof(name, key string) string {
	return "AUTHENTICATE PLAIN\r\nAUTHENTICATE " + base64.StdEncoding.EncodeToString([]byte("\x00"+name+"\x00"+key)) + "\r\n"
}

// readAll reads for the plain clients until the crowd closes.
func (c *crowd) readAll() {
	events, b := make([]unix.EpollEvent, 512), make([]byte, 64<<10)
	for !c.closing.Load() {
		n, err := unix.EpollWait(c.ep, events, 100)
		if err != nil && !errors.Is(err, unix.EINTR) {
			c.lost.Add(1)
			return
		}
		for _, e := range events[:max(n, 0)] {
			c.mu.Lock()
			cl := c.clients[e.Fd]
			c.mu.Unlock()
			k, err := unix.Read(cl.fd, b)
			switch {
			case k > 0:
				c.feed(cl, b[:k])
			case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			default:
				c.lost.Add(1)
				_ = unix.EpollCtl(c.ep, unix.EPOLL_CTL_DEL, cl.fd, nil) // it is there
			}
		}
	}
}

// readOne reads for a client with TLS until its connection ends.
func (c *crowd) readOne(cl *client) {
	b := make([]byte, 2<<10)
	for {
		k, err := cl.secure.Read(b)
		if err != nil {
			c.lost.Add(1)
			return
		}
		c.feed(cl, b[:k])
	}
}

func (c *crowd) feed(cl *client, b []byte) {
	if len(cl.rest) > 0 {
		b = append(cl.rest, b...)
		cl.rest = nil
	}
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			break
		}
		c.line(cl, b[:end])
		b = b[end+1:]
	}
	if len(b) > 0 {
		cl.rest = append([]byte(nil), b...)
	}
}

func (c *crowd) line(cl *client, l []byte) {
	if bytes.HasPrefix(l, []byte("PING ")) {
		c.say(cl, "PONG "+string(l[5:])+"\n")
		return
	}
	_, rest, _ := bytes.Cut(l, []byte(" "))
	command, _, _ := bytes.Cut(rest, []byte(" "))
	switch string(command) {
	case "PRIVMSG":
		if at := bytes.Index(l, []byte(mark)); at > 0 {
			c.count(l[at+len(mark):])
		}
	case "001":
		c.welcome.Add(1)
		if c.after != "" {
			c.say(cl, c.after)
		}
	case "366":
		c.joined.Add(1)
	case "903":
		c.loggedIn.Add(1)
	case "PONG":
		c.ponged.Add(1)
	}
}

func (c *crowd) count(text []byte) {
	i, err := strconv.Atoi(string(text[:max(0, bytes.IndexByte(text, ' '))]))
	if err != nil || i >= len(c.got) {
		return
	}
	now := time.Now().UnixNano()
	for old := c.last[i].Load(); now > old && !c.last[i].CompareAndSwap(old, now); old = c.last[i].Load() {
		continue
	}
	c.got[i].Add(1)
}

// say sends to the server. What a client says is little, and fits the socket.
func (c *crowd) say(cl *client, text string) {
	var err error
	if cl.secure != nil {
		_, err = cl.secure.Write([]byte(text))
	} else {
		var k int
		if k, err = unix.Write(cl.fd, []byte(text)); err == nil && k < len(text) {
			err = unix.EAGAIN
		}
	}
	if err != nil {
		c.lost.Add(1)
	}
}

// until waits for a count.
func (c *crowd) until(ctx context.Context, limit time.Duration, what string, have *atomic.Int64, want int) error {
	end := time.Now().Add(limit)
	for have.Load() < int64(want) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.lost.Load() > 0:
			return fmt.Errorf("%s: the server closed %d connections", what, c.lost.Load())
		case time.Now().After(end):
			return fmt.Errorf("%s: %d of %d when the time was over", what, have.Load(), want)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// hear waits until all clients have all that the server has for them.
func (c *crowd) hear(ctx context.Context, o options) error {
	want := int(c.ponged.Load()) + len(c.clients)
	for _, cl := range c.clients {
		c.say(cl, "PING :hear\r\n")
	}
	return c.until(ctx, o.limit, "hearing everything", &c.ponged, want)
}

// connect brings clients onto the network; each says hello. With together > 0 no more than
// that register at a time, and all must be in within the limit.
func (c *crowd) connect(ctx context.Context, o options, addr string, secure bool, names []string, together int) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil || !to.Addr().IsLoopback() {
		return fmt.Errorf("%s is not on loopback", addr)
	}
	end := time.Now().Add(o.limit)
	for i, name := range names {
		cl := &client{name: name, fd: -1}
		if secure {
			err = openSecure(ctx, o, cl, addr)
		} else {
			err = openPlain(cl, to)
		}
		if err == nil {
			err = c.add(cl)
		}
		if err != nil {
			return fmt.Errorf("connection %d: %w", len(c.clients), err)
		}
		if together > 0 && ((i+1)%together == 0 || i == len(names)-1) {
			if err := c.until(ctx, time.Until(end), "registration", &c.welcome, len(c.clients)); err != nil {
				return err
			}
		}
	}
	return nil
}

// add sends a client's first lines, and reads for it from now on.
func (c *crowd) add(cl *client) error {
	c.mu.Lock()
	i := len(c.clients)
	c.clients = append(c.clients, cl)
	c.mu.Unlock()
	if cl.secure != nil {
		c.reading.Go(func() {
			c.say(cl, c.hello(cl.name)) // with the handshake before it
			c.readOne(cl)
		})
		return nil
	}
	c.say(cl, c.hello(cl.name))
	return unix.EpollCtl(c.ep, unix.EPOLL_CTL_ADD, cl.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
}

func openPlain(cl *client, to netip.AddrPort) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd) // nothing was sent
		return err
	}
	cl.fd = fd
	return nil
}

func openSecure(ctx context.Context, o options, cl *client, addr string) error {
	raw, err := (&net.Dialer{Timeout: o.limit}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	cl.secure = tls.Client(raw, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // the server is our child
	return nil
}

// close ends all connections at once, as when a network breaks.
func (c *crowd) close() {
	c.closing.Store(true)
	for _, cl := range c.clients {
		if cl.secure != nil {
			_ = cl.secure.NetConn().Close() // nobody reads what it would say
		}
	}
	c.reading.Wait()
	for _, cl := range c.clients {
		if cl.fd >= 0 {
			_ = unix.Close(cl.fd) // as above
		}
	}
	_ = unix.Close(c.ep) // as above
}

// names makes n of them.
func names(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = prefix + strconv.Itoa(i)
	}
	return out
}
