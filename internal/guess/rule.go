package guess

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// kind is what tries are counted by.
type kind int64

const (
	byAccount kind = 1 // as the database has them
	byPlace   kind = 2 // an address, or the /64 around one of IPv6
	byNetwork kind = 3 // what is around a place: nobody has many of these
)

var kinds = []kind{byAccount, byPlace, byNetwork}

// rule says how tries of a kind are limited.
type rule struct {
	free     int           // tries without a wait
	first    time.Duration // the wait after them, doubled by each further try
	longest  time.Duration
	recovers time.Duration // after which one try is forgotten, and then the next
}

func ruleOf(k kind) rule {
	switch k {
	case byAccount: // short waits: others could lock a member out
		return rule{free: 3, first: 2 * time.Second, longest: time.Minute, recovers: 15 * time.Minute}
	case byPlace:
		return rule{free: 3, first: 2 * time.Second, longest: 15 * time.Minute, recovers: 15 * time.Minute}
	default: // many people who know nothing of each other
		return rule{free: 100, first: 2 * time.Second, longest: time.Minute, recovers: time.Minute}
	}
}

// record is what is held against a place or an account.
type record struct {
	ends time.Time // when its last try will be forgotten
	last time.Time // when the last one was made
}

// most is how many tries are counted; more would not lengthen the wait.
func (r rule) most() int {
	n := r.free
	for d := r.first; d < r.longest; d *= 2 {
		n++
	}
	return n
}

// length is how long a record lasts at most.
func (r rule) length() time.Duration { return time.Duration(r.most()) * r.recovers }

// tries is how many are held against c at now.
func (r rule) tries(c record, now time.Time) int {
	now, credible := c.seen(now)
	if !credible || !core.Lasts(now, c.ends, r.length()) {
		return 0
	}
	return min(r.most(), int((c.ends.Sub(now)+r.recovers-1)/r.recovers))
}

// seen is now, or when the last try was made if another machine's clock is a little ahead.
// A record from further ahead was written by a clock that was wrong, and is not credible.
func (c record) seen(now time.Time) (at time.Time, credible bool) {
	if c.last.After(now) {
		return c.last, !c.last.After(core.Horizon(now, 0))
	}
	return now, true
}

// wait is how long one must wait at now before the next try.
func (r rule) wait(c record, now time.Time) time.Duration {
	over := r.tries(c, now) - r.free
	if over < 0 {
		return 0
	}
	at, _ := c.seen(now)
	return max(0, c.last.Add(min(r.longest, r.first<<over)).Sub(at))
}

// add counts a try that is made at now.
func (r rule) add(c record, now time.Time) record {
	ends := now
	if r.tries(c, now) > 0 {
		ends = c.ends
	}
	ends = ends.Add(r.recovers)
	if most := now.Add(r.length()); ends.After(most) {
		ends = most
	}
	return record{ends: ends, last: now}
}

// back takes out of c a try that was right. Nothing is as if it had not been made: before
// is when the one before it was, and made is when it was itself.
func (r rule) back(c record, before, made time.Time) record {
	c.ends = c.ends.Add(-r.recovers)
	if c.last.Equal(made) {
		c.last = before
	}
	return c
}
