package swarm

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// step is one step of a history. A step does not depend on others, so that any of
// them can be left out.
type step struct {
	op       op
	announce Announce
	fails    bool // commit fails
	at       time.Time
	torrent  core.TorrentID
	member   core.MemberID
	id       wire.PeerID // of the client to hide
}

type op uint8

const (
	opAnnounce op = iota
	opReap
	opHide
	opHideClient
	opDrop
	opChanged
	opRestart
)

func (s step) String() string {
	switch s.op {
	case opAnnounce:
		a := s.announce
		return fmt.Sprintf("announce t%d m%d %q key=%d v4=%v v6=%v up=%d down=%d left=%d event=%d want=%d over6=%v noleech=%v bare=%v size=%d slots=%d private=%v fails=%v at=%v",
			a.Torrent, a.Member, a.PeerID[8:], a.Key, a.V4.AddrPort(), a.V6.AddrPort(), a.Uploaded, a.Downloaded, a.Left,
			a.Event, a.NumWant, a.Over6, a.NoLeech, a.Bare, a.Size, a.Slots, a.Private.AddrPort(), s.fails, s.at.Sub(epoch))
	default:
		return fmt.Sprintf("op %d t%d m%d %q at=%v", s.op, s.torrent, s.member, s.id[8:], s.at.Sub(epoch))
	}
}

// simClient is the state of a client in the course of a history.
type simClient struct {
	up, down, left, size int64
	version              int // of its peer-id
	key                  uint64
	port                 uint16
}

// generator makes up a history. choose(n) returns a number below n.
type generator struct {
	choose  func(n int) int
	now     time.Time
	members int
	clients map[[3]int]*simClient
}

func newGenerator(members int, choose func(n int) int) *generator {
	return &generator{choose: choose, now: epoch, members: members, clients: map[[3]int]*simClient{}}
}

// torrentIDs are all in the same shard, except one.
var torrentIDs = [...]core.TorrentID{1, 2, 1 + shards, 1 + 2*shards}

func (g *generator) step() step {
	switch n := g.choose(1000); {
	case n < 2: // the very second of a time-out
		g.now = g.now.Add([...]time.Duration{historyConfig().Timeout, historyConfig().Forget}[g.choose(2)])
	case n < 5:
		g.now = g.now.Add(time.Duration(g.choose(8*3600)) * time.Second)
	case n < 50:
		g.now = g.now.Add(time.Duration(g.choose(3600)) * time.Second)
	case n < 600:
		g.now = g.now.Add(time.Duration(g.choose(20_000)) * time.Millisecond)
	}
	s := step{at: g.now, torrent: torrentIDs[g.choose(len(torrentIDs))], member: core.MemberID(1 + g.choose(g.members))}
	switch n := g.choose(1000); {
	case n < 15:
		s.op = opReap
	case n < 17:
		s.op = opHide
	case n < 18:
		s.op, s.id = opHideClient, g.peerID(s, int(s.at.Unix())%3)
	case n < 19:
		s.op = opDrop
	case n < 25:
		s.op = opChanged
	case n < 26:
		s.op = opRestart
	default:
		s.fails = n < 40
		s.announce = g.announce(s)
	}
	return s
}

