package roster

import "sync"

const shards = 32

// table is a map that is split into shards with a lock each, so that many goroutines can
// read it.
type table[K comparable, V any] struct {
	shardOf func(K) byte // its low bits select the shard
	shards  [shards]struct {
		mu sync.RWMutex
		m  map[K]V
	}
}

func newTable[K comparable, V any](spread func(K) byte) *table[K, V] {
	t := &table[K, V]{shardOf: spread}
	for i := range t.shards {
		t.shards[i].m = map[K]V{}
	}
	return t
}

func (t *table[K, V]) get(k K) (V, bool) {
	s := &t.shards[t.shardOf(k)%shards]
	s.mu.RLock()
	defer s.mu.RUnlock()
	v, ok := s.m[k]
	return v, ok
}

func (t *table[K, V]) put(k K, v V) {
	s := &t.shards[t.shardOf(k)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m[k] = v
}

func (t *table[K, V]) remove(k K) {
	s := &t.shards[t.shardOf(k)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, k)
}

func (t *table[K, V]) len() (n int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.m)
		s.mu.RUnlock()
	}
	return n
}

// each calls f for every entry, under the lock of its shard.
func (t *table[K, V]) each(f func(K, V)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		for k, v := range s.m {
			f(k, v)
		}
		s.mu.RUnlock()
	}
}
