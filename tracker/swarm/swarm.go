// Package swarm holds the peers of all torrents in memory. It finds out what an
// announce changes (bytes since the last one, seed time, a finished download), keeps
// the lists of seeders and leechers, and chooses the peers for an answer. It does no
// input or output and reads no clock: each call brings its time along.
//
// A client is identified by member, torrent and peer-id. If the peer-id is new, a
// client of the same member with the same key is taken for the same client, provided
// that its counters have not gone back; if there are several, the one that had
// counted most. Clients announce once for each address family, some of them with two
// peer-ids (BEP 7). The address of each family expires by itself.
//
// A client that is new or starts takes the place of the member's clients that are
// listed at one of its addresses: a port belongs to one program at a time. How much of
// what a client tells is credited is judged by the budgets of its member and torrent
// (tracker/README.md has the rules in words).
//
// A client that stopped, timed out or was barred is unlisted: it is no longer counted
// or given to others, but its counters are remembered for a while, so that a repeated
// stop or a late return is credited exactly. Its addresses are forgotten, because it
// may come back from elsewhere. A client that is barred at its first announce leaves
// no trace.
//
// A client that announces event=paused while it lacks something is a partial seed
// (BEP 21). It counts as a leecher, and is given to leechers after the seeders. Like
// a seeder it is given leechers only.
//
// Times are whole seconds. The memory layout holds a million clients in some 80 MB.
// Clients of 48 bytes lie in the chunks of an array without pointers, and a hash
// table of 4-byte cells finds them. The lists from which peers are chosen take 9
// bytes for an IPv4 address and its owner, and 21 bytes for IPv6. What few clients
// have, such as addresses of both families or a counter over 2^48, is kept in
// separate tables.
//
// Concurrency: Swarms is safe for concurrent use. Torrents are spread over shards
// with a lock each. Commit callbacks run under that lock, in the order in which the
// announces of a torrent take effect, and must call nothing of this package but
// Record. The accounts of members have locks of their own, which are held for a moment.
package swarm

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Config is how swarms behave. All fields but MinInterval must be positive.
type Config struct {
	Interval    time.Duration // in which the allowances for torrents and the grace come back
	Timeout     time.Duration // a client that was silent for this long is unlisted
	Forget      time.Duration // an unlisted client's counters are kept for this long
	SeedCap     time.Duration // the most seed time between two announces
	NumWant     int           // peers in an answer: the default and the maximum
	PerMember   int           // the most listed clients of one member in one torrent; twice as many are remembered
	MaxRate     int64         // bytes that a member's line carries in a second
	MinInterval time.Duration // a client that announces sooner of its own accord gets few peers
}

// Announce is what one announce says, already checked. At is its arrival.
type Announce struct {
	Torrent    core.TorrentID
	Member     core.MemberID // up to MaxUint32
	PeerID     wire.PeerID
	Key        uint64        // 0 is none; 32 bits of it are kept
	V4, V6     wire.Endpoint // where others can reach the client; zero says nothing about that family
	Private    wire.Endpoint // where the client is, if that must not be given to others
	Uploaded   int64         // this, the next and Left may be wire.Unknown; Swarms.Announce then sets them
	Downloaded int64
	Left       int64
	Event      wire.Event
	NumWant    int   // or wire.NumWantUnset
	Over6      bool  // it came over IPv6
	Bare       bool  // the answer needs no peer-ids: give only addresses of the client's own families, each as a peer of its own, which is faster
	NoLeech    bool  // the member may not download: a client that lacks something is credited and unlisted if it is known, else it leaves no trace
	Size       int64 // of the torrent, which limits the credit; 0 is unknown
	Slots      int   // how many torrents the member may download at once; 0 is any number
	At         time.Time

	barred  bool   // the client may not take part: of NoLeech, or because the member has no slot left
	private uint32 // a hash of Private; 0 is none
}

// partial reports whether the announce comes from a partial seed.
func (a *Announce) partial() bool { return a.Event == wire.Paused && a.Left > 0 }

// Completion says whether an announce finished a download.
type Completion uint8

// The completions.
const (
	NoCompletion   Completion = iota
	Completed                 // this client went from left>0 to left=0
	MaybeCompleted            // it is seen for the first time and is complete: whether it finished here is for the books to say
)

// Basis is what the transfer of a change was counted from.
type Basis uint8

