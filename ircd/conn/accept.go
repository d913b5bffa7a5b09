package conn

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Options are the settings of a Server.
type Options struct {
	Proxies    []netip.Prefix // connections from there must begin with the PROXY header
	WebProxies []netip.Prefix // believed in X-Real-IP and X-Forwarded-Proto
	WebOrigins []string       // hosts whose pages may connect, with *
	SendQueue  int            // bytes; a client with more unread is cut off
	Log        *slog.Logger
	Refused    func() // counts a connection that was turned away
}

// Server takes connections for a host, and keeps their goroutines.
type Server struct {
	opt     Options
	host    Host
	pending chan struct{} // has a token for each connection whose PROXY header is awaited
	group   *supervise.Group
	failed  <-chan struct{}

	mu   sync.Mutex
	open map[*Conn]struct{}
}

// NewServer makes a server. The goroutines of its connections outlive the listeners:
// they end with Drain, not with ctx, unless one of them panics.
func NewServer(ctx context.Context, host Host, opt Options) *Server {
	group, ctx := supervise.NewGroup(ctx)
	return &Server{opt: opt, host: host, pending: make(chan struct{}, maxPending), group: group, failed: ctx.Done(), open: map[*Conn]struct{}{}}
}

// Failed is closed when a goroutine of a connection has panicked.
func (s *Server) Failed() <-chan struct{} { return s.failed }

// Drain waits for the connections to end, and cuts off those that take longer.
func (s *Server) Drain(limit time.Duration) error {
	cut := time.AfterFunc(limit, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for c := range s.open {
			c.Abort()
		}
	})
	defer cut.Stop()
	return s.group.Wait()
}

// Listener is an open port.
type Listener struct {
	net.Listener
	tls *tls.Config // nil for plain text
	web bool        // whether it speaks WebSocket
}

// Listen opens a port: plain text where config is nil, and for WebSocket where web is set.
func Listen(ctx context.Context, addr string, config *tls.Config, web bool) (*Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for IRC on %s: %w", addr, err)
	}
	return &Listener{l, config, web}, nil
}

// Serve takes connections until the listener is closed, and returns nil if ctx has
// ended by then.
func (s *Server) Serve(ctx context.Context, l *Listener) error {
	if l.web {
		return s.serveWeb(ctx, l)
	}
	return s.accept(ctx, l)
}

// accept takes connections until the listener is closed. Failures that pass, such
// as too many open files, are waited out.
func (s *Server) accept(ctx context.Context, l *Listener) error {
	const firstPause, longestPause = 10 * time.Millisecond, time.Second
	pause := firstPause
	for {
		raw, err := l.Accept()
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = raw.Close()
			}
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("the IRC port was closed: %w", err)
		case err != nil:
			s.opt.Log.Error("an IRC connection can't be accepted", "err", err, "again_in", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		s.take(raw, l.tls)
	}
}

const (
	handshakeTimeout = 10 * time.Second // for that of TLS or WebSocket
	maxPending       = 1024             // connections whose client's address isn't known yet
)

// addrOf is the address at the other end, invalid where it has none.
func addrOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// take opens an accepted connection. If it comes from a trusted proxy, a goroutine waits
// for the PROXY header first.
func (s *Server) take(raw net.Conn, config *tls.Config) {
	from := addrOf(raw)
	if !Within(s.opt.Proxies, from) {
		s.Open(raw, from, config)
		return
	}
	select {
	case s.pending <- struct{}{}:
	default:
		s.opt.Refused()
		_ = raw.Close()
		return
	}
	s.spawn(func() {
		defer func() { <-s.pending }()
		client, behind, err := readProxy(raw)
		if err != nil {
			s.opt.Refused()
			_ = raw.Close()
			return
		}
		if !client.IsValid() {
			client = from // the proxy speaks for itself
		}
		s.Open(behind, client, config)
	})
}

// Open starts a connection of a client with an address, or turns it away. With config
// it begins with the TLS handshake.
func (s *Server) Open(raw net.Conn, from netip.Addr, config *tls.Config) {
	ctx, c := s.newConn(raw)
	if config != nil {
		c.conn = tls.Server(c.under(raw), config)
	}
	client, err := s.host.Admit(c, Origin{Addr: from, Secure: config != nil})
	if err != nil {
		s.opt.Refused()
		c.end()
		if config == nil && raw.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = raw.Write([]byte("ERROR :" + core.SafeText(err) + "\r\n")) // fits the empty socket buffer
		}
		_ = raw.Close()
		return
	}
	s.start(c)
	if config == nil {
		s.serve(ctx, client)
		return
	}
	s.spawn(func() {
		if c.handshake(ctx, client) {
			s.serve(ctx, client) // by a goroutine whose stack no handshake has filled
		}
	})
}

// newConn makes a connection, and the context of its Serve.
func (s *Server) newConn(raw net.Conn) (context.Context, *Conn) {
	ctx, cancel := context.WithCancel(context.Background()) // ended by Conn.Finish
	c := New(raw, s.opt.SendQueue)
	c.server, c.end = s, cancel
	return ctx, c
}

// under returns the connection that TLS runs over.
func (c *Conn) under(raw net.Conn) net.Conn {
	if c.quiet = newQuiet(raw); c.quiet == nil {
		return raw
	}
	return c.quiet
}

// start lets a connection be written to, beginning with what is queued.
func (s *Server) start(c *Conn) {
	s.mu.Lock()
	s.open[c] = struct{}{}
	s.mu.Unlock()
	if c.conn == c.raw {
		c.direct = directOf(c.raw)
	}
	if c.quiet == nil {
		c.begin()
	}
}

// serve starts the goroutine that reads.
func (s *Server) serve(ctx context.Context, client Client) {
	s.spawn(func() {
		if client.Serve(ctx) {
			s.serve(ctx, client)
		}
	})
}

// handshake does the TLS handshake within its time, and tells the client. It reports
// whether the connection goes on.
func (c *Conn) handshake(ctx context.Context, client Client) bool {
	conn, ok := c.conn.(*tls.Conn)
	if !ok {
		return true
	}
	if c.quiet != nil {
		defer c.begin()
	}
	err := c.raw.SetDeadline(time.Now().Add(handshakeTimeout))
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err == nil {
		err = c.raw.SetDeadline(time.Time{})
	}
	if err != nil {
		client.Failed(Reason(err))
		return false
	}
	if c.quiet != nil {
		c.quiet.on.Store(true)
	}
	client.Secured(shown(conn.ConnectionState()))
	return ctx.Err() == nil // else the deadline of Finish may have been lifted
}

// spawn starts a goroutine that Drain waits for.
func (s *Server) spawn(f func()) {
	s.group.Go(func(context.Context) error {
		f()
		return nil
	})
}

// forget takes a connection that is closed off the list.
func (s *Server) forget(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, c)
}
