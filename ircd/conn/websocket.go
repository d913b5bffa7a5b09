package conn

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// The subprotocols of the IRCv3 WebSocket specification: each message is one line
// without its end, in text or in binary frames.
const (
	webText   = "text.ircv3.net"
	webBinary = "binary.ircv3.net"
)

// rawKey is the key of a request's connection in its context.
type rawKey struct{}

// serveWeb serves WebSocket clients until the listener is closed.
func (s *Server) serveWeb(ctx context.Context, l *Listener) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(s.openWeb),
		ReadHeaderTimeout: handshakeTimeout,
		IdleTimeout:       handshakeTimeout,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // which would name addresses
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, rawKey{}, c) },
		ConnState:         limitPending(maxPending),
	}
	var in net.Listener = l
	if l.tls != nil {
		config := l.tls.Clone()
		config.NextProtos = []string{"http/1.1"}
		in = tls.NewListener(l, config)
	}
	err := server.Serve(in)
	if ctx.Err() != nil || errors.Is(err, http.ErrServerClosed) {
		return server.Close() // those that haven't become WebSockets
	}
	return err
}

// limitPending closes new connections while too many others haven't become WebSockets yet.
func limitPending(limit int) func(net.Conn, http.ConnState) {
	pending := make(chan struct{}, limit)
	var held sync.Map // the connections that are counted
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			select {
			case pending <- struct{}{}:
				held.Store(c, nil)
			default:
				_ = c.Close()
			}
		case http.StateHijacked, http.StateClosed:
			if _, ok := held.LoadAndDelete(c); ok {
				<-pending
			}
		case http.StateActive, http.StateIdle:
		}
	}
}

// openWeb makes a WebSocket of a request and starts its connection.
func (s *Server) openWeb(w http.ResponseWriter, r *http.Request) {
	raw, ok := r.Context().Value(rawKey{}).(net.Conn)
	if !ok {
		http.Error(w, "This address is for WebSocket clients of IRC", http.StatusInternalServerError)
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		http.Error(w, "This address is for WebSocket clients of IRC", http.StatusUpgradeRequired)
		return
	}
	raw, from := s.webOrigin(raw, r.Header)
	ctx, c := s.newConn(raw)
	client, err := s.host.Admit(c, from)
	if err != nil {
		c.end()
		s.opt.Refused()
		http.Error(w, core.SafeText(err), http.StatusServiceUnavailable)
		return
	}
	// Frames aren't compressed: their length could give away secrets.
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: webProtocol(r), OriginPatterns: s.opt.WebOrigins, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		// Accept has answered the request; there is no connection on which to say more.
		client.Failed("No WebSocket")
		return
	}
	ws.SetReadLimit(MaxRead)
	c.conn = &webConn{Conn: raw, ws: ws, binary: ws.Subprotocol() == webBinary}
	s.start(c)
	s.serve(ctx, client)
}

// webOrigin tells how a WebSocket client came, and returns the connection beneath. A
// trusted reverse proxy says in headers who its client is.
func (s *Server) webOrigin(conn net.Conn, header http.Header) (raw net.Conn, from Origin) {
	raw, from = conn, Origin{Addr: addrOf(conn), Web: true}
	if secure, ok := conn.(*tls.Conn); ok {
		raw, from.Secure, from.Certificate = secure.NetConn(), true, shown(secure.ConnectionState())
	}
	if !Within(s.opt.WebProxies, from.Addr) {
		return raw, from
	}
	if addr, err := netip.ParseAddr(header.Get("X-Real-IP")); err == nil {
		from.Addr, from.Secure, from.Certificate = addr.Unmap().WithZone(""), header.Get("X-Forwarded-Proto") == "https", ""
	}
	return raw, from
}

// webProtocol is the subprotocol of ours that a client prefers: it names them in its
// order (RFC 6455).
func webProtocol(r *http.Request) []string {
	for name := range strings.SplitSeq(strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		for _, ours := range []string{webText, webBinary} {
			if strings.EqualFold(strings.TrimSpace(name), ours) {
				return []string{ours}
			}
		}
	}
	return nil
}

// webConn makes a WebSocket look like the stream of lines that other connections are. Its
// deadlines are those of the connection beneath. One goroutine may read while another
// writes.
type webConn struct {
	net.Conn
	ws     *websocket.Conn
	binary bool
	unread []byte
}

// Read returns what messages hold, each with the end of a line.
func (c *webConn) Read(p []byte) (int, error) {
	for len(c.unread) == 0 {
		_, b, err := c.ws.Read(context.Background())
		if err != nil {
			return 0, err
		}
		// A message is one line, whatever it holds.
		b = bytes.TrimRight(b, "\r\n")
		for i, x := range b {
			if x == '\r' || x == '\n' {
				b[i] = 0 // which no line may hold, so the client is told
			}
		}
		b = append(b, '\r', '\n')
		c.unread = b
	}
	k := copy(p, c.unread)
	if c.unread = c.unread[k:]; len(c.unread) == 0 {
		c.unread = nil
	}
	return k, nil
}

// Write sends each line of p, which holds whole lines, as one message. Text
// frames must be UTF-8, or browsers close the connection.
func (c *webConn) Write(p []byte) (int, error) {
	kind := websocket.MessageText
	if c.binary {
		kind = websocket.MessageBinary
	}
	for rest := p; len(rest) > 0; {
		var l []byte
		l, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if !c.binary {
			l = bytes.ToValidUTF8(l, []byte("\uFFFD"))
		}
		if err := c.ws.Write(context.Background(), kind, l); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Close says goodbye as WebSocket wants, and closes.
func (c *webConn) Close() error {
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	return c.ws.Close(websocket.StatusNormalClosure, "")
}
