package db

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Gatherer answers many callers at once with one query. A caller who comes while a
// reading is under way waits for the next one, which reads for all who came until
// then. When thousands come back to a network at the same time, that makes one query
// for hundreds of them instead of one for each. Nobody gets the answer of a reading
// that began before they asked.
//
// Concurrency: safe for concurrent use; one reading at a time.
type Gatherer[K comparable, V any] struct {
	read  func(ctx context.Context, keys []K) (map[K]V, error)
	limit time.Duration

	mu      sync.Mutex
	reading bool
	next    []*gathering[K, V] // readings that wait; all but the last are full
}

// gathering is one reading, done by the first who asked for it.
type gathering[K comparable, V any] struct {
	keys    []K
	turn    chan struct{} // closed when it may begin
	done    chan struct{} // closed when answers and err are there
	answers map[K]V
	err     error
}

// maxGathered bounds the keys of one reading.
const maxGathered = 200

// NewGatherer makes a gatherer. read gets distinct keys, at most some hundreds, and
// returns what it finds; a reading may take as long as limit.
func NewGatherer[K comparable, V any](limit time.Duration, read func(ctx context.Context, keys []K) (map[K]V, error)) *Gatherer[K, V] {
	return &Gatherer[K, V]{read: read, limit: limit}
}

// Ask returns the value of a key, and whether there is one. All who ask for the same
// key at once share the value.
func (g *Gatherer[K, V]) Ask(ctx context.Context, key K) (value V, found bool, err error) {
	r, first := g.join(key)
	if first {
		<-r.turn // those before it take no longer than their limit
		g.run(ctx, r)
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
	value, found = r.answers[key]
	return value, found, r.err
}

// join adds a key to the next reading, and reports whether the caller is the first in
// it.
func (g *Gatherer[K, V]) join(key K) (r *gathering[K, V], first bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if n := len(g.next); n > 0 && len(g.next[n-1].keys) < maxGathered {
		r = g.next[n-1]
		r.keys = append(r.keys, key)
		return r, false
	}
	r = &gathering[K, V]{keys: []K{key}, turn: make(chan struct{}), done: make(chan struct{})}
	if g.reading {
		g.next = append(g.next, r)
	} else {
		g.reading = true
		close(r.turn)
	}
	return r, true
}

// run does a reading, even if the caller who asked for it first has gone, and lets
// the next one begin.
func (g *Gatherer[K, V]) run(ctx context.Context, r *gathering[K, V]) {
	r.err = errors.New("the reading ended in a panic") // unless it comes further
	defer func() {
		close(r.done)
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.next) == 0 {
			g.reading = false
			return
		}
		close(g.next[0].turn)
		g.next = append(g.next[:0], g.next[1:]...)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.limit)
	defer cancel()
	seen := make(map[K]struct{}, len(r.keys))
	keys := make([]K, 0, len(r.keys))
	for _, k := range r.keys {
		if _, again := seen[k]; !again {
			seen[k] = struct{}{}
			keys = append(keys, k)
		}
	}
	r.answers, r.err = g.read(ctx, keys)
}

// Anys turns a list into arguments of a query.
func Anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
