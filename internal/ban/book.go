package ban

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

const (
	readTime  = 10 * time.Second // for reading all bans
	readEvery = 5 * time.Minute  // even if no event says so
	firstWait = time.Second      // after a reading that failed
	mostWait  = 30 * time.Second
)

// Book keeps the bans in force of a process in memory. A nil Book bans nobody.
type Book struct {
	store *Store
	set   atomic.Pointer[Set]
	read  atomic.Int64 // the last event that the set takes in for certain
}

// NewBook returns a book that is empty until it is loaded.
func NewBook(s *Store) *Book { return &Book{store: s} }

// Set returns the bans as they were read last. Asking costs nothing and waits for nobody.
func (b *Book) Set() *Set {
	if b == nil {
		return nil
	}
	return b.set.Load() // a nil Set bans nobody
}

// Load reads the bans.
func (b *Book) Load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	last, err := b.store.log.Last(ctx) // first, so that no change is missed
	if err != nil {
		return err
	}
	list, err := b.store.Active(ctx)
	if err != nil {
		return err
	}
	b.set.Store(NewSet(list))
	b.read.Store(last)
	return nil
}

// Start loads the book, trying again for as long as ctx lasts. A process calls it before
// it answers anybody.
func (b *Book) Start(ctx context.Context, log *slog.Logger) error {
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		err := b.Load(ctx)
		if err == nil {
			return nil
		}
		log.Warn("the bans can't be read; nobody is answered before", "err", err)
		if !core.Sleep(ctx, spread(wait)) {
			return fmt.Errorf("read the bans: %w", err)
		}
	}
}

// Follow keeps the book as new as the event log, until ctx ends. Start must have returned
// before. While the database is away, what was read last holds.
func (b *Book) Follow(ctx context.Context, log *slog.Logger) {
	changed := make(chan struct{}, 1)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		b.store.log.WatchFrom(ctx, b.read.Load(), log, func(e eventlog.Event) {
			if e.Kind != (eventlog.BansChanged{}).EventKind() {
				return
			}
			select {
			case changed <- struct{}{}:
			default: // it is known already
			}
		})
	})
	for wait := firstWait; core.Wait(ctx, spread(readEvery), changed); {
		for err := b.Load(ctx); err != nil && ctx.Err() == nil; err = b.Load(ctx) {
			log.Warn("the bans can't be read; those that were read last hold on", "err", err)
			core.Sleep(ctx, spread(wait))
			wait = min(2*wait, mostWait)
		}
		wait = firstWait
	}
}

// spread is a wait of about d, so that several processes don't read at once.
func spread(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // it spreads load, it hides nothing
}
