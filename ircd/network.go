package ircd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// network is the state of one run of the room.
type network struct {
	cfg     Config
	name    string // of the network
	version string
	log     *slog.Logger
	clock   core.Clock
	members Members
	store   ChannelStore
	audit   Audit
	adopted func(Config)           // is told, under the lock, which settings hold after a change
	reload  func() (Config, error) // reads the configuration again; nil where that is impossible
	certs   *conn.Certificates     // nil without TLS
	metrics *metrics
	rec     *recorder // nil where no history is kept
	guard   Guard
	rates   *rates.Book
	lookups *rates.Limit // of what may be keys; see keepsBack
	showing *rates.Limit // of those that were, by owner
	cloak   []byte       // makes guests' hosts of their addresses
	started time.Time
	table   map[string]*command
	tokens  []string // of ISUPPORT
	trusted trusted
	crew    conn.Crew

	reading sync.Mutex // held while the K- and D-lines are read, so that an older reading never replaces a newer one

	mu        sync.Mutex
	current   *request     // the request that runs under the lock, if any
	doomed    []*session   // their queues overflowed
	unwritten []*conn.Conn // have queued lines that nobody is about to write
	sessions  map[*session]struct{}
	monitors  map[string]map[*session]struct{} // who watches a nick, by folded nick
	nicks     map[string]*user                 // by folded nick
	accounts  map[core.MemberID]*account
	channels  map[string]*channel // by folded name
	ordered   []*channel          // those that are kept, in their order
	census    *census
	past      []pastNick
	lines     netLines // K- and D-lines: who is kept out
	changes   changes
	serial    uint64
	firstID   irc.MsgID // the last id of the run before, or a later one
	lastID    irc.MsgID
	mark      uint64
	peak      int
	unknown   int                // sessions that haven't registered
	invisible int                // users with the mode i
	opers     map[*user]struct{} // the operators
	closing   bool               // the run ends: everyone leaves, and nobody is told of the others
}

// account is a member who is logged in, with all connections.
type account struct {
	member   member.Member
	sessions []*session
	user     *user // nil until the first of the sessions has registered
	known    memory
	back     irc.MsgID         // the last message before the account was back
	replayed map[*channel]bool // whose missed lines were shown
}

func (n *network) locked(f func()) { n.lockedFor(nil, f) }

// lockedFor runs f under the lock on behalf of r, and then writes what was queued.
func (n *network) lockedFor(r *request, f func()) {
	var few [conn.Alone]*conn.Conn
	conn.Flush(few[:n.runLocked(r, f, few[:])])
}

// runLocked runs f under the lock and cuts off the sessions whose queues overflowed
// meanwhile. The connections with something to write are returned in few, with their
// number; if they don't fit, the crew takes all of them.
func (n *network) runLocked(r *request, f func(), few []*conn.Conn) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current = r
	defer func() { n.current = nil }()
	f()
	n.current = nil
	for len(n.doomed) > 0 {
		s := n.doomed[0]
		n.doomed = n.doomed[1:]
		n.drop(s, "SendQ exceeded")
		s.conn.Abort() // its writer may be stuck; there is nothing to save
	}
	k := 0
	if len(n.unwritten) <= len(few) {
		k = copy(few, n.unwritten)
	} else {
		n.crew.Add(n.unwritten)
	}
	clear(n.unwritten)
	n.unwritten = n.unwritten[:0]
	return k
}

// add takes a new connection in, or says why not.
func (n *network) add(s *session) error {
	var err error
	n.locked(func() {
		now := n.clock()
		switch {
		case n.closing:
			err = core.Errorf(core.Unavailable, "The server is restarting, please come back")
		case len(n.sessions) >= n.cfg.MaxClients:
			err = core.Errorf(core.Unavailable, "The server is full, try again later")
		default:
			err = n.place(s, s.from.Addr)
		}
		if err != nil {
			return
		}
		s.since = now
		s.seen.Store(now.UnixNano())
		n.setPace(s)
		n.sessions[s] = struct{}{}
		n.unknown++
		n.metrics.connections.Inc()
	})
	return err
}

// place takes note of the address that a connection comes from: the one that was accepted,
// or that a PROXY header or a gateway names. Lines and limits are held against it here,
// whichever way it became known. If it may not come in, the connection keeps the address
// that it had, and isn't counted at the new one.
func (n *network) place(s *session, addr netip.Addr) error {
	now, was, wasExempt := n.clock(), s.from.Addr, s.exempt
	s.from.Addr, s.exempt = addr, conn.Within(n.trusted.exempt, addr)
	var err error
	if reason, out := n.lines.keepOut(s, now); out {
		err = core.Errorf(core.Forbidden, "You are kept from this network: %s", reason)
	} else {
		err = n.census.enter(&n.cfg, addr, s.exempt)
	}
	if err != nil {
		s.from.Addr, s.exempt = was, wasExempt
	}
	return err
}

