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

// replayBatch is a sequence of records that one worker replays.
type replayBatch struct {
	records []byte
	parts   []replayRecord
}

// replayRecord says what to do with the next record of a batch.
type replayRecord struct {
	end             int // its end in replayBatch.records, in bytes
	pos             uint64
	toRows, toSwarm bool
}

const replayBatchSize = 256 << 10

// replay reads the journal. What is not in the database goes into the buffers. What
// the checkpoint does not hold goes into the swarms, unless the journal is behind the
// database. Each torrent belongs to one worker, so that its records keep their order.
func (b *Book) replay(held swarm.Positions, oldest uint64, behind bool) (n int, err error) {
	workers := make([]chan *replayBatch, min(runtime.GOMAXPROCS(0), 8))
	spare := make(chan *replayBatch, 4*len(workers))
	g, ctx := supervise.NewGroup(context.Background())
	for i := range workers {
		workers[i] = make(chan *replayBatch, 2)
		g.Go(func(context.Context) error { return b.replayWorker(workers[i], spare) })
	}
	g.Go(func(context.Context) error {
		defer func() {
			for _, w := range workers {
				close(w)
			}
		}()
		var err error
		n, err = b.distribute(ctx, workers, spare, held, oldest, behind)
		return err
	})
	err = g.Wait()
	if damage := (*journal.CorruptError)(nil); errors.As(err, &damage) {
		err = core.Wrap(err, core.Internal, "the tracker's journal is damaged, and what it holds may be credit of members; nothing was changed (see \"A damaged journal\" in deploy/README.md)")
	}
	return n, err
}

// distribute reads the journal and hands its records to the workers.
func (b *Book) distribute(ctx context.Context, workers []chan *replayBatch, spare chan *replayBatch, held swarm.Positions, oldest uint64, behind bool) (n int, err error) {
	filling := make([]*replayBatch, len(workers))
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
		do := replayRecord{pos: pos, toRows: pos > b.marks[shardOf(e.Member)], toSwarm: !behind && len(e.Record) > 0 && pos > held.Of(e.Torrent)}
		if !do.toRows && !do.toSwarm {
			return nil
		}
		i := int(uint64(e.Torrent) % uint64(len(workers)))
		if filling[i] == nil {
			select {
			case filling[i] = <-spare:
			default:
				filling[i] = &replayBatch{records: make([]byte, 0, replayBatchSize+journal.MaxRecord)}
			}
		}
		p := filling[i]
		p.records = append(p.records, rec...)
		do.end = len(p.records)
		p.parts = append(p.parts, do)
		if len(p.records) < replayBatchSize {
			return nil
		}
		return send(i)
	})
	for i := range workers {
		err = errors.Join(err, send(i))
	}
	return n, err
}

// replayWorker replays batches until there are no more.
func (b *Book) replayWorker(in <-chan *replayBatch, spare chan<- *replayBatch) error {
	for p := range in {
		begin := 0
		for _, do := range p.parts {
			e, err := decode(p.records[begin:do.end])
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
		p.records, p.parts = p.records[:0], p.parts[:0]
		select {
		case spare <- p:
		default:
		}
	}
	return nil
}
