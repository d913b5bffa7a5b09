package ircd

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/ergochat/irc-go/ircreader"
	"golang.org/x/time/rate"
)

// client is one connection. Fields below the mark are guarded by the network's
// lock.
type client struct {
	serial uint64
	conn   net.Conn
	raw    net.Conn   // the connection under TLS; closing it never waits
	secure bool       // whether the client came by TLS
	addr   netip.Addr // for limits only; shown to nobody and never logged
	exempt bool       // whether limits by address leave it alone
	out    *outbox
	end    context.CancelFunc // ends what the connection waits for
	seen   atomic.Int64       // when the last line came, Unix nanoseconds
	pace   atomic.Pointer[rate.Limiter]

	// guarded by the network's lock:
	since       time.Time
	pinged      time.Time // when the unanswered PING was sent; zero when none
	registered  bool
	gone        bool
	negotiating bool // CAP holds registration back
	caps        capSet
	sasl        saslState
	wanted      string // the nick asked for
	password    string // of PASS, until registration
	nick        string // "" until registered
	user        string
	real        string
	host        string // cloaked
	account     *account
	away        string
	invisible   bool
	botMode     bool
	channels    map[*channel]struct{}
	invited     map[*channel]struct{}
	mark        uint64 // see network.peers
}

// target is what numerics call the client.
func (c *client) target() string {
	if c.nick == "" {
		return "*"
	}
	return c.nick
}

// prefix is nick!user@host.
func (c *client) prefix() string { return c.nick + "!" + c.user + "@" + c.host }

func (c *client) has(bit capSet) bool { return c.caps&bit != 0 }

// accountName is the site name of who is logged in, or "".
func (c *client) accountName() string {
	if c.account == nil {
		return ""
	}
	return c.account.member.Name
}

const (
	maxRead      = 8191 + maxLine // tags and line
	longLines    = 4              // over-long lines in a row that are forgiven
	writeTimeout = 20 * time.Second
	writeChunk   = 16 << 10
)

// read runs the client's commands until the connection ends. Lines over the
// limit are answered and skipped without keeping them.
func (n *network) read(ctx context.Context, c *client) {
	var in ircreader.Reader
	in.Initialize(c.conn, 512, maxRead)
	skipping, strikes := false, 0
	for {
		raw, err := in.ReadLine()
		c.seen.Store(n.clock().UnixNano())
		switch {
		case errors.Is(err, ircreader.ErrReadQ):
			if strikes++; strikes > longLines {
				n.locked(func() { n.drop(c, "Line is far too long") })
				return
			}
			skipping = true
			in.Initialize(c.conn, 512, maxRead)
			continue
		case err != nil:
			n.locked(func() { n.drop(c, readError(err)) })
			return
		}
		if !c.wait(ctx, n.clock()) {
			return
		}
		if skipping {
			skipping = false
			n.locked(func() { n.numeric(c, errInputTooLong, "Input line was too long") })
			continue
		}
		strikes = 0
		n.metrics.received.Inc()
		if !n.handle(ctx, c, string(raw)) {
			return
		}
	}
}

// wait holds the client to its pace. It reports false when the connection ended
// meanwhile.
func (c *client) wait(ctx context.Context, now time.Time) bool {
	pace := c.pace.Load()
	if pace == nil {
		return ctx.Err() == nil
	}
	delay := pace.ReserveN(now, 1).DelayFrom(now)
	if delay <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(delay)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// readError says why reading ended, without the addresses that Go's errors name.
func readError(err error) string {
	var te tls.RecordHeaderError
	if errors.As(err, &te) {
		return "This port wants TLS"
	}
	return "Connection closed"
}

// write sends what is queued until the queue is closed, and then closes the
// connection.
func (c *client) write() {
	defer func() { _ = c.raw.Close() }() // nothing depends on how a dead connection closes
	for range c.out.wake {
		lines, last := c.out.take()
		for len(lines) > 0 {
			var chunk []byte
			chunk, lines = gather(lines)
			if c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)) != nil {
				return
			}
			if _, err := c.conn.Write(chunk); err != nil {
				return
			}
		}
		if last {
			if c.secure {
				_ = c.conn.Close() // says goodbye first, as TLS wants
			}
			return
		}
	}
}

// gather joins lines to chunks, so that a burst takes few writes.
func gather(lines [][]byte) (chunk []byte, rest [][]byte) {
	size, k := 0, 0
	for k < len(lines) && (k == 0 || size+len(lines[k]) <= writeChunk) {
		size += len(lines[k])
		k++
	}
	if k == 1 {
		return lines[0], lines[1:]
	}
	chunk = make([]byte, 0, size)
	for _, l := range lines[:k] {
		chunk = append(chunk, l...)
	}
	return chunk, lines[k:]
}
