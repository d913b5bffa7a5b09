package ircd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/proxyproto"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// listener is an open port.
type listener struct {
	net.Listener
	tls *tls.Config // nil for plain text
	web bool        // whether it speaks WebSocket
}

// trusted are the addresses that the configuration lets do more.
type trusted struct {
	exempt []netip.Prefix // no limits by address
	proxy  []netip.Prefix // say with the PROXY protocol whom they bring
	web    []netip.Prefix // say to WebSocket in headers whom they bring
	webirc []netip.Prefix // say so with WEBIRC
	oper   []netip.Prefix // may become operators by the configuration's word
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// listen opens the ports, all or none.
func (r *Room) listen(ctx context.Context) (out []*listener, certs *certificates, err error) {
	open := func(addr string, config *tls.Config, web bool) (string, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err != nil {
			for _, other := range out {
				err = errors.Join(err, other.Close())
			}
			return "", fmt.Errorf("listen for IRC on %s: %w", addr, err)
		}
		out = append(out, &listener{l, config, web})
		return l.Addr().String(), nil
	}
	var config *tls.Config
	if r.cfg.ListenTLS != "" || r.cfg.ListenWeb != "" && r.cfg.WebTLS {
		cert, made, err := loadCertificate(r.cfg.CertFile, r.cfg.KeyFile, r.cfg.ServerName, r.deps.Clock())
		if err != nil {
			return nil, nil, err
		}
		if made {
			r.deps.Log.Info("made a self-signed certificate for IRC", "file", r.cfg.CertFile, "sha256", fingerprint(cert))
		}
		certs = newCertificates(r.cfg.CertFile, r.cfg.KeyFile, cert, r.deps.Log)
		config = certs.config()
	}
	var secure, plain, web string
	if r.cfg.ListenTLS != "" {
		if secure, err = open(r.cfg.ListenTLS, config, false); err != nil {
			return nil, nil, err
		}
	}
	if r.cfg.ListenPlain != "" {
		if plain, err = open(r.cfg.ListenPlain, nil, false); err != nil {
			return nil, nil, err
		}
	}
	if r.cfg.ListenWeb != "" {
		webTLS := config
		if !r.cfg.WebTLS {
			webTLS = nil
		}
		if web, err = open(r.cfg.ListenWeb, webTLS, true); err != nil {
			return nil, nil, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tls, r.plain, r.web = secure, plain, web
	return out, certs, nil
}

// accept takes connections until the listener is closed. Failures that pass, such
// as too many open files, are waited out.
func (n *network) accept(ctx context.Context, l net.Listener, take func(net.Conn)) error {
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
			n.log.Error("an IRC connection can't be accepted", "err", err, "again_in", pause)
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			pause = min(2*pause, longestPause)
			continue
		}
		pause = firstPause
		take(raw)
	}
}

const (
	proxyTimeout     = 5 * time.Second  // for the header of the PROXY protocol
	handshakeTimeout = 10 * time.Second // for that of TLS or WebSocket
	maxPending       = 1024             // connections of which the address isn't known yet
)

// addrOf is the address at the other end, invalid where it has none.
func addrOf(c net.Conn) netip.Addr {
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// taker returns what accept gives the connections of l to. Those of a trusted
// proxy must begin with the PROXY header, which is waited for elsewhere.
func (n *network) taker(l *listener, conns *connections) func(net.Conn) {
	return func(raw net.Conn) {
		from := addrOf(raw)
		if !within(n.trusted.proxy, from) {
			n.open(raw, from, l.tls, conns)
			return
		}
		select {
		case n.pending <- struct{}{}:
		default:
			n.metrics.refused.Inc()
			_ = raw.Close()
			return
		}
		conns.group.Go(func(context.Context) error {
			defer func() { <-n.pending }()
			client, behind, err := readProxy(raw)
			if err != nil {
				n.metrics.refused.Inc()
				_ = raw.Close()
				return nil
			}
			if !client.IsValid() {
				client = from // the proxy speaks for itself
			}
			n.open(behind, client, l.tls, conns)
			return nil
		})
	}
}

// readProxy reads the header at the start of a connection, and returns the
// client's address and the connection from there on.
func readProxy(raw net.Conn) (client netip.Addr, rest net.Conn, err error) {
	if err := raw.SetReadDeadline(time.Now().Add(proxyTimeout)); err != nil {
		return client, nil, err
	}
	b := make([]byte, 0, proxyproto.MaxHeader)
	for {
		k, err := raw.Read(b[len(b):cap(b)])
		b = b[:len(b)+k]
		addr, used, perr := proxyproto.Parse(b)
		switch {
		case perr != nil:
			return client, nil, perr
		case used > 0:
			rest = raw
			if used < len(b) {
				rest = &resumed{raw, append([]byte(nil), b[used:]...)}
			}
			return addr, rest, raw.SetReadDeadline(time.Time{})
		case err != nil:
			return client, nil, err
		}
	}
}

// resumed is a connection of which some bytes have been read already.
type resumed struct {
	net.Conn
	first []byte
}

func (c *resumed) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		k := copy(p, c.first)
		if c.first = c.first[k:]; len(c.first) == 0 {
			c.first = nil
		}
		return k, nil
	}
	return c.Conn.Read(p)
}

