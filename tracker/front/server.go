// Package front is the tracker's HTTP/1 server, made for requests without bodies,
// short answers and very many connections. It runs a few event loops on epoll, so
// that an idle connection takes some hundred bytes and a request needs no allocation.
// All requests that are ready at the same time are answered, committed and sent
// together. It needs Linux.
//
// It parses strictly (RFC 9112). Whatever two parsers could understand differently,
// such as doubled lengths, folded lines or bare line feeds, is refused with a
// plain-text answer, and the connection is closed. A body is never read.
//
// Concurrency: each loop is one goroutine and owns its connections. Loops share only
// the listening sockets and the count of connections. A loop that has far more
// connections than another hands new ones over through a locked inbox. The Handler is called by all loops at once.
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

// Request is everything in a request that its answer depends on. Its strings are views
// into a buffer: they are valid until Answer returns, and must not be kept.
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

// Options are what a server needs, its limits and its timeouts.
type Options struct {
	Handler Handler

	// SendsProxy reports whether a connection from this address must begin with a
	// PROXY protocol header (version 1 or 2). A connection without it is closed.
	// The address is invalid for unix sockets. Nil is false for all.
	SendsProxy func(netip.Addr) bool

	// Observe is called after each turn with the number of requests that the handler
	// answered, and the time from when they were ready until their answers were
	// committed and sent. It may be nil.
	Observe func(answers int, took time.Duration)

	Loops          int           // event loops; 0 is one fewer than CPUs, from 1 to 8
	MaxConnections int           // open at the same time, 0 is 20,000; others wait in the kernel's queue
	HeadLimit      int           // bytes of a request's head, 0 is 8 KiB; at most 12 KiB
	HeadTimeout    time.Duration // from a head's first byte to its last, 0 is 5 s
	IdleTimeout    time.Duration // between requests, 0 is 60 s
	SendTimeout    time.Duration // for a client to take its answers, 0 is 10 s
	CrowdedTimeout time.Duration // IdleTimeout while MaxConnections are open, 0 is 10 s
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
		// Leave one of the scheduler's processors free. Otherwise the scheduler
		// takes a loop's processor away whenever the loop waits, which was measured
		// to cost as much CPU as serving does.
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

// spareFiles is how many open files are left to the rest of the process, above all to
// its database.
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
			level = slog.LevelInfo // only the spare files are missing
		}
		o.Log.Log(context.Background(), level, "the process may not have as many open files as connections are allowed",
			"files", r.Cur, "connections", most)
		o.MaxConnections = most
	}
}

// Stats are counts since the server was opened, except Open.
type Stats struct {
	Open     int64 // connections that are open now
	Accepted int64 // connections
	Refused  int64 // requests that were not valid HTTP
	TimedOut int64 // connections that were closed because a request did not end, or answers were not taken, in time
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
	logLimit  rate.Sometimes
	accept    func(fd int, from *sockaddr) (int, error)
}

// listener is a listening socket; path is the file of a unix socket, to be removed.
type listener struct {
	file *os.File
	fd   int
	addr net.Addr
	path string
}

// unixPrefix begins the address of a unix socket.
const unixPrefix = "unix:"

// CheckAddress returns an error for an address that is neither host:port nor
// unix:/absolute/path. The error has code Invalid.
func CheckAddress(address string) error {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		if !strings.HasPrefix(path, "/") || len(path) > 100 {
			return core.Errorf(core.Invalid, "%q is no address; write the absolute path of a socket, such as unix:/run/caduceus/tracker.sock", address)
		}
		return nil
	}
	return core.CheckListen("", address)
}

// Open listens on all addresses, or returns an error and listens on none. Call Serve
// next.
func Open(ctx context.Context, addresses []string, o Options) (*Server, error) {
	o = o.withDefaults()
	o.limitToFiles()
	s := &Server{o: o, logLimit: rate.Sometimes{First: 3, Interval: time.Minute}, accept: accept4}
	for _, a := range addresses {
		l, err := listen(ctx, a, s.o.SocketMode)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: %w", a, err), s.closeListeners())
		}
		s.listeners = append(s.listeners, l)
	}
	return s, nil
}

// Addrs returns the addresses that the server listens on, in the order of Open.
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

// Serve answers requests until ctx ends. Then it answers those that have arrived, waits
// up to DrainTimeout for unfinished ones and closes everything.
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
			l.wakeUp()
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

// listen opens a socket with the net package and takes it out of the runtime's poller.
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
		// Accepted connections inherit TCP_NODELAY, because an answer is one write.
		// TCP_DEFER_ACCEPT delays a connection until its first bytes are there, or
		// for about a second. So a client that connects for one request is read
		// without a wait.
		err = errors.Join(unix.SetsockoptInt(out.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
			unix.SetsockoptInt(out.fd, unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT, 1))
	}
	if err != nil {
		return out, errors.Join(err, out.file.Close())
	}
	return out, nil
}

// removeStale removes a unix socket that a killed process has left behind.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket", path)
	}
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(ctx, "unix", path)
	if err == nil {
		return errors.Join(fmt.Errorf("another process listens on %s", path), conn.Close())
	}
	return os.Remove(path)
}
