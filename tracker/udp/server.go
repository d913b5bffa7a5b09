// Package udp is the tracker's front over UDP (BEP 15). The announce key is in the address
// that a client announces to, udp://host:port/{announce-key}/announce. Clients that know
// BEP 41 (libtorrent and the clients that use it) send this address along.
//
// The server keeps no state about clients. A client gets a long answer only after it
// has proved with a connection id that it receives what is sent to its address. Any
// other packet gets an answer no longer than itself, or none. So nobody can make this
// server flood a third party.
//
// A scrape is refused: it has no room for an announce key, because its length says how many
// torrents it asks for. Clients learn the sizes of swarms from announces.
//
// Concurrency: each listening socket has one goroutine, which reads, answers,
// commits and sends up to 64 packets at a time. All of them call the Handler at
// once. It needs Linux.
package udp

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Request is an announce. URL is a view into a buffer: it is valid until Announce
// returns.
type Request struct {
	Announce wire.Announce
	URL      string // the announce address without its host, such as /announce-key/announce?x
	From     netip.Addr
	Bad      error // why the packet is not a valid announce; then only From is set
}

// Answer is what a client is told, and what must last before it is told.
type Answer struct {
	Body    []byte // what AppendReply makes, or the text of a refusal
	Refused bool
	Promise promise.Promise
}

// Handler answers announces. It is called by several goroutines at once, and
// Announce must not wait.
type Handler interface {
	// Announce appends the body of its answer to dst.
	Announce(dst []byte, r *Request) Answer
	// Commit keeps a promise and all earlier ones. It is called once for all
	// announces that were there at once, before the first answer is sent, unless
	// none of the answers promises anything.
	Commit(p promise.Promise) error
	// Failed is what a client is told in place of an answer whose promise could
	// not be kept.
	Failed(err error) string
}

// Options are what a server needs.
type Options struct {
	Handler  Handler
	Connects uint16 // how many connects of one address (IPv6: /64) are answered in a second, 0 is 100
	Clock    core.Clock
	Log      *slog.Logger
}

// Stats are counts since the server was opened.
type Stats struct {
	Connects   int64 // connects that were answered
	Limited    int64 // connects that were not answered because one address sent too many
	Unverified int64 // packets without a valid connection id, which are not answered
	Malformed  int64 // packets too short or too long to be a request
	Announces  int64 // announces, answered or refused
	Scrapes    int64 // scrapes, all of them refused
	Unsent     int64 // answers that the kernel did not take
}

// Server answers on its sockets.
type Server struct {
	o          Options
	ids        connectionIDs
	sockets    []*socket
	connects   atomic.Int64
	limited    atomic.Int64
	malformed  atomic.Int64
	unverified atomic.Int64
	announces  atomic.Int64
	scrapes    atomic.Int64
	unsent     atomic.Int64
	logLimit   rate.Sometimes
}

// noScrape is the answer to a scrape.
const noScrape = "a scrape over UDP carries no announce key and is not answered; announce, or scrape over HTTP"

// Open listens on all addresses (host:port), or returns an error and listens on none.
// Call Serve next.
func Open(ctx context.Context, addresses []string, o Options) (*Server, error) {
	if o.Connects == 0 {
		o.Connects = 100
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, ids: newConnectionIDs(), logLimit: rate.Sometimes{First: 3, Interval: time.Minute}}
	for _, a := range addresses {
		so, err := s.listen(ctx, a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on %s (UDP): %w", a, err), s.Close())
		}
		s.sockets = append(s.sockets, so)
	}
	return s, nil
}

func (s *Server) listen(ctx context.Context, address string) (*socket, error) {
	var lc net.ListenConfig
	pc, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	conn := pc.(*net.UDPConn)
	_ = conn.SetReadBuffer(4 << 20) // the system may allow less; it absorbs bursts
	raw, err := conn.SyscallConn()
	if err == nil {
		err = errors.Join(raw.Control(func(fd uintptr) { err = requestDestinations(fd) }), err)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return newSocket(s, conn, raw), nil
}

// Addrs returns the addresses that the server listens on, in the order of Open.
func (s *Server) Addrs() []net.Addr {
	out := make([]net.Addr, len(s.sockets))
	for i, so := range s.sockets {
		out[i] = so.conn.LocalAddr()
	}
	return out
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	return Stats{Connects: s.connects.Load(), Limited: s.limited.Load(), Unverified: s.unverified.Load(), Malformed: s.malformed.Load(),
		Announces: s.announces.Load(), Scrapes: s.scrapes.Load(), Unsent: s.unsent.Load()}
}

// Serve answers until ctx ends, and then answers what has arrived by then.
func (s *Server) Serve(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	g, gctx := supervise.NewGroup(ctx)
	for _, so := range s.sockets {
		g.Go(func(context.Context) error { return so.run() })
	}
	g.Go(func(context.Context) error {
		<-gctx.Done()
		var errs []error
		for _, so := range s.sockets {
			errs = append(errs, so.conn.SetReadDeadline(time.Unix(1, 0)))
		}
		return errors.Join(errs...)
	})
	return g.Wait()
}

// Close closes the sockets. Serve does so itself.
func (s *Server) Close() error {
	var errs []error
	for _, so := range s.sockets {
		errs = append(errs, so.conn.Close())
	}
	return errors.Join(errs...)
}

// socket is a listening socket with the memory of its goroutine.
type socket struct {
	s       *Server
	conn    *net.UDPConn
	raw     syscall.RawConn
	limiter limiter
	in      incoming
	out     outgoing
	answers [batch]answer
	request Request
	url     [maxURL + 256]byte

	got      int // packets read in this turn
	from, to int // which answers of this turn are still to be sent
	err      error
	readNow  func(fd uintptr) bool
	sendNow  func(fd uintptr)
}

// answer is a packet to send.
type answer struct {
	to      int             // the index of the packet that it answers
	promise promise.Promise // to be kept before it is sent
	b       []byte
	buf     [maxAnswer]byte
}

func newSocket(s *Server, conn *net.UDPConn, raw syscall.RawConn) *socket {
	so := &socket{s: s, conn: conn, raw: raw, limiter: limiter{seed: maphash.MakeSeed(), most: s.o.Connects}}
	so.readNow = func(fd uintptr) bool {
		so.got, so.err = so.in.receive(fd)
		return !errors.Is(so.err, unix.EAGAIN)
	}
	so.sendNow = func(fd uintptr) {
		var n int
		n, so.err = so.out.send(fd, so.from, so.to)
		so.from += n
	}
	return so
}

// run answers until the socket's deadline, and then what has arrived by then.
func (so *socket) run() error {
	for {
		err := so.raw.Read(so.readNow)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return so.drain()
		}
		if err != nil {
			return fmt.Errorf("UDP socket: %w", err)
		}
		if so.err != nil && !transient(so.err) {
			return fmt.Errorf("UDP socket: %w", so.err)
		}
		so.turn()
	}
}

