package ledger

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

// parcel is a row of records that one worker replays.
type parcel struct {
	bytes []byte
	parts []part
}

// part says what is to be done with the next record of a parcel.
type part struct {
	end             int // in bytes
	pos             uint64
	toRows, toSwarm bool
}

const parcelSize = 256 << 10

// replay reads the journal: what is not in the database goes into the rows, what
// the checkpoint does not hold into the swarms, unless these are behind the
// database. Each torrent belongs to one worker, so that its records keep their order.
func (b *Book) replay(held swarm.Positions, oldest uint64, behind bool) (n int, err error) {
	workers := make([]chan *parcel, min(runtime.GOMAXPROCS(0), 8))
	spare := make(chan *parcel, 4*len(workers))
	g, ctx := supervise.NewGroup(context.Background())
	for i := range workers {
		workers[i] = make(chan *parcel, 2)
		g.Go(func(context.Context) error { return b.work(workers[i], spare) })
	}
	g.Go(func(context.Context) error {
		defer func() {
			for _, w := range workers {
				close(w)
			}
		}()
		var err error
		n, err = b.hand(ctx, workers, spare, held, oldest, behind)
		return err
	})
	err = g.Wait()
	if damage := (*journal.CorruptError)(nil); errors.As(err, &damage) {
		err = core.Wrap(err, core.Internal, "the tracker's journal is damaged, and what it holds may be credit of members; nothing was changed (see \"A damaged journal\" in deploy/README.md)")
	}
	return n, err
}

// hand reads the journal and gives its records to the workers.
func (b *Book) hand(ctx context.Context, workers []chan *parcel, spare chan *parcel, held swarm.Positions, oldest uint64, behind bool) (n int, err error) {
	filling := make([]*parcel, len(workers))
	send := func(i int) error {
		if filling[i] == nil {
			return nil
		}
		select {
		case workers[i] <- filling[i]:
			filling[i] = nil
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	after := max(min(held.Least(), slices.Min(b.marks[:])), oldest-1)
	err = b.journal.Replay(after, func(pos uint64, rec []byte) error {
		n++
		e, err := decode(rec)
		if err != nil {
			return fmt.Errorf("position %d: %w", pos, err)
		}
		do := part{pos: pos, toRows: pos > b.marks[shardOf(e.Member)], toSwarm: !behind && len(e.Record) > 0 && pos > held.Of(e.Torrent)}
		if !do.toRows && !do.toSwarm {
			return nil
		}
		i := int(uint64(e.Torrent) % uint64(len(workers)))
		if filling[i] == nil {
			select {
			case filling[i] = <-spare:
			default:
				filling[i] = &parcel{bytes: make([]byte, 0, parcelSize+journal.MaxRecord)}
			}
		}
		p := filling[i]
		p.bytes = append(p.bytes, rec...)
		do.end = len(p.bytes)
		p.parts = append(p.parts, do)
		if len(p.bytes) < parcelSize {
			return nil
		}
		return send(i)
	})
	for i := range workers {
		err = errors.Join(err, send(i))
	}
	return n, err
}

// work replays parcels until there are no more.
func (b *Book) work(in <-chan *parcel, spare chan<- *parcel) error {
	for p := range in {
		begin := 0
		for _, do := range p.parts {
			e, err := decode(p.bytes[begin:do.end])
			if err != nil {
				return fmt.Errorf("position %d: %w", do.pos, err)
			}
			begin = do.end
			if do.toRows {
				b.merge(&e)
			}
			if !do.toSwarm {
				continue
			}
			if err := b.o.Swarms.Replay(e.Record); err != nil {
				return fmt.Errorf("position %d: %w", do.pos, err)
			}
		}
		p.bytes, p.parts = p.bytes[:0], p.parts[:0]
		select {
		case spare <- p:
		default:
		}
	}
	return nil
}
