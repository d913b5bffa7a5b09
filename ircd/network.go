package ircd

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
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
	metrics *metrics
	guard   *guard
	cloak   []byte // makes guests' hosts of their addresses; lives as long as the run
	started time.Time
	table   map[string]*command
	tokens  []string // of ISUPPORT

	mu       sync.Mutex
	current  *request // the request that runs under the lock, if any
	doomed   []*client
	clients  map[*client]struct{}
	nicks    map[string]*client // registered ones, by folded nick
	accounts map[core.MemberID]*account
	channels map[string]*channel // by folded name
	ordered  []*channel          // those that are kept, in their order
	perAddr  map[netip.Addr]int
	past     []pastNick
	changes  changes
	serial   uint64
	mark     uint64
	peak     int
	closing  bool // the run ends: everyone leaves, so nobody is told who does
}

// account is a member who is logged in, with all connections.
type account struct {
	member  member.Member
	clients map[*client]struct{}
}

func (n *network) locked(f func()) { n.lockedFor(nil, f) }

// lockedFor runs f under the lock on behalf of r, then cuts off the clients
// whose queues overflowed meanwhile.
func (n *network) lockedFor(r *request, f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.current = r
	defer func() { n.current = nil }()
	f()
	n.current = nil
	for len(n.doomed) > 0 {
		c := n.doomed[0]
		n.doomed = n.doomed[1:]
		n.drop(c, "SendQ exceeded")
		_ = c.raw.Close() // its writer may be stuck; there is nothing to save
	}
}

// add takes a new connection in, or says why not.
func (n *network) add(c *client) error {
	var err error
	n.locked(func() {
		key := addressKey(c.addr)
		switch {
		case len(n.clients) >= n.cfg.MaxClients:
			err = core.Errorf(core.Unavailable, "The server is full, try again later")
		case !c.exempt && n.perAddr[key] >= n.cfg.MaxPerAddress:
			err = core.Errorf(core.Unavailable, "Too many connections from your address")
		default:
			n.perAddr[key]++
			n.serial++
			c.serial, c.since = n.serial, n.clock()
			c.seen.Store(c.since.UnixNano())
			n.clients[c] = struct{}{}
			n.peak = max(n.peak, len(n.clients))
			n.metrics.connections.Inc()
		}
	})
	return err
}

// drop ends a connection: the others see it quit, the client is told why.
func (n *network) drop(c *client, reason string) { n.dropFor(c, reason, reason) }

// dropFor is drop with a reason of its own for the others.
func (n *network) dropFor(c *client, reason, public string) {
	if c.gone {
		return
	}
	if r := n.current; r != nil && r.c == c {
		n.flush(r)
	}
	c.gone = true
	if c.registered {
		n.quit(c, public)
	}
	if c.account != nil {
		n.detach(c)
	}
	delete(n.clients, c)
	key := addressKey(c.addr)
	if n.perAddr[key]--; n.perAddr[key] <= 0 {
		delete(n.perAddr, key)
	}
	n.metrics.connections.Dec()
	n.push(c, (&line{command: "ERROR", params: []string{"Closing link: " + reason}, at: n.clock()}).bytes(c.caps))
	c.out.close()
	c.end()
	// A TLS handshake that never ends would hold up the writer.
	_ = c.raw.SetReadDeadline(time.Now().Add(time.Second)) // fails only on a connection that is closed
}

func (n *network) quit(c *client, reason string) {
	if !n.closing {
		gone := n.lineFrom(c, "QUIT", reason)
		for _, peer := range n.peers(c) {
			n.send(peer, gone)
		}
	}
	for ch := range c.channels {
		n.leave(c, ch)
	}
	delete(n.nicks, fold(c.nick))
	n.remember(c)
}

// detach takes the connection off its account.
func (n *network) detach(c *client) {
	a := c.account
	delete(a.clients, c)
	if len(a.clients) == 0 {
		delete(n.accounts, a.member.ID)
	}
}

// line makes a message of the server.
func (n *network) line(command string, params ...string) *line {
	return &line{source: n.cfg.ServerName, command: command, params: params, at: n.clock()}
}

// lineFrom makes a message of a client.
func (n *network) lineFrom(c *client, command string, params ...string) *line {
	return &line{source: c.prefix(), command: command, params: params, at: n.clock(), account: c.accountName(), bot: c.botMode}
}

// send queues a line for a client. Inside a labelled request the lines to who
// asked are held until it is answered.
func (n *network) send(c *client, l *line) {
	if r := n.current; r != nil && r.c == c && r.label != "" {
		r.held = append(r.held, l)
		return
	}
	n.push(c, l.bytes(c.caps))
}

func (n *network) push(c *client, encoded []byte) {
	n.metrics.sent.Inc()
	if !c.out.push(encoded) {
		n.doomed = append(n.doomed, c)
	}
}

func (n *network) sendLine(c *client, command string, params ...string) {
	n.send(c, n.line(command, params...))
}

// numeric sends a numeric reply; its first parameter is put in.
func (n *network) numeric(c *client, code string, params ...string) {
	n.send(c, n.line(code, append([]string{c.target()}, params...)...))
}

// notice sends a notice of the server.
func (n *network) notice(c *client, text string) { n.sendLine(c, "NOTICE", c.target(), text) }

// find returns the registered client with a nick, or nil.
func (n *network) find(nick string) *client { return n.nicks[fold(nick)] }

// peers returns the other clients who see c in some channel, each once.
func (n *network) peers(c *client) []*client {
	n.mark++
	c.mark = n.mark
	var out []*client
	for ch := range c.channels {
		for other := range ch.viewers(c) {
			if other.mark != n.mark {
				other.mark = n.mark
				out = append(out, other)
			}
		}
	}
	return out
}

// tellPeers sends a line to the peers that have the capability.
func (n *network) tellPeers(c *client, bit capSet, l *line) {
	for _, peer := range n.peers(c) {
		if peer.caps&bit == bit {
			n.send(peer, l)
		}
	}
}

// hostOf makes the cloaked host: id, class and site of a member, and for guests
// something that is the same for the same address while the server runs.
func (n *network) hostOf(c *client) string {
	site := slug(n.name)
	if c.account != nil {
		m := c.account.member
		return strconv.FormatInt(int64(m.ID), 10) + "." + slug(m.Class.Name) + "." + site
	}
	mac := hmac.New(sha256.New, n.cloak)
	key := addressKey(c.addr).As16()
	mac.Write(key[:])
	return hex.EncodeToString(mac.Sum(nil)[:5]) + ".guest." + site
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

// sweep closes connections that don't register or don't answer, and asks the
// silent ones for a sign.
func (n *network) sweep(now time.Time) {
	n.locked(func() {
		for c := range n.clients {
			seen := time.Unix(0, c.seen.Load())
			switch {
			case !c.registered:
				if now.Sub(c.since) > n.cfg.RegistrationTimeout.Duration {
					n.drop(c, "Registration timed out")
				}
			case !c.pinged.IsZero() && !seen.Before(c.pinged):
				c.pinged = time.Time{}
			case !c.pinged.IsZero():
				if now.Sub(c.pinged) > n.cfg.PingTimeout.Duration {
					n.drop(c, fmt.Sprintf("Ping timeout: %d seconds", int(now.Sub(seen).Seconds())))
				}
			case now.Sub(seen) > n.cfg.PingInterval.Duration:
				c.pinged = now
				n.push(c, (&line{command: "PING", params: []string{n.cfg.ServerName}, at: now}).bytes(c.caps))
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
		for c := range n.clients {
			n.drop(c, reason)
		}
	})
}
