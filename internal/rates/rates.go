// Package rates bounds how often somebody may do something: an account, a key, or whoever
// comes from a network. Each process keeps its own rates in memory, in one Book; it writes
// down from time to time whom it refused most, so that staff see them all in one list, and
// obeys when they clear one. What counts in whichever process it happens, wrong secrets, is
// in package guess.
//
// Concurrency: everything is safe for concurrent use.
package rates

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// By is what somebody is known by.
type By string

// The kinds of somebody.
const (
	Account By = "account" // by the site name, in lower case
	Network By = "network" // by an address, a network or a host
)

// Who is somebody whose rate is bounded.
type Who struct {
	By   By
	Name string
	// Part is one of several that an account has, such as a key of its own rate.
	Part string
}

// Rate is how often something may be done.
type Rate struct {
	N   int           // at once
	Per time.Duration // in which so many come back, spread evenly
	// Deaf is how long nothing is allowed after a refusal; 0 is until one has come back.
	Deaf time.Duration
}

func (r Rate) each() time.Duration { return r.Per / time.Duration(r.N) }

// maxKept bounds the memory of a limit: about 150 bytes for each.
const maxKept = 20_000

// Book holds the limits of a process.
type Book struct {
	clock core.Clock

	mu     sync.Mutex
	limits map[string]*Limit
}

// New returns an empty book.
func New(clock core.Clock) *Book { return &Book{clock: clock, limits: map[string]*Limit{}} }

// Limit returns the limit with a name, which staff see in lists. If there is one already,
// such as after the restart of a room, it goes on with the new rate. r.N and r.Per must be
// positive.
func (b *Book) Limit(name string, r Rate) *Limit {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.limits[name]
	if l == nil {
		l = &Limit{name: name, clock: b.clock, most: maxKept, kept: map[Who]*allowance{}}
		b.limits[name] = l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rate = r
	return l
}

// Limit is one rate of many.
type Limit struct {
	name  string
	clock core.Clock
	most  int // that are kept

	mu   sync.Mutex
	rate Rate
	kept map[Who]*allowance // those that are not as fresh as a stranger's
}

// allowance is what somebody has left.
type allowance struct {
	left    float64
	at      time.Time // when left was true
	refused int       // times since Worst last looked
	deaf    time.Time // until when all is refused
	told    bool      // it was refused since something was last allowed
}

// Take takes one of what somebody has left. When there is none, it returns how long it
// takes until there is one, and whether this is the first refusal in a row.
func (l *Limit) Take(w Who) (wait time.Duration, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, now := l.of(w), l.clock()
	if wait = l.waitOf(a, now); wait == 0 {
		a.left--
		a.told = false
		return 0, false
	}
	first = !a.told
	if first && l.rate.Deaf > 0 {
		a.deaf = now.Add(l.rate.Deaf)
		wait = l.rate.Deaf
	}
	a.told = true
	a.refused++
	return wait, first
}

// Wait returns how long somebody must wait before Take gives something, and takes nothing.
func (l *Limit) Wait(w Who) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.kept[w]
	if a == nil {
		return 0
	}
	now := l.clock()
	l.fill(a, now)
	return l.waitOf(a, now)
}

// GiveBack gives back what was taken.
func (l *Limit) GiveBack(w Who) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.of(w)
	a.left = min(a.left+1, float64(l.rate.N))
}

// waitOf returns how long one must wait for the next.
func (l *Limit) waitOf(a *allowance, now time.Time) time.Duration {
	if core.Lasts(now, a.deaf, l.rate.Deaf) {
		return a.deaf.Sub(now)
	}
	if a.left >= 1 {
		return 0
	}
	return max(time.Nanosecond, time.Duration((1-a.left)*float64(l.rate.each())))
}

// of returns the allowance of somebody as it is now.
func (l *Limit) of(w Who) *allowance {
	now := l.clock()
	a := l.kept[w]
	if a == nil {
		if len(l.kept) >= l.most {
			l.makeRoom(now)
		}
		a = &allowance{left: float64(l.rate.N), at: now}
		l.kept[w] = a
	}
	l.fill(a, now)
	return a
}

// fill adds what has come back. Nothing does while a clock goes back.
func (l *Limit) fill(a *allowance, now time.Time) {
	if passed := now.Sub(a.at); passed > 0 {
		a.left += float64(passed) / float64(l.rate.each())
	}
	a.left = min(a.left, float64(l.rate.N))
	a.at = now
}

// makeRoom forgets a tenth: first those who have all again, as strangers do, and then those
// who have most. So nobody gets rid of what is held against them by coming under many names.
func (l *Limit) makeRoom(now time.Time) {
	type one struct {
		who  Who
		left float64
	}
	list := make([]one, 0, len(l.kept))
	for w, a := range l.kept {
		l.fill(a, now)
		left := a.left
		if core.Lasts(now, a.deaf, l.rate.Deaf) {
			left = -1
		}
		list = append(list, one{w, left})
	}
	slices.SortFunc(list, func(a, b one) int { return cmp.Compare(b.left, a.left) })
	for i, o := range list {
		if i >= max(1, l.most/10) && o.left < float64(l.rate.N) {
			break
		}
		delete(l.kept, o.who)
	}
}

// Refused is somebody who was refused.
type Refused struct {
	Limit string
	Who   Who
	Times int
}

// Worst returns the n who were refused most since it was last called, and begins to count
// anew.
func (b *Book) Worst(n int) []Refused {
	var list []Refused
	b.each(func(l *Limit) {
		for w, a := range l.kept {
			if a.refused > 0 {
				list = append(list, Refused{l.name, w, a.refused})
				a.refused = 0
			}
		}
	})
	slices.SortFunc(list, func(a, b Refused) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Limit, b.Limit), cmp.Compare(a.Who.Name, b.Who.Name), cmp.Compare(a.Who.Part, b.Who.Part))
	})
	return list[:min(len(list), n)]
}

// Clear gives back everything to those who fit.
func (b *Book) Clear(fits func(Who) bool) {
	b.each(func(l *Limit) {
		for w := range l.kept {
			if fits(w) {
				delete(l.kept, w)
			}
		}
	})
}

// each calls f with each limit, locked.
func (b *Book) each(f func(*Limit)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.limits {
		l.mu.Lock()
		f(l)
		l.mu.Unlock()
	}
}
