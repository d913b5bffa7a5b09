package ocelot

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

const (
	headLimit      = 64 << 10         // bytes of a request; a thousand info-hashes take 60,000
	requestTimeout = 20 * time.Second // from the first byte of a request to the last of its answer
	atOnce         = 32               // connections at the same time
	wrongBurst     = 10               // wrong passwords that one source may try at once
	wrongEvery     = 5 * time.Second  // how often it may try another one after that

	// PasswordLen is the length of the shortest password.
	PasswordLen = 32
)

// CheckPassword returns an error for a password that is too short, too long, or can't
// be part of a path. The error has code Invalid.
func CheckPassword(password string) error {
	if len(password) < PasswordLen || len(password) > 128 || !isAlphanumeric(password) {
		return core.Errorf(core.Invalid, "the password must have %d to 128 letters and digits, such as: openssl rand -hex 32", PasswordLen)
	}
	return nil
}

// Options are what a server needs.
type Options struct {
	Store          *Store
	SitePassword   string // of updates
	ReportPassword string // of reports; "" refuses all reports
	// Trusted reports whether Gazelle may connect from an address. This machine
	// always may.
	Trusted func(netip.Addr) bool
	// Followed waits until the tracker has handled an event.
	Followed func(ctx context.Context, event int64) error
	Stats    func() Stats
	// Interval is the announce interval until Gazelle sets another, up to
	// LongestInterval. It may not set one below ShortestInterval, or a minute.
	Interval, ShortestInterval, LongestInterval time.Duration

	Rates *rates.Book // of this process
	Clock core.Clock
	Log   *slog.Logger
}

func (o *Options) interval(s *Server) time.Duration {
	if d := s.interval.Load(); d > 0 {
		return time.Duration(d)
	}
	return o.Interval
}

// Server answers Gazelle.
type Server struct {
	o        Options
	listener net.Listener
	updating sync.Mutex
	interval atomic.Int64 // time.Duration; 0 is none set
	jitter   atomic.Int64
	logLimit rate.Sometimes

	wrong *rates.Limit // passwords, by where they come from
}

// Open listens on an address (host:port) and reads the settings that Gazelle has made.
// Call Serve or Close next.
func Open(ctx context.Context, address string, o Options) (*Server, error) {
	if o.SitePassword == o.ReportPassword {
		return nil, core.Errorf(core.Invalid, "the passwords of updates and reports must be different ones")
	}
	s := &Server{o: o, logLimit: rate.Sometimes{First: 3, Interval: time.Minute},
		wrong: o.Rates.Limit("wrong passwords of Gazelle", rates.Rate{N: wrongBurst, Per: wrongBurst * wrongEvery})}
	set, err := o.Store.settings(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what Gazelle has set: %w", err)
	}
	switch d := time.Duration(set[announceInterval]) * time.Second; {
	case d > o.LongestInterval:
		o.Log.Warn("the announce interval that Gazelle has set is longer than clients are kept; it does not hold", "seconds", d/time.Second)
	case d > 0 && d < o.ShortestInterval:
		o.Log.Warn("the announce interval that Gazelle has set is shorter than twice min_interval; it does not hold", "seconds", d/time.Second)
	default:
		s.interval.Store(int64(d))
	}
	s.jitter.Store(set[announceJitter] * int64(time.Second))
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", address); err != nil {
		return nil, err
	}
	return s, nil
}

// Addr returns the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Interval returns the time until a client should announce again: the interval that
// Gazelle has set, or else Options.Interval, plus a random part of Gazelle's jitter.
func (s *Server) Interval() time.Duration {
	d := s.o.interval(s)
	if j := s.jitter.Load(); j > 0 {
		d += time.Duration(rand.Int64N(j + 1)) //nolint:gosec // it spreads load, it hides nothing
	}
	return min(d, s.o.LongestInterval)
}

// Close closes a server on which Serve is not called.
func (s *Server) Close() error { return s.listener.Close() }