func (g *generator) announce(s step) Announce {
	client := min(g.choose(8), g.choose(8))
	at := [3]int{int(s.torrent), int(s.member), client}
	c := g.clients[at]
	if c == nil {
		size := 1 + int64(g.choose(1<<30))
		c = &simClient{size: size, left: size * int64(g.choose(2)), key: uint64(g.choose(3)) * uint64(1+s.member), port: 1}
		g.clients[at] = c
	}
	g.advance(c)
	a := Announce{
		Torrent: s.torrent, Member: s.member, Key: c.key, Uploaded: c.up, Downloaded: c.down, Left: c.left,
		NumWant: [...]int{wire.NumWantUnset, wire.NumWantUnset, 0, 1, 3, 1 << 30}[g.choose(6)],
		Event:   [...]wire.Event{wire.None, wire.None, wire.None, wire.None, wire.Started, wire.Stopped, wire.Completed, wire.Paused}[g.choose(8)],
		NoLeech: g.choose(20) == 0, Bare: g.choose(3) == 0, At: s.at,
		Size: [...]int64{0, 1000, 1 << 20, 1 << 40}[g.choose(4)], Slots: [...]int{0, 0, 1, 2, 3}[g.choose(5)],
	}
	a.PeerID = g.peerID(s, client)
	place := byte(client)
	if g.choose(8) == 0 {
		place = 0 // several clients of the member, one after the other
	}
	ip := [16]byte{0x20, 1, 10: byte(s.torrent), byte(s.member >> 8), byte(s.member), place}
	four := wire.EndpointOf(netip.AddrFrom4([4]byte{byte(100 + s.torrent%64), byte(s.member >> 8), byte(s.member), place}), c.port)
	six := wire.EndpointOf(netip.AddrFrom16(ip), c.port)
	switch g.choose(10) {
	case 0:
		a.V6, a.Over6 = six, true
	case 1:
		a.V4, a.V6 = four, six
	case 2:
		a.Over6 = g.choose(2) == 0
	default:
		if client%2 == 1 {
			a.V6, a.Over6 = six, true
		} else {
			a.V4 = four
		}
	}
	if g.choose(12) == 0 { // where it is must not be given to others
		a.Private, a.V4, a.V6 = four, wire.Endpoint{}, wire.Endpoint{}
	}
	for _, counter := range []*int64{&a.Uploaded, &a.Downloaded, &a.Left} {
		if g.choose(40) == 0 {
			*counter = wire.Unknown
		}
	}
	return a
}

// peerID is what a client of the step's member and torrent calls itself now.
func (g *generator) peerID(s step, client int) (id wire.PeerID) {
	version := 0
	if c := g.clients[[3]int{int(s.torrent), int(s.member), client}]; c != nil {
		version = c.version
	}
	copy(id[:], fmt.Sprintf("-TR3000-%02d%04d%02d%04d", s.torrent%100, s.member, client, version))
	return id
}

// advance lets a client do what clients do between announces.
func (g *generator) advance(c *simClient) {
	switch n := g.choose(100); {
	case n < 50:
		c.up = saturate(c.up, int64(g.choose(1<<30)))
		d := min(int64(g.choose(1<<30)), c.left)
		c.down, c.left = saturate(c.down, d), c.left-d
	case n < 55: // done
		c.down, c.left = saturate(c.down, c.left), 0
	case n < 57: // much, again and again
		c.up, c.down = saturate(c.up, int64(g.choose(1<<20))<<uint(g.choose(20))), saturate(c.down, int64(g.choose(1<<27)))
	case n < 60: // a re-check
		c.left = int64(g.choose(1 << 30))
	case n < 64: // another session
		c.up, c.down, c.version = 0, 0, c.version+1
	case n < 67:
		c.up, c.down = 0, c.down/2
	case n < 69: // pieces that failed their check
		c.down = max(c.down-int64(g.choose(1<<20)), 0)
		c.up = saturate(c.up, int64(g.choose(1<<20)))
	case n < 70: // its other family's announce overtakes it
		c.up = max(c.up-int64(g.choose(1000)), 0)
	case n < 72:
		c.version++
	case n < 74:
		c.key = uint64(g.choose(4))
	case n < 76:
		c.port = uint16(1 + g.choose(65535))
	case n < 78: // absurd
		c.up = saturate(c.up, int64(1)<<uint(g.choose(63)))
	case n < 79:
		c.down = math.MaxInt64
	case n < 80:
		c.left = c.size + 1 + int64(g.choose(1<<30))
	case n < 81:
		c.left = math.MaxInt64
	case n < 82:
		c.up, c.down = 0, 0
	}
}

