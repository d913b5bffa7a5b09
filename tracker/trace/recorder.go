package trace

import (
	"sync"
	"sync/atomic"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Announce is the record of one announce. It has no pointers, so that the garbage
// collector skips the records that wait.
type Announce struct {
	Member               core.MemberID
	Torrent              core.TorrentID // 0 if it is unknown
	At                   int64          // Unix seconds
	PeerID               wire.PeerID
	From                 wire.Endpoint // the address that is given to others; zero if it is not public
	Up, Down             int64         // transferred since the last announce, as the client tells it
	UpCounts, DownCounts int64         // how much of that is credited
	Left                 int64
	Event                wire.Event
	Over6                bool
	Leech                Leech
	Outcome              Outcome
	Reason               uint8 // with Refused: an index of Options.Refusals
}

// Outcome is what came of an announce.
type Outcome uint8

// The outcomes. Nothing is an announce that changed nothing, such as a second stop; it
// is not recorded.
const (
	Nothing Outcome = iota
	Counted
	First
	Restarted
	Rebased
	Clamped
	Refused
)

// Leech is a core.Leech in one byte.
type Leech uint8

var leeches = [...]core.Leech{core.LeechNormal, core.LeechNeutral, core.LeechFree}

// LeechOf packs a leech state.
func LeechOf(l core.Leech) Leech {
	switch l {
	case core.LeechNeutral:
		return 1
	case core.LeechFree:
		return 2
	default:
		return 0
	}
}

const (
	shards   = 64
	perShard = 256
	// MaxWaiting is how many records can wait for the database. Further announces
	// before the next flush are not recorded.
	MaxWaiting = shards * perShard
)

// recorder merges announces between two flushes. It keeps at most two entries for each
// member and torrent, and for the refusals of each member.
type recorder struct {
	dropped atomic.Int64
	shards  [shards]recorderShard
}

type recorderShard struct {
	mu      sync.Mutex
	n       int
	index   [2 * perShard]uint16 // 1 + an index of entries, by hash; 0 is none
	entries [perShard]entry
}

// entry is a sequence of announces with the same outcome.
type entry struct {
	Announce
	announces uint32
	families  uint8
	other     uint16 // 1 + the index of the entry with another outcome; 0 is none
}

const (
	over4 = 1 << iota
	over6
)

// ring is the torrent under which an announce is kept: each member has a ring for each
// torrent, and ring 0 for refusals.
func (a *Announce) ring() core.TorrentID {
	if a.Outcome == Refused {
		return 0
	}
	return a.Torrent
}

func hash(m core.MemberID, t core.TorrentID) uint64 {
	h := uint64(m)*0x9E3779B97F4A7C15 ^ uint64(t)*0xC2B2AE3D27D4EB4F
	h ^= h >> 32
	h *= 0xD6E8FEB86659FD93
	return h ^ h>>32
}

// note records an announce. It does not allocate and does not wait.
func (r *recorder) note(a *Announce) {
	ring := a.ring()
	h := hash(a.Member, ring)
	sh := &r.shards[h%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	cell := (h >> 8) % uint64(len(sh.index))
	for ; sh.index[cell] != 0; cell = (cell + 1) % uint64(len(sh.index)) {
		e := &sh.entries[sh.index[cell]-1]
		if e.Member != a.Member || e.ring() != ring {
			continue
		}
		if !e.alike(a) {
			if e.other == 0 {
				if e.other = sh.add(a); e.other == 0 {
					r.dropped.Add(1)
				}
				return
			}
			e = &sh.entries[e.other-1]
		}
		e.merge(a)
		return
	}
	if sh.index[cell] = sh.add(a); sh.index[cell] == 0 {
		r.dropped.Add(1)
	}
}

// alike reports whether a has the same outcome as the entry.
func (e *entry) alike(a *Announce) bool { return e.Outcome == a.Outcome && e.Reason == a.Reason }

// add adds an entry and returns 1 + its index, 0 if there is no room.
func (sh *recorderShard) add(a *Announce) uint16 {
	if sh.n == perShard {
		return 0
	}
	sh.entries[sh.n] = entry{Announce: *a, announces: 1, families: a.family()}
	sh.n++
	return uint16(sh.n)
}

func (a *Announce) family() uint8 {
	if a.Over6 {
		return over6
	}
	return over4
}

// merge adds a as the last announce of the entry.
func (e *entry) merge(a *Announce) {
	before := e.Announce
	e.Announce = *a
	e.Outcome = max(before.Outcome, a.Outcome) // what was cut must be explained
	e.Up, e.Down = add(before.Up, a.Up), add(before.Down, a.Down)
	e.UpCounts, e.DownCounts = add(before.UpCounts, a.UpCounts), add(before.DownCounts, a.DownCounts)
	if a.Event == wire.None {
		e.Event = before.Event
	}
	if a.From.IsZero() {
		e.From = before.From
	}
	e.announces++
	e.families |= a.family()
}

// add adds amounts that are not negative. A sum that does not fit becomes the largest
// number.
func add(a, b int64) int64 {
	if s := a + b; s >= 0 {
		return s
	}
	return 1<<63 - 1
}

// take moves the entries of a shard to out.
func (r *recorder) take(shard int, out []entry) []entry {
	sh := &r.shards[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.n > 0 {
		out = append(out, sh.entries[:sh.n]...)
		sh.n = 0
		clear(sh.index[:])
	}
	return out
}
