package trace

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// places is how many counters tell which place of a ring is next. Rings share
// them by hash: then a ring skips a place now and then, and keeps a record less.
const places = 1 << 18

// writeAt is how many records are written together.
const writeAt = 750

// maxUnreached bounds the records that wait for what a checker finds.
const maxUnreached = 4096

// flusher writes what the recorder has merged. It belongs to one goroutine.
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
		f.next = make([]uint8, places)
	}
	return f
}

// run writes what waits, a part at a time. A part that can't be written is tried
// once more by the next call; the rest stays where it is.
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

// record is what an entry says, with its slot.
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
		r.V4, r.V6 = false, false // it may not have come so far that they were known
		return r
	}
	f.look(e, &r)
	return r
}

var (
	events   = [...]string{wire.None: "", wire.Started: "started", wire.Stopped: "stopped", wire.Completed: "completed", wire.Paused: "paused"}
	outcomes = [...]transfer.Outcome{Counted: transfer.Counted, First: transfer.First, Restarted: transfer.Restarted, Clamped: transfer.Clamped, Refused: ""}
)

// slot gives an entry the next place of its ring.
func (f *flusher) slot(e *entry) transfer.Slot {
	ring, size := e.ring(), f.o.Keep
	if ring == 0 {
		size *= 2
	}
	counter := &f.next[hash(e.Member, ring)%places]
	*counter = uint8((int(*counter) + 1) % size)
	return transfer.Slot{Ring: ring, Place: int(*counter)}
}

// look fills in whether others can reach the client. What is not known yet is
// filled in later.
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

// reached completes records by what was found out.
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
