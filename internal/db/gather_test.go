package db

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestGatherer(t *testing.T) {
	t.Parallel()
	var readings atomic.Int64
	hold := make(chan struct{})
	begun := make(chan struct{}, 100)
	g := NewGatherer(time.Minute, func(_ context.Context, keys []int) (map[int]string, error) {
		readings.Add(1)
		begun <- struct{}{}
		<-hold
		if len(keys) > maxGathered || len(slices.Compact(slices.Sorted(slices.Values(keys)))) != len(keys) {
			return nil, fmt.Errorf("keys are %v", keys)
		}
		out := map[int]string{}
		for _, k := range keys {
			if k >= 0 {
				out[k] = fmt.Sprint(k)
			}
		}
		return out, nil
	})
	const askers = 3 * maxGathered
	var wg sync.WaitGroup
	ask := func(i int) {
		k := i%50 - 1
		v, found, err := g.Ask(t.Context(), k)
		if err != nil || found != (k >= 0) || found && v != fmt.Sprint(k) {
			t.Errorf("%d: %q, %v, %v", k, v, found, err)
		}
	}
	wg.Go(func() { ask(1) })
	<-begun
	for i := range askers {
		wg.Go(func() { ask(i) })
	}
	for waiting := 0; waiting < askers; {
		g.mu.Lock()
		waiting = 0
		for _, r := range g.next {
			waiting += len(r.keys)
		}
		g.mu.Unlock()
		time.Sleep(time.Millisecond)
	}
	close(hold)
	wg.Wait()
	if n := readings.Load(); n != 4 {
		t.Errorf("there were %d readings for %d who asked", n, askers+1)
	}
	if g.reading || len(g.next) > 0 {
		t.Error("something is left")
	}
}

// TestGathererOutlives makes sure that a caller who leaves, fails or panics does not
// keep others from their answer.
func TestGathererOutlives(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	begun, hold := make(chan struct{}, 10), make(chan struct{})
	g := NewGatherer(time.Minute, func(ctx context.Context, keys []int) (map[int]int, error) {
		begun <- struct{}{}
		<-hold
		switch keys[0] {
		case 1:
			return nil, broken
		case 2:
			panic("no")
		}
		return map[int]int{keys[0]: 10}, ctx.Err()
	})
	gone, cancel := context.WithCancel(t.Context())
	first, second := make(chan error), make(chan error)
	go func() { _, _, err := g.Ask(gone, 0); first <- err }()
	<-begun
	go func() { _, _, err := g.Ask(gone, 3); second <- err }()
	for waiting := false; !waiting; {
		g.mu.Lock()
		waiting = len(g.next) > 0
		g.mu.Unlock()
	}
	third := make(chan error)
	go func() { _, _, err := g.Ask(t.Context(), 3); third <- err }()
	cancel()
	close(hold)
	for _, c := range []chan error{first, second} {
		if err := <-c; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := <-third; err != nil {
		t.Error(err)
	}
	if _, _, err := g.Ask(t.Context(), 1); !errors.Is(err, broken) {
		t.Error(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, _, _ = g.Ask(t.Context(), 2)
	}()
	if v, found, err := g.Ask(t.Context(), 4); v != 10 || !found || err != nil {
		t.Errorf("%d, %v, %v", v, found, err)
	}
}
