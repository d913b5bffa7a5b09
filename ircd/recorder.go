package ircd

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// HistoryStore keeps what was said; *irc.History is one.
type HistoryStore interface {
	Append(ctx context.Context, batch []irc.Sent) error
	Last(ctx context.Context) (irc.MsgID, error)
	Read(ctx context.Context, target string, s irc.Span) ([]irc.Message, error)
	Targets(ctx context.Context, channels []string, m core.MemberID, s irc.Span) ([]irc.Target, error)
	FindIn(ctx context.Context, id irc.MsgID, target string) (irc.Message, bool, error)
	Delete(ctx context.Context, id irc.MsgID) error
	ForgetUpTo(ctx context.Context, what eventlog.IRCForgotten, last irc.MsgID) (int64, error)
	Prune(ctx context.Context) (int64, error)
	Known(ctx context.Context, m core.MemberID) (irc.Known, error)
	SetLeft(ctx context.Context, left map[core.MemberID]irc.MsgID) error
	SetMarker(ctx context.Context, m core.MemberID, target string, at time.Time) error
}

const (
	writeEvery   = 250 * time.Millisecond // a power cut loses the lines of this time
	retryAfter   = time.Second
	maxUnwritten = 20_000 // lines; more are dropped as long as the database is away
	maxBatch     = 500
	lastWrite    = 5 * time.Second // at the end of a run
	pruneEvery   = 10 * time.Minute
)

// recorder writes the history apart from the network: what is added under the network's
// lock only goes into a bounded queue. It has its own lock.
type recorder struct {
	store   HistoryStore
	log     *slog.Logger
	dropped prometheus.Counter
	hurry   chan struct{} // holds one token when somebody waits

	mu      sync.Mutex
	queue   []irc.Sent
	left    map[core.MemberID]irc.MsgID
	added   uint64        // lines that were put into the queue
	written uint64        // lines that have left it
	lost    int           // lines that were dropped since the log last said so
	failing bool          // the last try to write failed
	changed chan struct{} // closed when written grows
}

func newRecorder(store HistoryStore, log *slog.Logger, dropped prometheus.Counter) *recorder {
	return &recorder{store: store, log: log, dropped: dropped, hurry: make(chan struct{}, 1),
		left: map[core.MemberID]irc.MsgID{}, changed: make(chan struct{})}
}

// add queues a line; it never waits.
func (rec *recorder) add(m irc.Sent) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if len(rec.queue) >= maxUnwritten {
		rec.lost++
		rec.dropped.Inc()
		return
	}
	rec.queue = append(rec.queue, m)
	rec.added++
}

// leave notes that a member's last connection ended after a message.
func (rec *recorder) leave(m core.MemberID, id irc.MsgID) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if _, known := rec.left[m]; known || len(rec.left) < maxUnwritten {
		rec.left[m] = id
	}
}

// settle waits until all that was added by now is written, so that a reader of the history
// finds it.
func (rec *recorder) settle(ctx context.Context) error {
	rec.mu.Lock()
	upTo := rec.added
	rec.mu.Unlock()
	for {
		rec.mu.Lock()
		done, changed := rec.written >= upTo, rec.changed
		rec.mu.Unlock()
		if done {
			return nil
		}
		select {
		case rec.hurry <- struct{}{}:
		default:
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// forget deletes up to a message what the store has of somebody, once the lines that wait
// here are in it. That may take long; it is done in short steps, and can be done again.
func (rec *recorder) forget(ctx context.Context, what eventlog.IRCForgotten, last irc.MsgID) error {
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if err := rec.settle(query); err != nil {
		return err
	}
	_, err := rec.store.ForgetUpTo(ctx, what, last)
	return err
}

// run writes until ctx ends, and then what is left.
func (rec *recorder) run(ctx context.Context) error {
	t := time.NewTicker(writeEvery)
	defer t.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-rec.hurry:
		}
		err := rec.write(ctx)
		rec.note(err)
		if err != nil && ctx.Err() == nil {
			rec.log.Error("what is said on IRC can't be kept at the moment", "err", err, "waiting", rec.waiting())
			select {
			case <-ctx.Done():
			case <-time.After(retryAfter):
			}
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
	defer cancel()
	if err := rec.write(last); err != nil {
		rec.log.Error("the last lines of IRC are lost", "err", err, "lines", rec.waiting())
	}
	return nil
}

func (rec *recorder) note(err error) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.failing = err != nil
}

// complaint says in words for staff that lines can't be kept, "" while they can.
func (rec *recorder) complaint() string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	switch {
	case !rec.failing:
		return ""
	case len(rec.queue) >= maxUnwritten:
		return fmt.Sprintf("the history can't be written, and what is said now is lost to it: %d lines wait already", len(rec.queue))
	}
	return fmt.Sprintf("the history can't be written: %d lines wait", len(rec.queue))
}

func (rec *recorder) waiting() int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return len(rec.queue)
}

// write empties the queue. A batch that fails stays where it is.
func (rec *recorder) write(ctx context.Context) error {
	for {
		rec.mu.Lock()
		batch := rec.queue[:min(len(rec.queue), maxBatch)]
		left := map[core.MemberID]irc.MsgID{}
		for m, id := range rec.left {
			if left[m] = id; len(left) == maxBatch {
				break
			}
		}
		lost := rec.lost
		rec.lost = 0
		rec.mu.Unlock()
		if lost > 0 {
			rec.log.Error("lines of IRC were not kept: the database is too slow or away", "lines", lost)
		}
		if len(batch) == 0 && len(left) == 0 {
			return nil
		}
		if err := rec.writeBatch(ctx, batch, left); err != nil {
			return err
		}
	}
}

func (rec *recorder) writeBatch(ctx context.Context, batch []irc.Sent, left map[core.MemberID]irc.MsgID) error {
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if len(batch) > 0 {
		if err := rec.store.Append(query, batch); err != nil {
			return err
		}
		rec.mu.Lock()
		if rec.queue = rec.queue[len(batch):]; len(rec.queue) == 0 {
			rec.queue = nil // gives the memory back
		}
		rec.written += uint64(len(batch))
		close(rec.changed)
		rec.changed = make(chan struct{})
		rec.mu.Unlock()
	}
	if len(left) == 0 {
		return nil
	}
	if err := rec.store.SetLeft(query, left); err != nil {
		return err
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for m, id := range left {
		if rec.left[m] == id {
			delete(rec.left, m)
		}
	}
	return nil
}

// prune deletes from time to time what is kept no longer.
func (rec *recorder) prune(ctx context.Context) error {
	t := time.NewTicker(pruneEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if _, err := rec.store.Prune(ctx); err != nil && ctx.Err() == nil {
			rec.log.Error("old lines of IRC can't be deleted", "err", err)
		}
	}
}
