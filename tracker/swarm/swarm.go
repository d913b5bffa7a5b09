// Package swarm holds the peers of all torrents in memory. It finds out what an
// announce changes (bytes since the last one, seed time, a finished download),
// keeps the lists of seeders and leechers, and chooses whom a peer gets to know.
// It does no input or output and knows no clock: time comes with each call.
//
// A client is known by member, torrent and peer-id. Where the peer-id is new, a
// client of the same member with the same key is the same one, as long as its
// counters have not gone back: clients announce once for each address family, at
// times with two peer-ids (BEP 7). Each family's address expires by itself.
//
// A client that stopped, timed out or may not take part is unlisted: it is
// counted and handed out no more, but its counters are remembered for a while,
// so that a doubled stop or a late return is credited exactly.
//
// Concurrency: Swarms is safe for concurrent use. Torrents are spread over
// shards with a lock each; commit callbacks run under that lock, in the order in
// which the announces of a torrent take effect, and must not call back.
package swarm

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Config is how swarms behave. All fields must be positive.
type Config struct {
	Timeout   time.Duration // a client that was silent for this long is unlisted
	Forget    time.Duration // an unlisted client's counters are kept for this long
	SeedCap   time.Duration // most seed time between two announces
	NumWant   int           // peers in an answer: the default and the most
	PerMember int           // clients of one member in one torrent
	MaxRate   int64         // bytes a second that a client is credited at most
}

// Announce is what one announce says, already checked. At is its arrival.
type Announce struct {
	Torrent    core.TorrentID
	Member     core.MemberID
	PeerID     wire.PeerID
	Key        uint64        // 0 is none
	V4, V6     wire.Endpoint // where others can reach it; zero says nothing about that family
	Uploaded   int64
	Downloaded int64
	Left       int64
	Event      wire.Event
	NumWant    int  // or wire.NumWantUnset
	Over6      bool // it came over IPv6
	Hidden     bool // credit it, but don't list it and give it no peers
	At         time.Time
}

// Completion says whether an announce finished a download.
type Completion uint8

// The completions.
const (
	NoCompletion   Completion = iota
	Completed                 // this client went from left>0 to left=0
	MaybeCompleted            // it is seen for the first time, and is complete: the past decides
)

// Change is what an announce, or the lack of one, means for the books.
type Change struct {
	Member     core.MemberID
	Torrent    core.TorrentID
	Up, Down   core.Bytes    // since the client's last announce, as it tells them
	SeedTime   time.Duration // whole seconds, counted once for all clients of a member
	Left       core.Bytes    // the least of the member's listed clients, or what this one said
	Active     bool          // the member has a listed client
	Completion Completion
	Clamped    bool // Up or Down was more than any line carries and was cut
	At         time.Time
}

// Result is what the answer to an announce needs from the swarm.
type Result struct {
	Seeders, Leechers int
	Peers             []wire.Peer
	Clamped           bool
}

// Count is the size of one swarm.
type Count struct {
	Torrent           core.TorrentID
	Seeders, Leechers int
}

const shards = 64

// Swarms is all swarms of a tracker.
type Swarms struct {
	c      Config
	shards [shards]shard
}

// shard holds the torrents of one lock.
type shard struct {
	mu       sync.Mutex
	torrents map[core.TorrentID]*torrent
	changed  map[core.TorrentID]struct{} // whose counts have changed since TakeChanged
	listed   chain                       // by last announce
	unlisted chain                       // by the instant they were unlisted
	rng      *rand.Rand
	seeders  int
	leechers int
}

// New returns empty swarms.
func New(c Config) *Swarms {
	s := &Swarms{c: c}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.torrents = map[core.TorrentID]*torrent{}
		sh.changed = map[core.TorrentID]struct{}{}
		sh.rng = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // it chooses peers, not secrets
	}
	return s
}

func (s *Swarms) shard(id core.TorrentID) *shard { return &s.shards[uint64(id)%shards] }

// Announce takes one announce into account. It hands the change to commit before
// anything happens: when commit fails, nothing has happened and its error is
// returned. The chosen peers are appended to peers, which may be nil.
//
// A client over Config.PerMember is refused with code Conflict.
func (s *Swarms) Announce(a *Announce, peers []wire.Peer, commit func(Change) error) (Result, error) {
	sh := s.shard(a.Torrent)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.torrents[a.Torrent]
	p, others := t.find(a)
	if p == nil && a.Event == wire.Stopped {
		// It stopped already, or never started: nothing to do. It must
		// succeed all the same, as clients repeat it until it does.
		return t.result(peers, false), nil
	}
	if p == nil && !others.hasRoom(s.c.PerMember) {
		return Result{}, core.Errorf(core.Conflict,
			"you run %d clients on this torrent already, which is the most; stop one of them", s.c.PerMember)
	}
	change := s.judge(p, others, a)
	if err := commit(change); err != nil {
		return Result{}, err
	}
	if t == nil {
		t = &torrent{id: a.Torrent, members: map[core.MemberID]*member{}}
		sh.torrents[a.Torrent] = t
	}
	if p == nil {
		p = sh.add(t, a, s.c.PerMember)
	}
	s.apply(sh, p, a)
	if p.listed() && a.NumWant != 0 {
		peers = t.pick(sh.rng, p, s.want(a.NumWant), peers)
	}
	return t.result(peers, change.Clamped), nil
}

