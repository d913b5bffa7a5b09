package ircd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// session is one connection. A member may have several, which share the one user
// of the account; a guest has one. Fields below the mark are guarded by the
// network's lock.
type session struct {
	serial uint64
	conn   net.Conn
	raw    net.Conn        // the connection under TLS; closing it never waits
	secure bool            // whether the client came by TLS, all the way
	web    bool            // whether it is a WebSocket
	addr   netip.Addr      // for limits only; shown to nobody and never logged
	exempt bool            // whether limits by address leave it alone
	direct syscall.RawConn // of a plain connection, else nil; see writing.go
	quiet  *quiet          // under TLS, else nil; the same
	in     inlet           // for the goroutine that reads
	moved  bool            // the same
	out    *outbox
	spawn  func(func())       // starts a goroutine of the connection
	hangUp func()             // closes the connection
	end    context.CancelFunc // ends what the connection waits for
	seen   atomic.Int64       // when the last line came, Unix nanoseconds
	pace   atomic.Pointer[rate.Limiter]

	// guarded by the network's lock:
	since       time.Time
	joins       bucket    // channels that it may enter now
	nicks       bucket    // changes of nick that it may make now
	pinged      time.Time // when the unanswered PING was sent; zero when none
	gone        bool
	gateway     bool   // a WEBIRC gateway brought it
	certificate string // SHA-256 of the one the client showed, in hexadecimal
	cap302      bool   // speaks CAP 302
	negotiating bool   // CAP holds registration back
	caps        capSet
	sasl        saslState
	wanted      string            // the nick asked for
	password    string            // of PASS, until registration
	account     *account          // who logged in on this connection, or nil
	user        *user             // who it belongs to: until registration, somebody whom nobody sees
	away        string            // what AWAY said last; "" when its human is there
	monitored   map[string]string // nicks as they were written, by folded ones
	compound    *compound         // a message of several lines that is coming in
	catchUp     []catchUp         // channels whose missed lines it is to see
}

func newSession(conn net.Conn, sendQueue int, end context.CancelFunc) *session {
	s := &session{conn: conn, raw: conn, out: newOutbox(sendQueue), end: end}
	s.user = &user{sessions: []*session{s}}
	return s
}

// registered reports whether the connection belongs to somebody on the network.
func (s *session) registered() bool { return s.user.nick != "" }

// target is what numerics call the client.
func (s *session) target() string { return orStar(s.user.nick) }

// has reports whether the client asked for all these capabilities.
func (s *session) has(bits capSet) bool { return s.caps&bits == bits }

// login is the site name of who logged in on this connection, or "".
func (s *session) login() string {
	if s.account == nil {
		return ""
	}
	return s.account.member.Name
}

const longLines = 4 // over-long lines in a row that are forgiven

// read runs the client's commands until the connection ends. Lines over the
// limit are answered and skipped without keeping them. The first time that a client
// who has registered is silent it returns true, and wants to be called again by a
// new goroutine: the stack of this one has grown, and most clients are silent.
func (n *network) read(ctx context.Context, s *session) (again bool) {
	skipping, corked, strikes := false, false, 0
	defer s.uncork()
	for {
		// Who logs in often sends several lines at once, and gets one answer.
		if more := !s.moved && s.in.ready(); more != corked {
			if corked = more; corked {
				s.out.cork(true)
			} else {
				s.uncork()
			}
		}
		if s.in.empty() && !s.moved && !skipping {
			n.locked(func() { s.moved = s.registered() })
			if s.moved {
				return true
			}
		}
		raw, err := s.in.next()
		s.seen.Store(n.clock().UnixNano())
		switch {
		case errors.Is(err, errLongLine):
			if strikes++; strikes > longLines {
				n.locked(func() { n.drop(s, "Line is far too long") })
				return false
			}
			skipping = true
			continue
		case err != nil:
			n.locked(func() { n.drop(s, readError(err)) })
			return false
		}
		if delay := s.delay(n.clock()); delay > 0 {
			if s.floods(n.cfg.RecvQueue) {
				n.locked(func() { n.drop(s, "Excess Flood") })
				return false
			}
			s.uncork()
			if !core.Sleep(ctx, delay) {
				return false
			}
		}
		if ctx.Err() != nil {
			return false
		}
		if skipping {
			skipping = false
			n.locked(func() { n.numeric(s, errInputTooLong, "Input line was too long") })
			continue
		}
		strikes = 0
		n.metrics.received.Inc()
		text := string(raw)
		s.in.rest() // commands may take their time
		if !n.handle(ctx, s, text) {
			return false
		}
	}
}

// uncork lets what is queued be written.
func (s *session) uncork() {
	if s.out.cork(false) == unheeded {
		p := pens.Get().(*pen)
		defer pens.Put(p)
		s.flush(p)
	}
}

// delay takes a line out of the client's pace, and returns how long it has to wait for it.
func (s *session) delay(now time.Time) time.Duration {
	pace := s.pace.Load()
	if pace == nil {
		return 0
	}
	return pace.ReserveN(now, 1).DelayFrom(now)
}

// readError says why reading ended, without the addresses that Go's errors name.
func readError(err error) string {
	var te tls.RecordHeaderError
	if errors.As(err, &te) {
		return "This port wants TLS"
	}
	return "Connection closed"
}
