// Package front is the tracker's HTTP/1 server: requests without bodies, short
// answers, very many connections. It runs a few event loops over epoll, so that
// an idle connection costs some hundred bytes and a request no allocation; all
// requests that are ready at once are answered, committed and sent together.
// It needs Linux.
//
// It reads strictly (RFC 9112): whatever two readers could understand in two
// ways, such as doubled lengths, folded lines or bare line feeds, is refused with
// a plain-text answer and the connection is closed. A body is never read.
//
// Concurrency: each loop is one goroutine and owns its connections; loops share
// the listening sockets, the count of connections and nothing else. A loop that
// has accepted far more than another hands connections over through a locked
// inbox. The Handler is called by all loops at once.
package front

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/proxyproto"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// Request is all of a request that its answer depends on. Its texts are views
// into a buffer: they hold until Answer returns, and nothing of them may be kept.
type Request struct {
	Method       string
	Path         string     // still percent-encoded, without the host of an absolute URL
	Query        string     // raw, without the question mark
	Remote       netip.Addr // the other end of the connection; invalid over a unix socket
	ForwardedFor []string   // all X-Forwarded-For headers, in order
	RealIP       string     // X-Real-IP; the last, if there are several
}

// Answer is what a client is told, and what must last before it is told.
type Answer struct {
	Status  int    // of HTTP
	Body    []byte // with status 302 it is where to go, an absolute URL
	Promise promise.Promise
}

// Handler answers requests. It is called by several goroutines at once, and
// Answer must not wait.
type Handler interface {
	// Answer appends the body of its answer to dst.
	Answer(dst []byte, r *Request) Answer
	// Commit keeps a promise and all earlier ones. A loop calls it once for all
	// requests that were ready at once, before it sends the first answer, unless
	// none of the answers promises anything.
	Commit(p promise.Promise) error
	// Failed appends to dst what a client is told in place of an answer whose
	// promise could not be kept. Its connection is closed.
	Failed(dst []byte, err error) (status int, body []byte)
}

// Options are what a server needs and how patient it is.
type Options struct {
	Handler Handler

	// SendsProxy reports whether a connection from this address begins with a
	// PROXY protocol header (version 1 or 2), without which it is closed. The
	// address is invalid for unix sockets. Nil is nobody.
	SendsProxy func(netip.Addr) bool

	// Observe is told after each turn how many requests the handler answered and
	// how long they took, from when they were ready to when their answers were
	// committed and sent. Nil is nobody.
	Observe func(answers int, took time.Duration)

	Loops          int           // event loops; 0 is one for each CPU but one, at most 8
	MaxConnections int           // open at once, 0 is 20,000; others wait in the kernel's queue
	HeadLimit      int           // bytes of a request's head, 0 is 8 KiB; at most 12 KiB
	HeadTimeout    time.Duration // from a head's first byte to its last, 0 is 5 s
	IdleTimeout    time.Duration // between requests, 0 is 60 s
	SendTimeout    time.Duration // for a client to take its answers, 0 is 10 s
	CrowdedTimeout time.Duration // IdleTimeout while no more connections may be opened, 0 is 10 s
	DrainTimeout   time.Duration // for unfinished requests at the end, 0 is 1.5 s

	SocketMode fs.FileMode // of unix sockets; 0 leaves it to the umask

	Log *slog.Logger
}

func (o Options) withDefaults() Options {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&o.HeadTimeout, 5*time.Second)
	set(&o.IdleTimeout, time.Minute)
	set(&o.SendTimeout, 10*time.Second)
	set(&o.CrowdedTimeout, 10*time.Second)
	o.CrowdedTimeout = min(o.CrowdedTimeout, o.IdleTimeout)
	set(&o.DrainTimeout, 1500*time.Millisecond)
	if o.Loops <= 0 {
		// One fewer than the scheduler may run at once: if none is free, it takes
		// a loop's place away whenever the loop waits, which was measured to cost
		// as much CPU again as serving does.
		o.Loops = min(max(runtime.GOMAXPROCS(0)-1, 1), 8)
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 20_000
	}
	if o.HeadLimit <= 0 {
		o.HeadLimit = 8 << 10
	}
	o.HeadLimit = min(o.HeadLimit, readSize-proxyproto.MaxHeader)
	if o.SendsProxy == nil {
		o.SendsProxy = func(netip.Addr) bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// spareFiles are left to the rest of the process, its database above all.
const spareFiles = 256

// limitToFiles allows no more connections than the process may have files.
func (o *Options) limitToFiles() {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil || r.Cur > 1<<31 {
		return
	}
	if most := max(int(r.Cur)-spareFiles, int(r.Cur)/2); o.MaxConnections > most {
		level := slog.LevelWarn
		if most >= o.MaxConnections-o.MaxConnections/10 {
			level = slog.LevelInfo // the files set aside, and no crowd will notice
		}
		o.Log.Log(context.Background(), level, "the process may not have as many open files as connections are allowed",
			"files", r.Cur, "connections", most)
		o.MaxConnections = most
	}
}

// Stats are counts since the server was opened, but for Open.
type Stats struct {
	Open     int64 // connections that are open now
	Accepted int64 // connections
	Refused  int64 // requests that were no proper HTTP
	TimedOut int64 // connections closed because of half a request or untaken answers
}

// Server answers requests on its listening sockets.
type Server struct {
	o         Options
	listeners []listener
	loops     []*loop
	stopping  atomic.Bool
	open      atomic.Int64
	accepted  atomic.Int64
	refused   atomic.Int64
	timedOut  atomic.Int64
	sometimes rate.Sometimes
	accept    func(fd int, from *sockaddr) (int, error)
}

// listener is a listening socket and, for a unix socket, the file to remove.
type listener struct {
	file *os.File
	fd   int
	addr net.Addr
	path string
}

// unixPrefix begins the address of a unix socket.
const unixPrefix = "unix:"

// CheckAddress reports an address that Open would not understand: neither
// host:port nor unix:/absolute/path.
func CheckAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if !strings.HasPrefix(path, "/") || len(path) > 100 {
			return core.Errorf(core.Invalid, "%q is no address; write the absolute path of a socket, such as unix:/run/caduceus/tracker.sock", address)
		}
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return core.Errorf(core.Invalid, "%q is no address; write host:port, such as \"127.0.0.1:34000\" or \"[::]:34000\", or unix:/path/of/a/socket", address)
	}
	return nil
}

