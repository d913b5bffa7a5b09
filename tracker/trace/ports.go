package trace

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Limits of the port check.
const (
	checkTime    = 3 * time.Second // for one connection
	checkFresh   = time.Hour       // a result holds for so long
	checkers     = 8               // connections at once
	checksPerSec = 20
	maxQueue     = 256    // that wait for a checker
	maxKnown     = 65_536 // results that are kept
	perAddress   = 8      // ports of one address within checkFresh, so that nobody has it scanned
	lowestPort   = 1024   // below it are mail servers and the like, and hardly a client
)

// ports finds out at which addresses of clients others get through: a TCP
// connection that is closed again at once. Nothing depends on the result but what
// members are told.
type ports struct {
	reachable func(netip.Addr) bool
	limit     *rate.Limiter
	queue     chan wire.Endpoint

	mu      sync.Mutex
	known   map[wire.Endpoint]transfer.Reach // ReachUnknown while it is being found out
	order   []dated                          // of known, the oldest first
	byAddr  map[netip.Addr]int               // how many of known an address has
	results []wire.Endpoint                  // found out since the last call of found
}

type dated struct {
	wire.Endpoint
	at int64 // Unix seconds
}

func newPorts(reachable func(netip.Addr) bool) *ports {
	return &ports{
		reachable: reachable, limit: rate.NewLimiter(checksPerSec, checksPerSec), queue: make(chan wire.Endpoint, maxQueue),
		known: map[wire.Endpoint]transfer.Reach{}, byAddr: map[netip.Addr]int{},
	}
}

// look returns what is known of an endpoint. Of one that is not known it begins
// to find out, if it may and can; then waiting is true.
func (p *ports) look(e wire.Endpoint, now int64) (reach transfer.Reach, waiting bool) {
	at := e.AddrPort()
	if !at.IsValid() || at.Port() < lowestPort || !p.reachable(at.Addr()) {
		return transfer.ReachUnknown, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(now)
	if reach, ok := p.known[e]; ok {
		return reach, reach == transfer.ReachUnknown
	}
	if len(p.known) >= maxKnown || p.byAddr[at.Addr()] >= perAddress {
		return transfer.ReachUnknown, false
	}
	select {
	case p.queue <- e:
	default:
		return transfer.ReachUnknown, false
	}
	p.known[e] = transfer.ReachUnknown
	p.byAddr[at.Addr()]++
	p.order = append(p.order, dated{e, now})
	return transfer.ReachUnknown, true
}

// forget drops results that are old.
func (p *ports) forget(now int64) {
	for len(p.order) > 0 && now-p.order[0].at >= int64(checkFresh/time.Second) {
		e := p.order[0].Endpoint
		p.order = p.order[1:]
		delete(p.known, e)
		addr := e.AddrPort().Addr()
		if p.byAddr[addr]--; p.byAddr[addr] <= 0 {
			delete(p.byAddr, addr)
		}
	}
}

// found returns what was found out since the last call.
func (p *ports) found() map[wire.Endpoint]transfer.Reach {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[wire.Endpoint]transfer.Reach, len(p.results))
	for _, e := range p.results {
		out[e] = p.known[e]
	}
	p.results = p.results[:0]
	return out
}

// check works off the queue until ctx ends. Several may run at once.
func (p *ports) check(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-p.queue:
			_ = p.limit.Wait(ctx) // it fails only when ctx ends, and then so does what follows
			reach := knock(ctx, e.AddrPort())
			if ctx.Err() == nil {
				p.note(e, reach)
			}
		}
	}
}

func (p *ports) note(e wire.Endpoint, reach transfer.Reach) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.known[e]; ok {
		p.known[e] = reach
		p.results = append(p.results, e)
	}
}

// knock opens a connection and closes it.
func knock(ctx context.Context, at netip.AddrPort) transfer.Reach {
	d := net.Dialer{Timeout: checkTime, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}
	c, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return transfer.ReachClosed
	}
	_ = c.Close() // it was only to be opened
	return transfer.ReachOpen
}
