package hermes

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

const (
	commandEvery = 2 * time.Second // in the long run
	commandBurst = 6               // at once
	deafFor      = 30 * time.Second
	maxKnown     = 2000 // accounts remembered by each worker
)

// limiter bounds what one account may ask for. Somebody who goes beyond is told once and
// then ignored for a while. A limiter belongs to one worker.
type limiter struct {
	clock core.Clock
	known map[string]*allowance
}

type allowance struct {
	rate *rate.Limiter
	deaf time.Time // until when the account is ignored
	seen time.Time
}

func newLimiter(clock core.Clock) *limiter {
	return &limiter{clock: clock, known: map[string]*allowance{}}
}

// allow reports whether a command of the account may run, and when not, whether
// to say so.
func (l *limiter) allow(account string) (ok, warn bool) {
	now, key := l.clock(), text.FoldASCII(account)
	a := l.known[key]
	if a == nil {
		l.makeRoom(now)
		a = &allowance{rate: rate.NewLimiter(rate.Every(commandEvery), commandBurst)}
		l.known[key] = a
	}
	a.seen = now
	if now.Before(a.deaf) {
		return false, false
	}
	if a.rate.AllowN(now, 1) {
		return true, false
	}
	a.deaf = now.Add(deafFor)
	return false, true
}

// makeRoom forgets those whose allowance is full again, and everybody when that
// is not enough.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.known) < maxKnown {
		return
	}
	for key, a := range l.known {
		if now.Sub(a.seen) > deafFor+commandBurst*commandEvery {
			delete(l.known, key)
		}
	}
	if len(l.known) >= maxKnown {
		clear(l.known)
	}
}
