package ircd

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// session is what the network knows of one connection. A member may have several, which
// share the one user of the account; a guest has one. Fields below the mark are guarded by
// the network's lock.
type session struct {
	conn  *conn.Conn
	moved bool         // for the goroutine that reads
	seen  atomic.Int64 // when the last line came, Unix nanoseconds
	pace  atomic.Pointer[rate.Limiter]

	// guarded by the network's lock:
	from        conn.Origin // what a WEBIRC gateway said, if it brought the client
	exempt      bool        // whether it is free of limits by address
	since       time.Time
	joins       bucket    // channels that it may enter now
	nicks       bucket    // changes of nick that it may make now
	pinged      time.Time // when the unanswered PING was sent; zero when none
	gone        bool
	gateway     bool // a WEBIRC gateway brought it
	cap302      bool // speaks CAP 302
	negotiating bool // CAP holds registration back
	caps        capSet
	sasl        saslState
	wanted      string            // the nick asked for
	password    string            // of PASS, until registration
	account     *account          // that this connection logged in to, or nil
	user        *user             // that it belongs to; nobody sees it until registration
	away        string            // what AWAY said last; "" when somebody is there
	monitored   map[string]string // nicks as they were written, by folded ones
	compound    *compound         // a message of several lines that is coming in
	catchUp     []catchUp         // channels whose missed lines it is to see
	mark        uint64            // see network.peers
}

func newSession(c *conn.Conn, from conn.Origin) *session {
	s := &session{conn: c, from: from}
	s.user = &user{sessions: []*session{s}}
	return s
}

// registered reports whether the connection has registered, so that its user is on the
// network.
func (s *session) registered() bool { return s.user.nick != "" }

// target is what numerics call the client.
func (s *session) target() string { return orStar(s.user.nick) }

// has reports whether the client asked for all these capabilities.
func (s *session) has(bits capSet) bool { return s.caps&bits == bits }

// login is the site name of the member who logged in on this connection, or "".
func (s *session) login() string {
	if s.account == nil {
		return ""
	}
	return s.account.member.Name
}

const longLines = 4 // over-long lines in a row that are forgiven

// read runs the client's commands until the connection ends. Lines over the limit are
// answered, and skipped without being kept. When a registered client is silent for the
// first time, read returns true and asks to be called again by a new goroutine: the stack
// of this one has grown, and most clients are silent most of the time.
func (n *network) read(ctx context.Context, s *session) (again bool) {
	skipping, corked, strikes := false, false, 0
	defer s.conn.Uncork()
	for {
		// A client that logs in often sends several lines at once; it gets one answer.
		if more := !s.moved && s.conn.Ready(); more != corked {
			if corked = more; corked {
				s.conn.Cork()
			} else {
				s.conn.Uncork()
			}
		}
		if s.conn.Empty() && !s.moved && !skipping {
			n.locked(func() { s.moved = s.registered() })
			if s.moved {
				return true
			}
		}
		raw, err := s.conn.Next()
		s.seen.Store(n.clock().UnixNano())
		switch {
		case errors.Is(err, conn.ErrLongLine):
			if strikes++; strikes > longLines {
				n.locked(func() { n.drop(s, "Line is far too long") })
				return false
			}
			skipping = true
			continue
		case err != nil:
			n.locked(func() { n.drop(s, conn.Reason(err)) })
			return false
		}
		if delay := s.delay(n.clock()); delay > 0 {
			if s.conn.Unread() > n.cfg.RecvQueue {
				n.locked(func() { n.drop(s, "Excess Flood") })
				return false
			}
			s.conn.Uncork()
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
		s.conn.Rest() // commands may take their time
		if !n.handle(ctx, s, text) {
			return false
		}
	}
}

// delay takes a line from the client's allowance, and returns how long it has to wait.
func (s *session) delay(now time.Time) time.Duration {
	pace := s.pace.Load()
	if pace == nil {
		return 0
	}
	return pace.ReserveN(now, 1).DelayFrom(now)
}