func saturate(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func historyConfig() Config {
	return Config{Timeout: 75 * time.Minute, Forget: 6 * time.Hour, SeedCap: time.Hour, NumWant: 12, PerMember: 3, MaxRate: 1_234_567,
		Interval: 30 * time.Minute, MinInterval: 5 * time.Minute}
}

// comparison plays a history to the swarms and to the model.
type comparison struct {
	c     Config
	real  *Swarms
	model *model
	peers []wire.Peer
}

func newComparison() *comparison {
	c := historyConfig()
	return &comparison{c: c, real: newSteady(c), model: newModel(c)}
}

// newSteady is New with fixed random numbers: a history that has failed must fail
// again, and the fuzzer must not take chance for new coverage.
func newSteady(c Config) *Swarms {
	s := New(c)
	for i := range s.shards {
		s.shards[i].rng.Seed(1, uint64(i))
	}
	return s
}

// play plays one step and returns an error if the two differ.
func (st *comparison) play(s step) error {
	var got []Change
	gone := func(c Change) { got = append(got, c) }
	switch s.op {
	case opAnnounce:
		if err := st.announce(s); err != nil {
			return err
		}
	case opReap:
		st.real.Reap(s.at, gone)
		if err := sameChanges(got, st.model.reap(s.at.Unix())); err != nil {
			return err
		}
	case opHide:
		ids := []core.MemberID{s.member, s.member + 1, s.member + 2}[:1+s.at.Unix()%3]
		st.real.HideMembers(ids, s.at, gone)
		if err := sameChanges(got, st.model.hide(ids, s.at.Unix())); err != nil {
			return err
		}
	case opHideClient:
		st.real.HideClient(s.torrent, s.member, s.id, s.at, gone)
		if err := sameChanges(got, st.model.hideClient(modelMember{s.torrent, s.member}, s.id, s.at.Unix())); err != nil {
			return err
		}
	case opDrop:
		st.real.Drop(s.torrent, s.at, gone)
		if err := sameChanges(got, st.model.drop(s.torrent, s.at.Unix())); err != nil {
			return err
		}
	case opRestart:
		if err := st.restart(); err != nil {
			return err
		}
	case opChanged:
		if err := st.changed(); err != nil {
			return err
		}
	}
	for _, id := range torrentIDs {
		if got, want := st.real.Counts(id), st.model.count(id); got != want {
			return fmt.Errorf("counts %+v, want %+v", got, want)
		}
	}
	if got, want := st.real.Totals(), st.model.totals(); got != want {
		return fmt.Errorf("totals %+v, want %+v", got, want)
	}
	got4, got6 := st.real.Addresses()
	if want4, want6 := st.model.addresses(); got4 != want4 || got6 != want6 {
		return fmt.Errorf("addresses %d, %d, want %d, %d", got4, got6, want4, want6)
	}
	return nil
}

func (st *comparison) announce(s step) error {
	a := s.announce
	var got *Change
	full := errors.New("full")
	r, err := st.real.Announce(&a, st.peers[:0], func(c Change) error {
		got = &c
		if s.fails {
			return full
		}
		return nil
	})
	want := st.model.announce(&s.announce, !s.fails)
	if (err != nil) != want.refused || errors.Is(err, full) != (want.refused && want.change != nil) {
		return fmt.Errorf("error %w, want one: %v", err, want.refused)
	}
	if (got == nil) != (want.change == nil) || got != nil && *got != *want.change {
		return fmt.Errorf("change\n got %+v\nwant %+v", got, want.change)
	}
	if want.refused {
		return nil
	}
	n := st.model.count(a.Torrent)
	if r.Seeders != n.Seeders || r.Leechers != n.Leechers {
		return fmt.Errorf("result %+v, want %+v", r, n)
	}
	if r.Suspicion != want.why || r.Silence != want.silence || r.Barred != want.barred || r.NoSlot != want.noSlot {
		return fmt.Errorf("result %+v, want %+v", r, want)
	}
	st.peers = r.Peers
	return st.model.checkPeers(&s.announce, want, r.Peers)
}

// restart moves the swarms into new ones through a snapshot.
func (st *comparison) restart() error {
	var file bytes.Buffer
	if err := st.real.Snapshot(&file, nil); err != nil {
		return err
	}
	st.real = newSteady(st.c)
	clear(st.model.lacking)
	for id, clients := range st.model.torrents {
		st.model.changed[id] = true
		for _, c := range clients {
			c.micro = c.last * 1_000_000 // no fractions of seconds are saved
		}
	}
	for mm := range st.model.used {
		if len(st.model.clientsOf(mm)) == 0 {
			delete(st.model.used, mm)
		}
	}
	for id := range st.model.changed {
		if len(st.model.torrents[id]) == 0 {
			delete(st.model.changed, id) // the new ones never knew it
		}
	}
	_, err := st.real.Restore(&file)
	return err
}

func (st *comparison) changed() error {
	var want []Count
	for id := range st.model.changed {
		want = append(want, st.model.count(id))
	}
	clear(st.model.changed)
	got := st.real.TakeChanged(nil)
	byTorrent := func(a, b Count) int { return cmp.Compare(a.Torrent, b.Torrent) }
	slices.SortFunc(got, byTorrent)
	slices.SortFunc(want, byTorrent)
	if !slices.Equal(got, want) {
		return fmt.Errorf("changed %+v, want %+v", got, want)
	}
	return nil
}

// sameChanges compares the changes of clients that are gone. The changes of one member
// in a torrent have an order; those of different members have none.
func sameChanges(got, want []Change) error {
	order := func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Torrent, b.Torrent), cmp.Compare(a.Member, b.Member))
	}
	slices.SortStableFunc(got, order)
	slices.SortStableFunc(want, order)
	if !slices.Equal(got, want) {
		return fmt.Errorf("gone\n got %+v\nwant %+v", got, want)
	}
	return nil
}

