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
	checkFresh   = time.Hour       // how long a result is valid
	checkers     = 8               // connections at the same time
	checksPerSec = 20
	maxQueue     = 256    // endpoints that wait for a check
	maxKnown     = 65_536 // results that are kept
	perAddress   = 8      // ports of one address within checkFresh, so that nobody can use us to scan it
	lowestPort   = 1024   // lower ports belong to mail servers and the like, hardly to clients
)

// ports checks which endpoints of clients can be reached, by opening a TCP connection
// and closing it at once. The results are only shown to members.
type ports struct {
	reachable func(netip.Addr) bool
	limit     *rate.Limiter
	queue     chan wire.Endpoint

	mu      sync.Mutex
	known   map[wire.Endpoint]transfer.Reach // ReachUnknown until the check is done
	order   []datedEndpoint                  // the keys of known, oldest first
	byAddr  map[netip.Addr]int               // how many endpoints of known an address has
	results []wire.Endpoint                  // checked since the last call of found
}

type datedEndpoint struct {
	wire.Endpoint
	at int64 // Unix seconds
}

func newPorts(reachable func(netip.Addr) bool) *ports {
	return &ports{
		reachable: reachable, limit: rate.NewLimiter(checksPerSec, checksPerSec), queue: make(chan wire.Endpoint, maxQueue),
		known: map[wire.Endpoint]transfer.Reach{}, byAddr: map[netip.Addr]int{},
	}
}

// look returns the result for an endpoint. If there is none, it queues a check where
// that is allowed and possible. waiting says that a check is under way.
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
	p.order = append(p.order, datedEndpoint{e, now})
	return transfer.ReachUnknown, true
}

// forget drops old results.
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

// found returns the results since the last call.
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

// check processes the queue until ctx ends. Several may run at the same time.
func (p *ports) check(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-p.queue:
			_ = p.limit.Wait(ctx) // it fails only if ctx ends; then the check fails too
			reach := probe(ctx, e.AddrPort())
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

// probe opens a connection and closes it at once.
func probe(ctx context.Context, at netip.AddrPort) transfer.Reach {
	d := net.Dialer{Timeout: checkTime, KeepAliveConfig: net.KeepAliveConfig{Enable: false}}
	c, err := d.DialContext(ctx, "tcp", at.String())
	if err != nil {
		return transfer.ReachClosed
	}
	_ = c.Close() // nothing was sent
	return transfer.ReachOpen
}