// transient reports whether an error concerns only one packet or moment.
func transient(err error) bool {
	for _, e := range []error{unix.EINTR, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (so *socket) drain() error {
	for range 64 { // a flood must not keep it from ending
		if err := so.raw.Control(func(fd uintptr) { so.readNow(fd) }); err != nil || so.err != nil {
			return err
		}
		so.turn()
	}
	return nil
}

// turn answers the packets that were read.
func (so *socket) turn() {
	now := so.s.o.Clock()
	n := 0
	var made promise.Promise
	for i := range so.got {
		a := &so.answers[n]
		if a.b, a.promise = so.packet(i, a.buf[:0], now); len(a.b) == 0 {
			continue
		}
		a.to, made = i, made.With(a.promise)
		n++
	}
	so.got = 0
	if made != 0 {
		if err := so.s.o.Handler.Commit(made); err != nil {
			so.uncommitted(so.answers[:n], err)
		}
	}
	so.send(n)
}

// uncommitted replaces the answers whose promise could not be kept by failures.
func (so *socket) uncommitted(answers []answer, err error) {
	text := so.s.o.Handler.Failed(err)
	for i := range answers {
		if a := &answers[i]; a.promise != 0 {
			h, _ := parseHead(so.in.packet(a.to))
			a.b = append(appendHead(a.buf[:0], actionError, h), clip(text)...)
		}
	}
}

// send sends the first n answers. An answer that the kernel does not take is lost, as
// any packet may be over UDP: the client asks again.
func (so *socket) send(n int) {
	for i := range n {
		so.out.answer(i, &so.in, so.answers[i].to, so.answers[i].b)
	}
	for so.from, so.to = 0, n; so.from < n; {
		if err := so.raw.Control(so.sendNow); err != nil {
			return // the socket is closed
		}
		if so.err != nil {
			so.s.unsent.Add(1)
			so.s.logLimit.Do(func() { so.s.o.Log.Warn("answers over UDP can't be sent", "err", so.err) })
			so.from++ // the error belongs to the first of them
		}
	}
}

// packet appends the answer to packet i to dst, and returns the promise to be kept
// before it is sent. A packet that proves nothing gets no answer.
func (so *socket) packet(i int, dst []byte, now time.Time) ([]byte, promise.Promise) {
	s, from, in := so.s, so.in.from(i), so.in.packet(i)
	h, ok := parseHead(in)
	switch {
	case !ok || !from.IsValid():
		s.malformed.Add(1)
		return nil, 0
	case h.action == actionConnect && h.connection == protocol:
		if !so.limiter.allow(from, now) {
			s.limited.Add(1)
			return nil, 0
		}
		s.connects.Add(1)
		return appendID(appendHead(dst, actionConnect, h), s.ids.of(from, now)), 0
	case !s.ids.valid(h.connection, from, now):
		s.unverified.Add(1)
		return nil, 0
	case h.action == actionAnnounce:
		s.announces.Add(1)
		return so.announce(in, h, from, dst)
	case h.action == actionScrape:
		s.scrapes.Add(1)
		return append(appendHead(dst, actionError, h), noScrape...), 0
	}
	s.malformed.Add(1)
	return nil, 0
}

func (so *socket) announce(in []byte, h head, from netip.Addr, dst []byte) ([]byte, promise.Promise) {
	r := &so.request
	r.From = from
	url, err := parseAnnounce(in, &r.Announce, so.url[:0])
	r.URL, r.Bad = unsafe.String(unsafe.SliceData(url), len(url)), err //nolint:gosec // Request says how long it is valid
	dst = appendHead(dst, actionAnnounce, h)
	a := so.s.o.Handler.Announce(dst, r)
	if a.Refused {
		return append(appendHead(dst[:0], actionError, h), clip(string(a.Body[answerHead:]))...), a.Promise
	}
	return a.Body, a.Promise
}

// clip shortens a text so that it fits into an answer.
func clip(text string) string { return text[:min(len(text), maxAnswer-answerHead)] }