// open starts a connection, or turns it away.
func (n *network) open(raw net.Conn, from netip.Addr, config *tls.Config, conns *connections) {
	ctx, cancel := context.WithCancel(context.Background()) // ended by network.drop
	s := n.session(raw, raw, from, cancel)
	if config != nil {
		s.secure, s.conn = true, tls.Server(s.under(raw), config)
	}
	if err := n.add(s); err != nil {
		n.metrics.refused.Inc()
		cancel()
		if config == nil && raw.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
			_, _ = raw.Write([]byte("ERROR :" + core.SafeText(err) + "\r\n")) // fits the empty socket buffer
		}
		_ = raw.Close()
		return
	}
	conns.start(s)
	if config == nil {
		n.readOn(ctx, s)
		return
	}
	s.spawn(func() {
		if n.handshake(ctx, s) {
			n.readOn(ctx, s) // by a goroutine whose stack no handshake has filled
		}
	})
}

// readOn starts the goroutine that reads.
func (n *network) readOn(ctx context.Context, s *session) {
	s.spawn(func() {
		if n.read(ctx, s) {
			n.readOn(ctx, s)
		}
	})
}

// session makes the session of a connection that came from an address.
func (n *network) session(conn, raw net.Conn, from netip.Addr, end context.CancelFunc) *session {
	s := newSession(conn, n.cfg.SendQueue, end)
	s.raw, s.addr, s.exempt = raw, from, within(n.trusted.exempt, from)
	return s
}

// under is what TLS is spoken over.
func (s *session) under(raw net.Conn) net.Conn {
	if s.quiet = newQuiet(raw); s.quiet == nil {
		return raw
	}
	return s.quiet
}

// handshake does that of TLS within its time, and notes the certificate that the
// client showed. It reports whether the connection goes on.
func (n *network) handshake(ctx context.Context, s *session) bool {
	conn, ok := s.conn.(*tls.Conn)
	if !ok {
		return true
	}
	if s.quiet != nil {
		defer s.begin()
	}
	err := s.raw.SetDeadline(time.Now().Add(handshakeTimeout))
	if err == nil {
		err = conn.HandshakeContext(ctx)
	}
	if err == nil {
		err = s.raw.SetDeadline(time.Time{})
	}
	if err != nil {
		n.locked(func() { n.drop(s, readError(err)) })
		return false
	}
	if s.quiet != nil {
		s.quiet.on.Store(true)
	}
	n.locked(func() { s.certificate = shown(conn.ConnectionState()) })
	return ctx.Err() == nil // else drop's own deadline may have been lifted
}

// connections are the goroutines of the open connections of a run.
type connections struct {
	group  *supervise.Group
	failed <-chan struct{} // closed when one of them panicked

	mu   sync.Mutex
	open map[*session]struct{}
}

func newConnections(ctx context.Context) *connections {
	group, ctx := supervise.NewGroup(ctx)
	return &connections{group: group, failed: ctx.Done(), open: map[*session]struct{}{}}
}

// start lets a connection be read and written, beginning with what is queued.
func (cs *connections) start(s *session) {
	cs.mu.Lock()
	cs.open[s] = struct{}{}
	cs.mu.Unlock()
	if s.conn == s.raw {
		s.direct = directOf(s.raw)
	}
	s.in.open(s)
	s.spawn = func(f func()) {
		cs.group.Go(func(context.Context) error {
			f()
			return nil
		})
	}
	s.hangUp = func() {
		_ = s.raw.Close() // nothing depends on how a dead connection closes
		cs.mu.Lock()
		defer cs.mu.Unlock()
		delete(cs.open, s)
	}
	if s.quiet == nil {
		s.begin()
	}
}

// drain waits for the connections to end, and cuts off those that take longer.
func (cs *connections) drain(limit time.Duration) error {
	cut := time.AfterFunc(limit, func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		for s := range cs.open {
			_ = s.raw.Close()
		}
	})
	defer cut.Stop()
	return cs.group.Wait()
}