// Open listens on all addresses, or on none. Serve must follow.
func Open(ctx context.Context, addresses []string, o Options) (*Server, error) {
	o = o.withDefaults()
	o.limitToFiles()
	s := &Server{o: o, sometimes: rate.Sometimes{First: 3, Interval: time.Minute}, accept: accept4}
	for _, a := range addresses {
		l, err := listen(ctx, a, s.o.SocketMode)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", a, err), s.closeListeners())
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

// Addrs are the addresses that the server listens on, in the order of Open.
func (s *Server) Addrs() []net.Addr {
	out := make([]net.Addr, len(s.listeners))
	for i, l := range s.listeners {
		out[i] = l.addr
	}
	return out
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	return Stats{Open: s.open.Load(), Accepted: s.accepted.Load(), Refused: s.refused.Load(), TimedOut: s.timedOut.Load()}
}

// Serve answers until ctx ends. Then it answers what is already there, waits up
// to DrainTimeout for unfinished requests and closes everything.
func (s *Server) Serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.closeListeners()) }()
	defer func() {
		for _, l := range s.loops {
			l.closeAll()
		}
	}()
	for range s.o.Loops {
		l, err := newLoop(s)
		if err != nil {
			return fmt.Errorf("event loop: %w", err)
		}
		s.loops = append(s.loops, l)
	}
	g, gctx := supervise.NewGroup(ctx)
	for _, l := range s.loops {
		g.Go(func(context.Context) error { return l.run() })
	}
	g.Go(func(context.Context) error {
		<-gctx.Done()
		s.stopping.Store(true)
		for _, l := range s.loops {
			l.rouse()
		}
		return nil
	})
	return g.Wait()
}

func (s *Server) closeListeners() error {
	var errs []error
	for _, l := range s.listeners {
		errs = append(errs, l.file.Close())
		if l.path != "" {
			if err := os.Remove(l.path); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	s.listeners = nil
	return errors.Join(errs...)
}

// listen opens a socket the usual way and takes it out of the runtime's own
// poller.
func listen(ctx context.Context, address string, mode fs.FileMode) (listener, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false)
	path, isUnix := strings.CutPrefix(address, unixPrefix)
	if isUnix {
		if err := removeStale(ctx, path); err != nil {
			return listener{}, err
		}
		l, err := lc.Listen(ctx, "unix", path)
		if err != nil {
			return listener{}, err
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		if mode != 0 {
			if err := os.Chmod(path, mode); err != nil {
				return listener{}, errors.Join(err, l.Close(), os.Remove(path))
			}
		}
		return adopt(l, path)
	}
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return listener{}, err
	}
	return adopt(l, "")
}

func adopt(l net.Listener, path string) (out listener, err error) {
	filer, ok := l.(interface{ File() (*os.File, error) })
	if !ok {
		return out, errors.Join(fmt.Errorf("a %T has no file", l), l.Close())
	}
	out = listener{addr: l.Addr(), path: path}
	if out.file, err = filer.File(); err != nil {
		return out, errors.Join(err, l.Close())
	}
	out.fd = int(out.file.Fd())
	if err = errors.Join(l.Close(), unix.SetNonblock(out.fd, true)); err == nil && path == "" {
		// Accepted connections inherit it: an answer is one write. And a connection
		// is handed over with its first bytes, or after a second or so without:
		// whoever connects to ask once is then read without being waited for.
		err = errors.Join(unix.SetsockoptInt(out.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetsockoptInt(out.fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1))
	}
	if err != nil {
		return out, errors.Join(err, out.file.Close())
	}
	return out, nil
}

// removeStale removes a socket that a process which was killed has left.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s is there and is no socket", path)
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("another process listens on %s", path), conn.Close())
	}
	return os.Remove(path)
}