// Serve answers until ctx ends, and then finishes the requests that have begun.
func (s *Server) Serve(ctx context.Context) error {
	g, gctx := supervise.NewGroup(ctx)
	g.Go(func(context.Context) error {
		<-gctx.Done()
		return s.listener.Close()
	})
	g.Go(func(context.Context) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		slots := make(chan struct{}, atOnce)
		for {
			slots <- struct{}{}
			conn, err := s.listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			if err != nil {
				s.logLimit.Do(func() { s.o.Log.Error("Gazelle's connections can't be accepted", "err", err) })
				<-slots
				core.Sleep(gctx, 100*time.Millisecond)
				continue
			}
			wg.Go(func() {
				defer func() { <-slots }()
				s.serve(gctx, conn)
			})
		}
	})
	return g.Wait()
}

// serve answers the one request of a connection.
func (s *Server) serve(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	from, ok := s.source(conn)
	if !ok {
		return
	}
	_ = conn.SetDeadline(time.Now().Add(requestTimeout))
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	// Not http.Server: it refuses requests without a Host header, and Gazelle sends
	// none.
	r, err := http.ReadRequest(bufio.NewReaderSize(io.LimitReader(conn, headLimit), 4096))
	if err != nil {
		// The error is not logged: it may quote the request with its password.
		s.logLimit.Do(func() { s.o.Log.Warn("a request at Gazelle's port can't be read") })
		return
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout/2)
	defer cancel()
	body := s.answer(ctx, from, r)
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
	_, _ = io.WriteString(conn, head+body) // a client that is gone asks again
}

// source returns the address of a connection's other end, and whether it may connect.
func (s *Server) source(conn net.Conn) (netip.Addr, bool) {
	a, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, false
	}
	from := a.Addr().Unmap().WithZone("")
	if from.IsLoopback() || s.o.Trusted != nil && s.o.Trusted(from) {
		return from, true
	}
	s.logLimit.Do(func() { s.o.Log.Warn("somebody who is no trusted proxy asks at Gazelle's port") })
	return from, false
}

// answer returns the body of an answer: a text that ends with the line "success", or a
// bencoded failure, as Ocelot sends them.
func (s *Server) answer(ctx context.Context, from netip.Addr, r *http.Request) string {
	told, err := s.ask(ctx, from, r)
	switch core.CodeOf(err) {
	case "":
		return told + "success"
	case core.Internal:
		s.o.Log.Error("what Gazelle asks for failed", "err", err)
	default:
		s.o.Log.Warn("Gazelle asks for what can't be done", "why", core.SafeText(err))
	}
	text := core.SafeText(err)
	if f := core.FieldOf(err); f != "" && !strings.HasPrefix(text, f) {
		text = f + ": " + text
	}
	return string(wire.Failure{Reason: text, Retry: time.Minute}.Append(nil))
}

var errDenied = core.Errorf(core.Forbidden, "authentication failure")

func (s *Server) ask(ctx context.Context, from netip.Addr, r *http.Request) (string, error) {
	if r.Method != http.MethodGet {
		return "", core.Errorf(core.Invalid, "only GET is answered here")
	}
	password, door, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	// Each is compared at any rate: time must not tell which is near.
	site := same(password, s.o.SitePassword)
	report := same(password, s.o.ReportPassword) && s.o.ReportPassword != ""
	if !site && !report {
		// A right one is never refused for what else comes from its address; passwords are
		// too long to be guessed.
		if wait, _ := s.wrong.Take(rates.Who{By: rates.Network, Name: guess.Place(from)}); wait > 0 {
			return "", core.Errorf(core.Forbidden, "too many wrong passwords came from there; wait a while")
		}
		s.logLimit.Do(func() { s.o.Log.Warn("a wrong password at Gazelle's port") })
		return "", errDenied
	}
	p, err := parseParams(r.URL.RawQuery)
	switch {
	case err != nil:
		return "", err
	case door == "update" && site:
		return s.update(ctx, p)
	case door == "report" && report:
		return s.report(ctx, p)
	}
	return "", errDenied
}

// same compares in constant time.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}
