package trace

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// ringCounters is how many counters say which place of a ring is next. Rings with the
// same hash share a counter: such a ring skips a place now and then, and so keeps fewer
// records.
const ringCounters = 1 << 18

// writeAt is how many records are written together.
const writeAt = 750

// maxUnreached limits the records that wait for the result of a port check.
const maxUnreached = 4096

// flusher writes the entries of the recorder. It belongs to one goroutine.
type flusher struct {
	o         *Options
	recorder  *recorder
	ports     *ports
	next      []uint8
	entries   []entry
	unwritten []transfer.Record
	unreached map[wire.Endpoint][]transfer.Reached
	waiting   int // in unreached
}

func newFlusher(o *Options, r *recorder) *flusher {
	f := &flusher{o: o, recorder: r, ports: newPorts(o.Reachable), unreached: map[wire.Endpoint][]transfer.Reached{}}
	if o.Keep > 0 {
		f.next = make([]uint8, ringCounters)
	}
	return f
}

// run writes the waiting entries, a part at a time. If a part can't be written, the next
// call tries it again; the rest stays in the recorder.
func (f *flusher) run(ctx context.Context) error {
	if f.o.Keep == 0 {
		return nil
	}
	for shard := range shards {
		if len(f.unwritten) < writeAt {
			f.entries = f.recorder.take(shard, f.entries[:0])
			for i := range f.entries {
				f.unwritten = append(f.unwritten, f.record(&f.entries[i]))
			}
		}
		if len(f.unwritten) >= writeAt || shard == shards-1 {
			if err := f.o.Store.Write(ctx, f.unwritten); err != nil {
				return err
			}
			f.unwritten = f.unwritten[:0]
		}
	}
	return f.reached(ctx)
}

// record makes a record of an entry and gives it a slot.
func (f *flusher) record(e *entry) transfer.Record {
	r := transfer.Record{
		Member: e.Member, Torrent: e.Torrent, At: time.Unix(e.At, 0).UTC(), Announces: int(e.announces), Event: events[e.Event], Client: client.Name(e.PeerID),
		V4: e.families&over4 != 0, V6: e.families&over6 != 0, Public: !e.From.IsZero(),
		Announced: transfer.Amount{Up: core.Bytes(e.Up), Down: core.Bytes(e.Down)},
		Credited:  transfer.Amount{Up: core.Bytes(e.UpCounts), Down: core.Bytes(e.DownCounts)},
		Left:      core.Bytes(e.Left), Leech: leeches[e.Leech], Outcome: outcomes[e.Outcome],
		Slot: f.slot(e),
	}
	if e.Outcome == Refused {
		r.Outcome = transfer.Outcome(f.o.Refusals[e.Reason])
		r.V4, r.V6 = false, false // they may not have been known when it was refused
		return r
	}
	f.look(e, &r)
	return r
}

var (
	events   = [...]string{wire.None: "", wire.Started: "started", wire.Stopped: "stopped", wire.Completed: "completed", wire.Paused: "paused"}
	outcomes = [...]transfer.Outcome{Counted: transfer.Counted, First: transfer.First, Restarted: transfer.Restarted, Rebased: transfer.Rebased, Clamped: transfer.Clamped, Refused: ""}
)

// slot returns the next place in the ring of an entry.
func (f *flusher) slot(e *entry) transfer.Slot {
	ring, size := e.ring(), f.o.Keep
	if ring == 0 {
		size *= 2
	}
	counter := &f.next[hash(e.Member, ring)%ringCounters]
	*counter = uint8((int(*counter) + 1) % size)
	return transfer.Slot{Ring: ring, Place: int(*counter)}
}

// look sets whether others can reach the client. If that is not known yet, the record
// is completed later.
func (f *flusher) look(e *entry, r *transfer.Record) {
	if !f.o.CheckPorts || e.Event == wire.Stopped {
		return
	}
	reach, waiting := f.ports.look(e.From, e.At)
	r.Reach = reach
	if waiting && f.waiting < maxUnreached {
		f.unreached[e.From] = append(f.unreached[e.From], transfer.Reached{Member: r.Member, Slot: r.Slot, At: r.At})
		f.waiting++
	}
}

// reached completes records with the results of port checks.
func (f *flusher) reached(ctx context.Context) error {
	var done []transfer.Reached
	for e, reach := range f.ports.found() {
		for _, r := range f.unreached[e] {
			r.Reach = reach
			done = append(done, r)
		}
		f.waiting -= len(f.unreached[e])
		delete(f.unreached, e)
	}
	return f.o.Store.SetReach(ctx, done)
}
