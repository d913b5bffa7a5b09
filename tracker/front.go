package tracker

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Limits of the HTTP front.
const (
	headLimit   = 4 << 10 // bytes; net/http reads 4 KiB more than it is told
	headTimeout = 5 * time.Second
	readTimeout = 10 * time.Second
	sendTimeout = 10 * time.Second
	drainLimit  = 1500 * time.Millisecond
)

// front serves a Handler with net/http. It is the only part that knows of it.
type front struct {
	handler Handler
	idle    time.Duration
	log     *slog.Logger
	buffers sync.Pool // of *[]byte
}

// serve answers on the listeners until ctx ends, then lets running requests end.
// It closes the listeners.
func (f *front) serve(ctx context.Context, listeners []net.Listener) error {
	srv := &http.Server{
		Handler:           f,
		MaxHeaderBytes:    headLimit,
		ReadHeaderTimeout: headTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      sendTimeout,
		IdleTimeout:       f.idle,
		// net/http puts addresses of clients into its messages.
		ErrorLog: log.New(acceptErrors{f.log}, "", 0),
	}
	g, gctx := supervise.NewGroup(ctx)
	for _, l := range listeners {
		g.Go(func(context.Context) error {
			if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	g.Go(func(context.Context) error {
		<-gctx.Done()
		wait, cancel := context.WithTimeout(context.WithoutCancel(gctx), drainLimit)
		defer cancel()
		if err := srv.Shutdown(wait); err != nil {
			return srv.Close() // who is still sending has had the time
		}
		return nil
	})
	return g.Wait()
}

// ServeHTTP hands a request to the handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		f.log.Error("a connection has no address", "err", err)
		http.Error(w, "Bad request", http.StatusBadRequest)
		return
	}
	buf, _ := f.buffers.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	defer f.buffers.Put(buf)
	req := Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Remote: remote.Addr(),
		ForwardedFor: r.Header["X-Forwarded-For"], RealIP: r.Header.Get("X-Real-Ip"),
	}
	status, body := f.handler.Answer((*buf)[:0], &req)
	*buf = body
	h := w.Header()
	h["Content-Type"] = contentType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: there is nobody to tell
}

var contentType = []string{"text/plain"}

// acceptErrors passes on what net/http says of accepting connections, which
// concerns us, and drops what it says of single ones.
type acceptErrors struct{ log *slog.Logger }

func (a acceptErrors) Write(p []byte) (int, error) {
	if text := string(p); strings.Contains(text, "Accept error") {
		a.log.Warn("connections can't be accepted", "err", strings.TrimSpace(text))
	}
	return len(p), nil
}

// limiter lets so many connections be open at once, over all its listeners.
// Others wait in the kernel's queue.
type limiter struct {
	slots chan struct{}
	open  prometheus.Gauge
}

func newLimiter(most int, open prometheus.Gauge) *limiter {
	open.Set(0)
	return &limiter{slots: make(chan struct{}, most), open: open}
}

func (l *limiter) wrap(inner net.Listener) net.Listener {
	return &limitedListener{Listener: inner, limiter: l, closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	limiter *limiter
	once    sync.Once
	closed  chan struct{}
}

// Accept waits for a slot, then for a connection.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.limiter.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.limiter.slots
		return nil, err
	}
	l.limiter.open.Inc()
	return &limitedConn{Conn: c, limiter: l.limiter}, nil
}

// Close ends Accept too while it waits for a slot.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limitedConn struct {
	net.Conn
	limiter *limiter
	once    sync.Once
}

// Close gives the slot back, once.
func (c *limitedConn) Close() error {
	c.once.Do(func() {
		<-c.limiter.slots
		c.limiter.open.Dec()
	})
	return c.Conn.Close()
}

// CloseWrite lets net/http end a refused request without the reset that would
// take the answer away from the client.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
