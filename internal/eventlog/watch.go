package eventlog

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// watchBatch is how many events are read at once.
const watchBatch = 256

// Watch calls f with each event from now on until ctx ends, for what a process keeps in its
// memory alone and reads anew when it starts. It has no cursor: nobody waits for it, and the
// log is pruned without it. While the database is away it waits, and then goes on where it
// was.
func (l *Log) Watch(ctx context.Context, log *slog.Logger, f func(Event)) {
	l.WatchFrom(ctx, -1, log, f)
}

// WatchFrom is Watch for the events after pos, as Last returned it.
func (l *Log) WatchFrom(ctx context.Context, pos int64, log *slog.Logger, f func(Event)) {
	retry := Retry{}.orDefaults()
	backoff := retry.First
	for ctx.Err() == nil {
		wake := l.waker()
		n, err := l.watchOnce(ctx, &pos, f)
		switch {
		case err != nil:
			if ctx.Err() == nil {
				log.Warn("events wait", "after", pos, "err", logStack(log, err))
			}
			retry.Wait(ctx, retry.Spread(backoff))
			backoff = min(2*backoff, retry.Most)
		case n < watchBatch:
			backoff = retry.First
			core.Wait(ctx, watchEvery, wake)
		}
	}
}

// watchEvery is how often a watcher looks for events of other processes.
const watchEvery = time.Second

// watchOnce hands over the next events after pos. A negative pos is the newest event.
func (l *Log) watchOnce(ctx context.Context, pos *int64, f func(Event)) (n int, err error) {
	if *pos < 0 {
		*pos, err = l.Last(ctx)
		return 0, err
	}
	events, err := l.Read(ctx, *pos, watchBatch)
	for _, e := range events {
		*pos = e.ID // also past one that makes f panic: it would do so again
		if perr := caught(func() error { f(e); return nil }); perr != nil {
			return len(events), fmt.Errorf("event %d (%s): %w", e.ID, e.Kind, perr)
		}
	}
	return len(events), err
}
