package tracker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// reporter appends the tracker's own events to the event log. Announces hand them over
// without waiting, so the database may be away.
type reporter struct {
	db      *db.DB
	events  *eventlog.Log
	log     *slog.Logger
	queue   chan eventlog.Body
	last    func()             // tells what is still to be told at the end; may be nil
	dropped prometheus.Counter // because too many events waited
}

const (
	reportRoom  = 1000             // events that wait
	reportBatch = 100              // in one transaction
	reportLimit = 20 * time.Second // for one try
	reportDrain = 2 * time.Second  // for what waits at the end
)

func newReporter(d *db.DB, events *eventlog.Log, log *slog.Logger, dropped prometheus.Counter) *reporter {
	return &reporter{db: d, events: events, log: log, queue: make(chan eventlog.Body, reportRoom), dropped: dropped}
}

// tell queues an event, or counts it as dropped if too many wait. It never blocks.
func (r *reporter) tell(e eventlog.Body) bool {
	select {
	case r.queue <- e:
		return true
	default:
		r.dropped.Inc()
		return false
	}
}

// run appends events until ctx ends, and then those that still wait, if that does not
// take long.
func (r *reporter) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			if r.last != nil {
				r.last()
			}
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportDrain)
			defer cancel()
			r.drain(last)
			return nil
		case e := <-r.queue:
			batch := r.more(e)
			for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
				err := r.write(ctx, batch)
				if err == nil {
					break
				}
				r.log.Error("events of the tracker wait", "events", len(batch), "err", err, "again_in", wait)
				if !core.Sleep(ctx, wait) {
					r.put(batch)
					break
				}
			}
		}
	}
}

// more returns first and the events that wait after it, up to a batch.
func (r *reporter) more(first eventlog.Body) []eventlog.Body {
	batch := []eventlog.Body{first}
	for len(batch) < reportBatch {
		select {
		case e := <-r.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

func (r *reporter) put(batch []eventlog.Body) {
	for _, e := range batch {
		r.tell(e)
	}
}

func (r *reporter) drain(ctx context.Context) {
	for {
		select {
		case e := <-r.queue:
			batch := r.more(e)
			if err := r.write(ctx, batch); err != nil {
				r.log.Error("events of the tracker are lost: the database did not take them before the end",
					"events", len(batch)+len(r.queue), "err", err)
				return
			}
		default:
			return
		}
	}
}

func (r *reporter) write(ctx context.Context, batch []eventlog.Body) error {
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	return r.db.Tx(ctx, func(tx *db.Tx) error {
		for _, e := range batch {
			if _, err := r.events.Append(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}