// The bases.
const (
	Before    Basis = iota // the client's last announce
	Fresh                  // nothing: the client is seen for the first time
	Restarted              // nothing: its counters went back, as if the client was restarted
	Rebased                // the last announce, for the counter that went on; the other one went back
)

// Change is what an announce, or a client's silence, means for the books.
type Change struct {
	Member     core.MemberID
	Torrent    core.TorrentID
	Up, Down   core.Bytes // what counts of what was transferred since the client's last announce
	ToldUp     core.Bytes // transferred since then, as the client reports it
	ToldDown   core.Bytes
	SeedTime   time.Duration // whole seconds, counted once for all clients of a member
	Left       core.Bytes    // the smallest of the member's listed clients, or what this one reported
	Active     bool          // the member has a listed client
	Completion Completion
	Basis      Basis
	At         time.Time
}

// Cut reports whether more was told than can be.
func (c *Change) Cut() bool { return c.Up < c.ToldUp || c.Down < c.ToldDown }

// Result is what the answer to an announce needs from the swarm.
type Result struct {
	Seeders, Leechers int
	Peers             []wire.Peer
	Suspicion         Suspicion
	Silence           time.Duration // since the client's last announce, rounded up to whole seconds; 0 if it was not listed
	Barred            bool          // the client lacks something, and may not download
	NoSlot            bool          // because the member downloads as many torrents as they may
}

// Count is the size of one swarm.
type Count struct {
	Torrent           core.TorrentID
	Seeders, Leechers int
}

const shards = 64

// Swarms is all swarms of a tracker.
type Swarms struct {
	c         Config
	times     times
	downloads downloads
	accounts  accounts
	swept     int // which parts of the tables Reap has swept last
	shards    [shards]shard
}

// times are Config's times in whole seconds.
type times struct{ timeout, forget uint32 }

// New returns empty swarms.
func New(c Config) *Swarms {
	s := &Swarms{c: c, times: times{timeout: wholeSeconds(c.Timeout), forget: wholeSeconds(c.Forget)}}
	s.downloads.open()
	s.accounts.open(c)
	for i := range s.shards {
		s.shards[i].open(s.times, c.PerMember, c.NumWant)
		s.shards[i].downloads = &s.downloads
	}
	return s
}

func (s *Swarms) shard(id core.TorrentID) *shard { return &s.shards[uint64(id)%shards] }

// longest is the longest time for which clients are kept, in seconds: two years.
const longest = 1 << 26

// wholeSeconds rounds up, so that nothing happens too early.
func wholeSeconds(d time.Duration) uint32 {
	return uint32(min((d+time.Second-1)/time.Second, longest))
}

// micros returns an instant in Unix microseconds.
func micros(t time.Time) int64 { return max(t.UnixMicro(), 0) }

// unix returns an instant in Unix seconds. They reach to the year 2104.
func unix(t time.Time) uint32 { return uint32(min(max(t.Unix(), 0), never-1-longest)) }

// Counts returns the size of a swarm.
func (s *Swarms) Counts(id core.TorrentID) Count {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.count(id)
}

// TakeChanged appends the current size of every swarm whose size has changed since
// the last call.
func (s *Swarms) TakeChanged(counts []Count) []Count {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for id := range sh.changed {
			counts = append(counts, sh.count(id))
			if t, ok := sh.byID[id]; ok {
				sh.torrents[t].changed = false
			}
		}
		clear(sh.changed)
		sh.mu.Unlock()
	}
	return counts
}

// Totals are sums over all swarms.
type Totals struct {
	Torrents                    int // with any client
	Seeders, Leechers, Unlisted int // clients
}

// Totals counts torrents and clients.
func (s *Swarms) Totals() Totals {
	var sum Totals
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sum.Torrents += len(sh.byID)
		sum.Seeders += sh.listed[seeding]
		leechers := sh.listed[leeching] + sh.listed[partial]
		sum.Leechers += leechers
		sum.Unlisted += sh.slab.live - sh.listed[seeding] - leechers
		sh.mu.Unlock()
	}
	return sum
}

// Addresses counts the addresses that are given to others.
func (s *Swarms) Addresses() (v4, v6 int) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		v4, v6 = v4+sh.listed4, v6+sh.listed6
		sh.mu.Unlock()
	}
	return v4, v6
}
