package swarm

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// journal is what a run of the swarms has recorded.
type journal struct {
	s       *Swarms
	records []journaled
}

type journaled struct {
	torrent core.TorrentID
	record  []byte
}

func (j *journal) note(c Change) {
	j.records = append(j.records, journaled{c.Torrent, bytes.Clone(j.s.Record(c.Torrent))})
}

// play plays a step to the swarms, without the model.
func (j *journal) play(s step) {
	switch s.op {
	case opAnnounce:
		a := s.announce
		_, _ = j.s.Announce(&a, nil, func(c Change) error {
			if s.fails {
				return errRecord
			}
			j.note(c)
			return nil
		})
	case opReap:
		j.s.Reap(s.at, j.note)
	case opHide:
		j.s.HideMembers([]core.MemberID{s.member}, s.at, j.note)
	case opHideClient:
		j.s.HideClient(s.torrent, s.member, s.id, s.at, j.note)
	}
}

// replayed returns the swarms after a restart from a snapshot and the journal.
func (j *journal) replayed(tb testing.TB, c Config, snapshot []byte) *Swarms {
	tb.Helper()
	s := New(c)
	var p Positions
	if snapshot != nil {
		var err error
		if p, err = s.Restore(bytes.NewReader(snapshot)); err != nil {
			tb.Fatal(err)
		}
	}
	for i, r := range j.records {
		if uint64(i+1) <= p.Of(r.torrent) {
			continue
		}
		if err := s.Replay(r.record); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

// dump lists all clients, each in a line, without anything that depends on its slot.
func dump(s *Swarms) []string {
	var out []string
	for i := range s.shards {
		st := &s.shards[i].state
		seeded := map[[2]uint32]uint32{}
		var clients []slot
		for at := slot(1); uint32(at) < st.slab.used; at++ {
			c := st.slab.at(at)
			if !c.live() {
				continue
			}
			clients = append(clients, at)
			if c.extra() { // any of the member's clients may keep it
				who := [2]uint32{c.torrentIndex(), c.member}
				seeded[who] = max(seeded[who], st.seededBy(c))
			}
		}
		for _, at := range clients {
			c, report := st.slab.at(at), st.reported(at)
			off := uint32(0)
			if !c.listed() {
				off = st.off(at)
			}
			mark := seeded[[2]uint32{c.torrentIndex(), c.member}]
			if mark <= st.last(at, c) {
				mark = 0 // it bounds no seed time of this client
			}
			out = append(out, fmt.Sprintf("t%d m%d %x key=%d %d/%d/%d listed=%v over6=%v last=%d off=%d %+v seeded=%d", st.torrents[c.torrentIndex()].id, c.member,
				report.id, c.key, report.up, report.down, report.left, c.listed(), c.over6(), st.last(at, c), off, st.addresses(at, c), mark))
		}
	}
	slices.Sort(out)
	return out
}

// debts lists the allowances that are not whole at an instant, each in a line.
func debts(s *Swarms, at time.Time) []string {
	var out []string
	now := micros(at)
	for i := range s.accounts.shards {
		for m, a := range s.accounts.shards[i].of {
			for d := range directions {
				if line, grace := s.accounts.line.owed(a.line[d], now), s.accounts.grace.owed(a.grace[d], now); line > 0 || grace > 0 {
					out = append(out, fmt.Sprintf("m%d direction %d: line %d grace %d", m, d, line, grace))
				}
			}
		}
	}
	for i := range s.shards {
		for p, u := range s.shards[i].used {
			for d := range directions {
				if owed := s.accounts.grace.owed(u[d], now); owed > 0 {
					out = append(out, fmt.Sprintf("t%d m%d direction %d: %d", p.torrent, p.member, d, owed))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "nothing", "nothing"
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if cmp.Compare(g, w) != 0 {
			return fmt.Sprintf("%d and %d clients; the first that differ\n got %s\nwant %s", len(got), len(want), g, w)
		}
	}
	return ""
}

// TestReplayHistories plays random histories and takes a snapshot at a random moment. It
// wants the same swarms from the journal alone and from snapshot and journal.
func TestReplayHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		rng := rand.New(rand.NewPCG(seed, 77))
		w := newGenerator(1+rng.IntN(12), rng.IntN)
		j := &journal{s: New(historyConfig())}
		steps := 200 + rng.IntN(1500)
		cut := rng.IntN(steps)
		var file bytes.Buffer
		for n := range steps {
			if n == cut {
				if err := j.s.Snapshot(&file, func() uint64 { return uint64(len(j.records)) }); err != nil {
					t.Fatal(err)
				}
			}
			j.play(w.step())
		}
		j.s.Reap(w.now, j.note)
		want := dump(j.s)
		for _, snapshot := range [][]byte{nil, file.Bytes()} {
			s := j.replayed(t, historyConfig(), snapshot)
			s.Reap(w.now, func(c Change) { t.Errorf("seed %d: reaped %+v, which the journal says", seed, c) })
			if diff := firstDifference(dump(s), want); diff != "" {
				t.Fatalf("seed %d, snapshot %v: %s", seed, snapshot != nil, diff)
			}
			if diff := firstDifference(debts(s, w.now), debts(j.s, w.now)); diff != "" {
				t.Fatalf("seed %d, snapshot %v: budgets: %s", seed, snapshot != nil, diff)
			}
			if len(s.TakeChanged(nil)) != len(s.names()) {
				t.Errorf("seed %d: not all torrents count as changed", seed)
			}
		}
		// With other settings the counters, on which credit depends, are the same.
		c := historyConfig()
		c.PerMember, c.MaxRate, c.NumWant, c.Timeout = 1, 1, 1, 2*c.Timeout
		if got := j.replayed(t, c, file.Bytes()); got.Totals().Seeders+got.Totals().Leechers != j.s.Totals().Seeders+j.s.Totals().Leechers {
			t.Errorf("seed %d: with other settings %+v, want %+v", seed, got.Totals(), j.s.Totals())
		}
	}
}

func (s *Swarms) names() map[core.TorrentID]bool {
	out := map[core.TorrentID]bool{}
	for i := range s.shards {
		for id := range s.shards[i].byID {
			out[id] = true
		}
	}
	return out
}

func TestKeep(t *testing.T) {
	t.Parallel()
	j := &journal{s: New(historyConfig())}
	for n := range 20 {
		a := usual(1+n%4, int64(n%2))
		a.Torrent, a.At = core.TorrentID(1+n%5), epoch
		a.PeerID[19] = byte(n)
		j.play(step{announce: a})
	}
	var gone []Change
	j.s.Keep(epoch.Add(time.Minute), func(id core.TorrentID) bool { return id != 2 }, func(id core.MemberID) bool { return id != 3 },
		func(c Change) { gone = append(gone, c); j.note(c) })
	if len(gone) != 4+4 || j.s.Counts(2) != (Count{Torrent: 2}) {
		t.Errorf("%d clients are gone: %+v", len(gone), gone)
	}
	for _, c := range gone {
		if c.Torrent != 2 && c.Member != 3 {
			t.Errorf("%+v may stay", c)
		}
	}
	if n := j.s.Totals(); n.Seeders+n.Leechers != 12 {
		t.Errorf("%+v are left", n)
	}
}

// TestReplayNonsense replays damaged records, which must do no harm.
func TestReplayNonsense(t *testing.T) {
	t.Parallel()
	j := &journal{s: New(historyConfig())}
	w := newGenerator(20, rand.New(rand.NewPCG(5, 5)).IntN)
	for range 1000 {
		j.play(w.step())
	}
	rng := rand.New(rand.NewPCG(6, 6))
	s := New(historyConfig())
	taken := 0
	for range 20_000 {
		rec := bytes.Clone(j.records[rng.IntN(len(j.records))].record)
		if rng.IntN(2) == 0 {
			rec = rec[:rng.IntN(len(rec))]
		} else {
			rec[rng.IntN(len(rec))] = byte(rng.Uint32())
		}
		if s.Replay(rec) == nil {
			taken++
		}
	}
	if taken == 0 || s.Replay(nil) == nil || s.Replay([]byte{9}) == nil {
		t.Errorf("%d were taken", taken)
	}
	s.Reap(time.Unix(1<<33, 0), func(Change) {})
	if n := s.Totals(); n.Seeders+n.Leechers > 0 {
		t.Errorf("%+v can't be got rid of", n)
	}
}

func BenchmarkReplay(b *testing.B) {
	s := New(testConfig())
	rng := rand.New(rand.NewPCG(7, 9))
	var records [][]byte
	for i := range 100_000 {
		a := inhabitant(rng, i, 100_000)
		a.NumWant = 0
		if _, err := s.Announce(&a, nil, func(c Change) error {
			records = append(records, bytes.Clone(s.Record(c.Torrent)))
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Replay(records[n%len(records)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}