// playAll plays steps until the two differ; n is how many were played.
func playAll(steps []step) (n int, err error) {
	st := newComparison()
	for i, s := range steps {
		if err := st.play(s); err != nil {
			return i + 1, err
		}
	}
	return len(steps), nil
}

// shrink removes steps as long as the two still differ.
func shrink(steps []step) []step {
	for size := len(steps) / 2; size > 0; {
		smaller := false
		for at := 0; at+size <= len(steps); {
			fewer := slices.Concat(steps[:at], steps[at+size:])
			if n, err := playAll(fewer); err != nil {
				steps, smaller = fewer[:n], true
			} else {
				at += size
			}
		}
		if !smaller {
			size /= 2
		}
	}
	return steps
}

func explain(t *testing.T, steps []step) {
	t.Helper()
	steps = shrink(steps)
	_, err := playAll(steps)
	var text strings.Builder
	for _, s := range steps {
		fmt.Fprintln(&text, s)
	}
	t.Fatalf("shrunk to %d steps:\n%s%v", len(steps), text.String(), err)
}

// TestHistories plays random histories, some hundred thousand steps in all.
func TestHistories(t *testing.T) {
	t.Parallel()
	histories, length := 30, 10_000
	if testing.Short() {
		histories = 6
	}
	for i := range histories {
		seed := rand.Uint64()
		if i == 0 {
			seed = 1 // one that is the same each time
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		g := newGenerator([...]int{2, 8, 40}[i%3], rng.IntN)
		steps := make([]step, 0, length)
		st := newComparison()
		for range length {
			steps = append(steps, g.step())
			if err := st.play(steps[len(steps)-1]); err != nil {
				t.Errorf("seed %d, members %d: step %d: %v", seed, g.members, len(steps), err)
				explain(t, steps)
			}
		}
	}
}

// FuzzHistories lets the fuzzer write histories: each choice is two bytes.
func FuzzHistories(f *testing.F) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, 1500)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bytes.NewReader(data[:min(len(data), 1<<13)])
		g := newGenerator(6, func(n int) int {
			var b [2]byte
			if _, err := in.Read(b[:]); err != nil {
				return 0
			}
			return int(uint64(binary.LittleEndian.Uint16(b[:])) * uint64(n) >> 16)
		})
		var steps []step
		for in.Len() > 0 {
			steps = append(steps, g.step())
		}
		if _, err := playAll(steps); err != nil {
			explain(t, steps)
		}
	})
}
