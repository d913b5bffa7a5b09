package ircd

import (
	"net/netip"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// guard slows down who guesses IRC keys: after a few failures an address, and an
// account as seen from addresses that never logged in to it, must wait, each
// time longer. It has its own lock.
type guard struct {
	clock core.Clock

	mu    sync.Mutex
	fails map[string]failures
	known map[string]time.Time // address and account that logged in lately
}

type failures struct {
	count int
	until time.Time // no try before
	last  time.Time
}

const (
	freeTries      = 3
	firstDelay     = 2 * time.Second
	longestAddress = 15 * time.Minute
	longestAccount = time.Minute // short: others could lock a member out
	forgetAfter    = time.Hour
	knownFor       = 30 * 24 * time.Hour
	guardLimit     = 20000 // entries; the oldest give way
)

func newGuard(clock core.Clock) *guard {
	return &guard{clock: clock, fails: map[string]failures{}, known: map[string]time.Time{}}
}

func addressLimit(a netip.Addr) string { return "@" + addressKey(a).String() }
func pairKey(a netip.Addr, name string) string {
	return addressLimit(a) + accountLimit(false, name)
}

// accountLimit keeps exempt addresses apart from all others: strangers can't
// keep a program on this machine, such as Hermes, from logging in.
func accountLimit(exempt bool, name string) string {
	if exempt {
		return "!" + fold(name)
	}
	return "=" + fold(name)
}

// wait returns how long the address must wait before it may try to log in to
// the account, 0 when it may now.
func (g *guard) wait(a netip.Addr, exempt bool, name string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	var until time.Time
	if !exempt {
		until = g.fails[addressLimit(a)].until
	}
	if _, known := g.known[pairKey(a, name)]; !known {
		if u := g.fails[accountLimit(exempt, name)].until; u.After(until) {
			until = u
		}
	}
	return max(0, until.Sub(now))
}

// failed counts a wrong key.
func (g *guard) failed(a netip.Addr, exempt bool, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !exempt {
		g.count(addressLimit(a), longestAddress)
	}
	g.count(accountLimit(exempt, name), longestAccount)
}

// succeeded clears the account and remembers the address with it.
func (g *guard) succeeded(a netip.Addr, exempt bool, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fails, accountLimit(exempt, name))
	delete(g.fails, addressLimit(a))
	if len(g.known) >= guardLimit {
		now := g.clock()
		for k, at := range g.known {
			if now.Sub(at) > knownFor || len(g.known) >= guardLimit {
				delete(g.known, k)
			}
		}
	}
	g.known[pairKey(a, name)] = g.clock()
}

func (g *guard) count(key string, longest time.Duration) {
	now := g.clock()
	f := g.fails[key]
	if now.Sub(f.last) > forgetAfter {
		f = failures{}
	}
	f.count++
	f.last = now
	if over := f.count - freeTries; over >= 0 {
		f.until = now.Add(min(longest, firstDelay<<min(over, 20)))
	}
	if len(g.fails) >= guardLimit {
		g.forget(now)
	}
	g.fails[key] = f
}

// forget makes room: first what is long past, then the entry that is oldest
// among some.
func (g *guard) forget(now time.Time) {
	oldest, seen := "", 0
	for k, f := range g.fails {
		if now.Sub(f.last) > forgetAfter {
			delete(g.fails, k)
			continue
		}
		if seen++; seen > 64 {
			break
		}
		if oldest == "" || f.last.Before(g.fails[oldest].last) {
			oldest = k
		}
	}
	if len(g.fails) >= guardLimit {
		delete(g.fails, oldest)
	}
}
