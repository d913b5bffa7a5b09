package hermes

import (
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// guard slows down who guesses IRC keys: after a few failures a host, and an account
// as seen from hosts that never logged in to it, must wait, each time longer. The
// limits are those of our own network.
type guard struct {
	clock core.Clock

	mu    sync.Mutex
	fails map[string]failures
	known map[string]bool // host and account that belong together
}

type failures struct {
	count       int
	until, last time.Time
}

const (
	freeTries      = 3
	firstDelay     = 2 * time.Second
	longestHost    = 15 * time.Minute
	longestAccount = time.Minute // short: others could lock a member out
	failuresFor    = time.Hour
	guardLimit     = 20_000 // entries of each kind; when they are too many all are dropped
)

func newGuard(clock core.Clock) *guard {
	return &guard{clock: clock, fails: map[string]failures{}, known: map[string]bool{}}
}

// wait returns how long the host must wait before it may try the account, 0 when it
// may now.
func (g *guard) wait(host, name string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	until := g.fails["@"+host].until
	if !g.known[host+" "+fold(name)] {
		if u := g.fails["="+fold(name)].until; u.After(until) {
			until = u
		}
	}
	return max(0, until.Sub(g.clock()))
}

// failed counts a wrong key.
func (g *guard) failed(host, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.count("@"+host, longestHost)
	g.count("="+fold(name), longestAccount)
}

// succeeded clears what was counted.
func (g *guard) succeeded(host, name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fails, "@"+host)
	delete(g.fails, "="+fold(name))
	if len(g.known) >= guardLimit {
		clear(g.known)
	}
	g.known[host+" "+fold(name)] = true
}

func (g *guard) count(key string, longest time.Duration) {
	now := g.clock()
	f := g.fails[key]
	if now.Sub(f.last) > failuresFor {
		f = failures{}
	}
	f.count++
	f.last = now
	if over := f.count - freeTries; over >= 0 {
		f.until = now.Add(min(longest, firstDelay<<min(over, 20)))
	}
	if len(g.fails) >= guardLimit {
		for k, old := range g.fails {
			if now.After(old.until) {
				delete(g.fails, k)
			}
		}
		if len(g.fails) >= guardLimit {
			clear(g.fails)
		}
	}
	g.fails[key] = f
}