// drop ends a connection and tells the client why. If it was the user's last, the others
// see the user quit.
func (n *network) drop(s *session, reason string) { n.dropFor(s, reason, reason) }

// dropFor is drop with another reason for the others.
func (n *network) dropFor(s *session, reason, public string) {
	if s.gone {
		return
	}
	if r := n.current; r != nil && r.s == s {
		n.flush(r)
	}
	s.gone = true
	if s.registered() {
		n.depart(s, public)
	} else {
		n.unknown--
	}
	if s.account != nil {
		n.detach(s)
	}
	n.unwatchAll(s)
	delete(n.sessions, s)
	n.census.leave(s.from.Addr)
	n.metrics.connections.Dec()
	n.push(s, (&line{command: "ERROR", params: []string{"Closing link: " + reason}, at: n.clock()}).bytes(s.caps))
	n.heed(s, s.conn.Finish())
}

// detach takes the connection off its account.
func (n *network) detach(s *session) {
	a := s.account
	a.sessions = slices.DeleteFunc(a.sessions, func(other *session) bool { return other == s })
	if len(a.sessions) == 0 {
		delete(n.accounts, a.member.ID)
	}
}

// line makes a message of the server.
func (n *network) line(command string, params ...string) *line {
	return &line{source: n.cfg.ServerName, command: command, params: params, at: n.clock()}
}

// send queues a line for a session. Inside a labelled request, lines to the asker are held
// until it is answered.
func (n *network) send(s *session, l *line) {
	if r := n.current; r != nil && r.s == s && r.label != "" {
		r.held = append(r.held, l)
		return
	}
	n.push(s, l.bytes(s.caps))
}

func (n *network) push(s *session, encoded []byte) {
	n.metrics.sent.Inc()
	n.heed(s, s.conn.Push(encoded))
}

// heed notes what is to be done about a connection once the function of lockedFor has run.
func (n *network) heed(s *session, what conn.Pushed) {
	switch what {
	case conn.Queued:
	case conn.Unwritten:
		n.unwritten = append(n.unwritten, s.conn)
	case conn.Overflow:
		n.doomed = append(n.doomed, s)
	}
}

func (n *network) sendLine(s *session, command string, params ...string) {
	n.send(s, n.line(command, params...))
}

// numeric sends a numeric reply. It adds the first parameter, the client's nick.
func (n *network) numeric(s *session, code string, params ...string) {
	n.send(s, n.line(code, append([]string{s.target()}, params...)...))
}

// notice sends a notice of the server.
func (n *network) notice(s *session, text string) { n.sendLine(s, "NOTICE", s.target(), text) }

// find returns the user with a nick, or nil.
func (n *network) find(nick string) *user { return n.nicks[fold(nick)] }

// hostOf makes the cloaked host: id, class and site of a member, and for a guest a digest
// of the address, so that K-lines on it keep fitting.
func (n *network) hostOf(u *user) string {
	if u.account != nil {
		return n.memberHost(u.account.member)
	}
	mac := hmac.New(sha256.New, n.cloak)
	key := addressKey(u.sessions[0].from.Addr).As16()
	mac.Write(key[:])
	return hex.EncodeToString(mac.Sum(nil)[:5]) + ".guest." + slug(n.name)
}

func (n *network) memberHost(m member.Member) string {
	return strconv.FormatInt(int64(m.ID), 10) + "." + slug(m.Class.Name) + "." + slug(n.name)
}

// addressKey is the address as limits count it: a network of IPv6 addresses
// that one customer has counts as one.
func addressKey(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// sweep closes connections that don't register or don't answer, and sends a PING to the
// silent ones.
func (n *network) sweep(now time.Time) {
	n.locked(func() {
		n.standAgain(now)
		for s := range n.sessions {
			seen := time.Unix(0, s.seen.Load())
			switch {
			case !s.registered():
				if now.Sub(s.since) > n.cfg.RegistrationTimeout.Duration {
					n.drop(s, "Registration timed out")
				}
			case !s.pinged.IsZero() && !seen.Before(s.pinged):
				s.pinged = time.Time{}
			case !s.pinged.IsZero():
				if now.Sub(s.pinged) > n.cfg.PingTimeout.Duration {
					n.drop(s, fmt.Sprintf("Ping timeout: %d seconds", int(now.Sub(seen).Seconds())))
				}
			case now.Sub(seen) > n.cfg.PingInterval.Duration:
				s.pinged = now
				n.push(s, (&line{command: "PING", params: []string{n.cfg.ServerName}, at: now}).bytes(s.caps))
			}
		}
	})
}

// keepSweeping runs sweep until ctx ends.
func (n *network) keepSweeping(ctx context.Context) error {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			n.sweep(n.clock())
		}
	}
}

// closeAll ends all connections at the end of the run.
func (n *network) closeAll(reason string) {
	n.locked(func() {
		n.closing = true
		for s := range n.sessions {
			n.drop(s, reason)
		}
	})
}
