// Package guess slows down who guesses secrets: after a few failures a place, and
// an account as seen from places that never logged in to it, must wait, each time
// longer.
//
// Concurrency: a Guard is safe for concurrent use and waits for nothing but its
// own lock.
package guess

import (
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Guard counts failures. It keeps a bounded number of them, and nothing when the
// process ends.
type Guard struct {
	clock core.Clock

	mu    sync.Mutex
	fails map[string]failures
	known map[string]time.Time // place and account that logged in lately
}

// Try is who tries to log in to what.
type Try struct {
	Place   string // an address, or what stands for one
	Account string // in any case; need not exist
	// Exempt is a place that many share and that is trusted, such as this machine:
	// it is not limited itself, and strangers can't keep its programs from logging
	// in.
	Exempt bool
}

type failures struct {
	count int
	until time.Time // no try before
	last  time.Time
}

const (
	freeTries      = 3
	firstDelay     = 2 * time.Second
	longestPlace   = 15 * time.Minute
	longestAccount = time.Minute // short: others could lock a member out
	forgetAfter    = time.Hour
	knownFor       = 30 * 24 * time.Hour
	guardLimit     = 20_000 // entries of each kind; the oldest give way
)

// New returns a guard that has seen nothing.
func New(clock core.Clock) *Guard {
	return &Guard{clock: clock, fails: map[string]failures{}, known: map[string]time.Time{}}
}

func (t Try) place() string { return "@" + t.Place }

// account keeps exempt places apart from all others.
func (t Try) account() string {
	if t.Exempt {
		return "!" + strings.ToLower(t.Account)
	}
	return "=" + strings.ToLower(t.Account)
}

func (t Try) pair() string { return t.place() + " =" + strings.ToLower(t.Account) }

// Wait returns how long one must wait before the try, 0 when it may be made now.
func (g *Guard) Wait(t Try) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	var until time.Time
	if !t.Exempt {
		until = g.fails[t.place()].until
	}
	if _, known := g.known[t.pair()]; !known {
		if u := g.fails[t.account()].until; u.After(until) {
			until = u
		}
	}
	return max(0, until.Sub(g.clock()))
}

// Failed counts a wrong secret.
func (g *Guard) Failed(t Try) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !t.Exempt {
		g.count(t.place(), longestPlace)
	}
	g.count(t.account(), longestAccount)
}

// Succeeded forgets what was counted, and remembers the place with the account.
func (g *Guard) Succeeded(t Try) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.fails, t.account())
	delete(g.fails, t.place())
	now := g.clock()
	if len(g.known) >= guardLimit {
		for k, at := range g.known {
			if now.Sub(at) > knownFor || len(g.known) >= guardLimit {
				delete(g.known, k)
			}
		}
	}
	g.known[t.pair()] = now
}

func (g *Guard) count(key string, longest time.Duration) {
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
func (g *Guard) forget(now time.Time) {
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
