// Package fair runs costly work a little at a time: a few pieces at once, few that wait,
// none for long. Whoever waits is served network by network in turn, and within a network
// address by address, so that a flood from one of them delays the others by one piece of
// work and not by its own length. When all places are taken, whoever takes up most of
// them gives one up to a newcomer that has fewer.
//
// Concurrency: a Queue is safe for concurrent use.
package fair

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Limits of a queue.
type Limits struct {
	AtOnce     int           // pieces of work that run at once
	Waiting    int           // that wait, altogether
	PerNetwork int           // that wait from one network
	PerAddress int           // that wait from one address
	Longest    time.Duration // that one waits
	Busy       string        // what is said to whoever is refused, without a full stop
}

// Source is who wants something done. Work without one is the program's own, which is a
// network like others.
type Source struct{ Network, Address string }

type sourceKey struct{}

// With returns a context whose work is done for s.
func With(ctx context.Context, s Source) context.Context {
	return context.WithValue(ctx, sourceKey{}, s)
}

func sourceOf(ctx context.Context) Source {
	s, _ := ctx.Value(sourceKey{}).(Source)
	return s
}

// Stats are the figures of a queue.
type Stats struct {
	Running, Waiting int
	Done, Refused    uint64
}

// Queue lets work wait for its turn.
type Queue struct {
	limits Limits

	mu       sync.Mutex
	stats    Stats
	networks []*network // those of which somebody waits, in the order of their turns
	byName   map[string]*network
}

type network struct {
	name      string
	addresses []*address // likewise
	waiting   int
}

type address struct {
	name    string
	waiters []*waiter // in the order in which they came
}

type waiter struct {
	source Source
	turn   chan error // gets one value: nil when the turn has come
}

// New makes a queue. Every limit must be positive.
func New(l Limits) *Queue { return &Queue{limits: l, byName: map[string]*network{}} }

// Stats returns the figures of now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// Do waits for its turn and then runs f. When there is no room to wait, or the wait is
// too long, f is not run, and the error has code Unavailable and says when to come back.
// When ctx ends before the turn has come, it returns ctx's error.
func (q *Queue) Do(ctx context.Context, f func()) error {
	if err := q.enter(ctx); err != nil {
		return err
	}
	defer q.leave()
	f()
	return nil
}

func (q *Queue) enter(ctx context.Context) error {
	w, err := q.join(sourceOf(ctx))
	if w == nil {
		return err
	}
	limit := time.NewTimer(q.limits.Longest)
	defer limit.Stop()
	select {
	case err := <-w.turn:
		return err
	case <-ctx.Done():
		return q.giveUp(w, ctx.Err())
	case <-limit.C:
		return q.giveUp(w, q.busy())
	}
}

// join takes a place in the queue, or returns nil if the turn has come at once or there is
// no room.
func (q *Queue) join(s Source) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stats.Running < q.limits.AtOnce && q.stats.Waiting == 0 {
		q.stats.Running++
		return nil, nil
	}
	if !q.makeRoom(s) {
		q.stats.Refused++
		return nil, q.busy()
	}
	w := &waiter{source: s, turn: make(chan error, 1)}
	n := q.byName[s.Network]
	if n == nil {
		n = &network{name: s.Network}
		q.byName[s.Network] = n
		q.networks = append(q.networks, n)
	}
	a := n.address(s.Address)
	if a == nil {
		a = &address{name: s.Address}
		n.addresses = append(n.addresses, a)
	}
	a.waiters = append(a.waiters, w)
	n.waiting++
	q.stats.Waiting++
	return w, nil
}

func (n *network) address(name string) *address {
	i := slices.IndexFunc(n.addresses, func(a *address) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return n.addresses[i]
}

// makeRoom reports whether one more from s may wait. Where the limit of the network, or of
// all, is reached, the last who came gives way of those who take up most places, if they
// take up more than s would.
func (q *Queue) makeRoom(s Source) bool {
	ofNetwork, ofAddress := 0, 0
	mine := q.byName[s.Network]
	if mine != nil {
		ofNetwork = mine.waiting
		if a := mine.address(s.Address); a != nil {
			ofAddress = len(a.waiters)
		}
	}
	if ofAddress >= q.limits.PerAddress {
		return false
	}
	if ofNetwork >= q.limits.PerNetwork {
		return q.oust(mine, ofAddress+1)
	}
	if q.stats.Waiting < q.limits.Waiting {
		return true
	}
	most := slices.MaxFunc(q.networks, func(a, b *network) int { return a.waiting - b.waiting })
	if most == mine {
		return q.oust(mine, ofAddress+1)
	}
	return most.waiting > ofNetwork+1 && q.oust(most, 0)
}

// oust sends away the last who came from the address of a network from which most wait,
// if these are more than the given number.
func (q *Queue) oust(n *network, than int) bool {
	a := slices.MaxFunc(n.addresses, func(a, b *address) int { return len(a.waiters) - len(b.waiters) })
	if len(a.waiters) <= than {
		return false
	}
	w := a.waiters[len(a.waiters)-1]
	q.remove(w)
	q.stats.Refused++
	w.turn <- q.busy()
	return true
}

// remove takes a waiter out of the queue, and reports whether it was in it.
func (q *Queue) remove(w *waiter) bool {
	n := q.byName[w.source.Network]
	if n == nil {
		return false
	}
	a := n.address(w.source.Address)
	if a == nil {
		return false
	}
	i := slices.Index(a.waiters, w)
	if i < 0 {
		return false
	}
	a.waiters = slices.Delete(a.waiters, i, i+1)
	if len(a.waiters) == 0 {
		n.addresses = slices.DeleteFunc(n.addresses, func(b *address) bool { return b == a })
	}
	n.waiting--
	if n.waiting == 0 {
		delete(q.byName, n.name)
		q.networks = slices.DeleteFunc(q.networks, func(m *network) bool { return m == n })
	}
	q.stats.Waiting--
	return true
}

// giveUp ends a wait, and returns why. Should the turn have come meanwhile, it passes on.
func (q *Queue) giveUp(w *waiter, why error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.remove(w) {
		q.stats.Refused++
		return why
	}
	if err := <-w.turn; err != nil {
		return err
	}
	q.stats.Running--
	q.stats.Refused++
	q.next()
	return why
}

func (q *Queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stats.Done++
	q.stats.Running--
	q.next()
}

// next lets those begin whose turn it is. A network, and an address in it, that has had
// its turn goes behind the others.
func (q *Queue) next() {
	for q.stats.Running < q.limits.AtOnce && q.stats.Waiting > 0 {
		n := q.networks[0]
		q.networks = append(q.networks[1:], n)
		a := n.addresses[0]
		n.addresses = append(n.addresses[1:], a)
		w := a.waiters[0]
		q.remove(w)
		q.stats.Running++
		w.turn <- nil
	}
}

func (q *Queue) busy() error {
	return &core.Error{Code: core.Unavailable, Retry: q.limits.Longest,
		Text: fmt.Sprintf("%s; try again in %d seconds", q.limits.Busy, int(q.limits.Longest.Seconds()))}
}
