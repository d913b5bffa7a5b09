package web

import (
	"net/netip"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
)

// maxBuckets bounds the memory of a limiter: about 100 bytes each.
const maxBuckets = 20_000

// limiter gives each key a bucket of tokens that fills again steadily. It is
// safe for concurrent use.
type limiter struct {
	size  float64
	every time.Duration // for one token to come back
	clock core.Clock

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// newLimiter allows n at once and n within each period.
func newLimiter(n int, period time.Duration, clock core.Clock) *limiter {
	return &limiter{size: float64(n), every: period / time.Duration(n), clock: clock, buckets: map[string]bucket{}}
}

// take takes a token of key. When there is none it returns how long the next
// takes to come back.
func (l *limiter) take(key string) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.fill(key)
	if b.tokens < 1 {
		l.buckets[key] = b
		return time.Duration((1 - b.tokens) * float64(l.every)), false
	}
	b.tokens--
	l.put(key, b)
	return 0, true
}

// giveBack returns a token to key, such as when a login was right.
func (l *limiter) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.fill(key)
	b.tokens = min(b.tokens+1, l.size)
	l.put(key, b)
}

func (l *limiter) fill(key string) bucket {
	now := l.clock()
	b, ok := l.buckets[key]
	if !ok {
		return bucket{tokens: l.size, at: now}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(b.tokens+float64(passed)/float64(l.every), l.size)
	}
	b.at = now
	return b
}

// put keeps b. A full map first drops the buckets that are full again, and if
// that is not enough, some others: whoever floods us with keys can't take our
// memory.
func (l *limiter) put(key string, b bucket) {
	if _, there := l.buckets[key]; !there && len(l.buckets) >= maxBuckets {
		for k := range l.buckets {
			if l.fill(k).tokens >= l.size {
				delete(l.buckets, k)
			}
		}
		for k := range l.buckets {
			if len(l.buckets) < maxBuckets*9/10 {
				break
			}
			delete(l.buckets, k)
		}
	}
	l.buckets[key] = b
}

// addressKey is the bucket of a client address.
func addressKey(ip string) string {
	a, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	return guess.Place(a)
}
