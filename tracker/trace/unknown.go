package trace

import (
	"cmp"
	"hash/maphash"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// unknown counts the info-hashes that members ask for and that are not registered. It has
// room for the most frequent ones and never takes more: each set of places is a summary
// by the algorithm Space-Saving (Metwally, Agrawal, El Abbadi, ICDT 2005), in which a new
// hash takes the place of the one that was asked for least, and its count. So a count may
// be too large, by no more than its surplus, and a hash that makes up more than an eighth
// of what its set is asked for is in it.
//
// Concurrency: safe for concurrent use. note neither allocates nor waits for the
// database.
type unknown struct {
	seed    maphash.Seed // so that nobody can aim at a set
	changed atomic.Bool  // since the last write
	since   time.Time    // of Run alone
	sets    [unknownSets]unknownSet
}

const (
	unknownSets  = 64
	unknownWays  = 8
	unknownHours = time.Hour // after which counting begins anew
)

type unknownSet struct {
	mu     sync.Mutex
	places [unknownWays]unknownPlace
}

type unknownPlace struct {
	hash           core.InfoHash
	asked, surplus int64 // asked is 0 where the place is free
	at             int64 // Unix seconds
}

func newUnknown(now time.Time) *unknown { return &unknown{seed: maphash.MakeSeed(), since: now} }

// note counts a request at an instant in Unix seconds.
func (u *unknown) note(h *core.InfoHash, at int64) {
	set := &u.sets[maphash.Bytes(u.seed, h[:])%unknownSets]
	set.mu.Lock()
	least := &set.places[0]
	for i := range set.places {
		p := &set.places[i]
		if p.asked > 0 && p.hash == *h {
			p.asked++
			p.at = at
			set.mu.Unlock()
			u.touch()
			return
		}
		if p.asked < least.asked {
			least = p
		}
	}
	*least = unknownPlace{hash: *h, asked: least.asked + 1, surplus: least.asked, at: at}
	set.mu.Unlock()
	u.touch()
}

// touch writes the flag only when it changes, so that event loops don't fight for it.
func (u *unknown) touch() {
	if !u.changed.Load() {
		u.changed.Store(true)
	}
}

// top are the hashes that were asked for most.
func (u *unknown) top() []transfer.Unknown {
	var list []transfer.Unknown
	for i := range u.sets {
		set := &u.sets[i]
		set.mu.Lock()
		for _, p := range set.places {
			if p.asked > 0 {
				list = append(list, transfer.Unknown{InfoHash: p.hash, Asked: p.asked, Surplus: p.surplus, LastAt: time.Unix(p.at, 0).UTC()})
			}
		}
		set.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b transfer.Unknown) int {
		return cmp.Or(cmp.Compare(b.Asked, a.Asked), cmp.Compare(a.Surplus, b.Surplus), slices.Compare(a.InfoHash[:], b.InfoHash[:]))
	})
	return list[:min(len(list), transfer.MaxUnknown)]
}

// begin counts anew from an instant on.
func (u *unknown) begin(now time.Time) {
	u.since = now
	for i := range u.sets {
		set := &u.sets[i]
		set.mu.Lock()
		set.places = [unknownWays]unknownPlace{}
		set.mu.Unlock()
	}
}