func (s *Swarms) want(n int) int {
	if n < 0 {
		return s.c.NumWant
	}
	return min(n, s.c.NumWant)
}

func (t *torrent) result(peers []wire.Peer, clamped bool) Result {
	if t == nil {
		return Result{Peers: peers}
	}
	return Result{Seeders: len(t.seeders), Leechers: len(t.leechers), Peers: peers, Clamped: clamped}
}

// judge finds what the announce of p means, without changing anything. p is nil
// for a client that is not known; m holds the member's clients, p among them, and
// may be nil.
func (s *Swarms) judge(p *peer, m *member, a *Announce) Change {
	c := Change{Member: a.Member, Torrent: a.Torrent, At: a.At, Left: core.Bytes(a.Left), Active: stays(a)}
	if m != nil {
		for _, other := range m.peers {
			if other == p || !other.listed() {
				continue
			}
			if left := core.Bytes(other.left); !c.Active || left < c.Left {
				c.Left = left
			}
			c.Active = true
		}
	}
	if p == nil {
		// Its counters may reach back to before we knew it: they are where
		// counting begins.
		if a.Left == 0 {
			c.Completion = MaybeCompleted
		}
		return c
	}
	if p.overtaken(a) {
		return c
	}
	if p.left > 0 && a.Left == 0 {
		c.Completion = Completed
	}
	if a.Uploaded >= p.up && a.Downloaded >= p.down { // else the client began anew: so does counting
		limit := s.limit(a.At.UnixMilli() - p.last)
		up, down := a.Uploaded-p.up, a.Downloaded-p.down
		c.Clamped = up > limit || down > limit
		c.Up, c.Down = core.Bytes(min(up, limit)), core.Bytes(min(down, limit))
	}
	if p.listed() && p.left == 0 {
		seconds := a.At.Unix() - max(p.last/1000, m.seeded)
		c.SeedTime = min(time.Duration(max(seconds, 0))*time.Second, s.c.SeedCap)
	}
	return c
}

// overtaken reports whether a is the same client's announce over its other
// address family, sent just before the one that arrived first: then its counters
// are a moment old, and not those of a client that began anew.
func (p *peer) overtaken(a *Announce) bool {
	const moment = 10_000 // milliseconds
	return a.Event != wire.Started && a.Over6 != p.over6 && a.At.UnixMilli()-p.last < moment &&
		(a.Uploaded < p.up || a.Downloaded < p.down)
}

// stays reports whether a client is listed after announcing a.
func stays(a *Announce) bool { return a.Event != wire.Stopped && !a.Hidden }

// limit is what a client can have transferred in so many milliseconds, with a
// second's grace. MaxRate and the time are both far from overflowing it.
func (s *Swarms) limit(elapsed int64) int64 {
	const longest = 366 * 24 * 3600
	return s.c.MaxRate * (min(max(elapsed, 0)/1000, longest) + 1)
}

// apply makes p what a says.
func (s *Swarms) apply(sh *shard, p *peer, a *Announce) {
	now := a.At.UnixMilli()
	if p.listed() && p.left == 0 {
		p.member.seeded = max(p.member.seeded, a.At.Unix())
	}
	p.id = a.PeerID
	if a.Key != 0 {
		p.key = a.Key
	}
	p.v4.refresh(a.V4, now, s.c.Timeout)
	p.v6.refresh(a.V6, now, s.c.Timeout)
	if !p.overtaken(a) {
		p.up, p.down, p.left = a.Uploaded, a.Downloaded, a.Left
	}
	p.last, p.over6 = now, a.Over6
	switch {
	case !stays(a):
		sh.unlist(p, now)
		sh.unlisted.remove(p) // it spoke, so it is remembered from now on
		p.off = now
		sh.unlisted.push(p)
	case p.listed() && p.seeder == (p.left == 0):
		sh.listed.remove(p)
		sh.listed.push(p)
	default:
		sh.unlist(p, now)
		sh.list(p)
	}
}

// Counts returns the size of one swarm.
func (s *Swarms) Counts(id core.TorrentID) Count {
	sh := s.shard(id)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	r := sh.torrents[id].result(nil, false)
	return Count{Torrent: id, Seeders: r.Seeders, Leechers: r.Leechers}
}

// TakeChanged appends the present counts of every swarm whose counts have
// changed since the last call.
func (s *Swarms) TakeChanged(counts []Count) []Count {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		for id := range sh.changed {
			r := sh.torrents[id].result(nil, false)
			counts = append(counts, Count{Torrent: id, Seeders: r.Seeders, Leechers: r.Leechers})
		}
		clear(sh.changed)
		sh.mu.Unlock()
	}
	return counts
}

// Totals is the size of everything.
type Totals struct{ Torrents, Seeders, Leechers, Unlisted int }

// Totals counts everything. Torrents are those with any client.
func (s *Swarms) Totals() Totals {
	var sum Totals
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sum.Torrents += len(sh.torrents)
		sum.Seeders += sh.seeders
		sum.Leechers += sh.leechers
		sum.Unlisted += sh.unlisted.len
		sh.mu.Unlock()
	}
	return sum
}
