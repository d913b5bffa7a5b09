package eventlog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestKept changes a value in one process and gets it in another.
func TestKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		here, there := eventlog.New(d, clock.Now), eventlog.New(d, clock.Now)
		value, reads := 1, 0
		var fault error
		k := eventlog.Keep(here, time.Hour, func(context.Context) (int, error) { reads++; return value, fault }, eventlog.ClientsChanged{}, eventlog.ClassChanged{})
		get := func(what string, want, wantReads int) {
			t.Helper()
			got, err := k.Get(t.Context())
			if !errors.Is(err, fault) || err == nil && got != want || reads != wantReads {
				t.Errorf("%s: %d (%v) after %d readings, want %d after %d", what, got, err, reads, want, wantReads)
			}
		}
		happen := func(events ...eventlog.Body) {
			t.Helper()
			err := d.Tx(t.Context(), func(tx *db.Tx) error {
				for _, e := range events {
					if _, err := there.Append(t.Context(), tx, e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		get("first", 1, 1)
		get("again", 1, 1)
		value = 2
		happen(eventlog.MemberChanged{Member: 1})
		get("after another event", 1, 1)
		happen(eventlog.MemberChanged{Member: 1}, eventlog.ClientsChanged{}, eventlog.MemberChanged{Member: 2})
		get("after its event", 2, 2)
		value = 3
		happen(eventlog.ClassChanged{})
		get("after its other event", 3, 3)
		clock.Add(59 * time.Minute)
		get("nearly an hour later", 3, 3)
		clock.Add(2 * time.Minute)
		get("an hour later", 3, 4)
		clock.Add(-time.Minute)
		get("with the clock set back", 3, 5)
		for range 600 {
			happen(eventlog.MemberChanged{Member: 1})
		}
		get("after more events than are looked at", 3, 6)
		happen(eventlog.MemberChanged{Member: 1})
		clock.Add(time.Minute)
		if _, err := here.Prune(t.Context(), clock.Now(), 1000); err != nil {
			t.Fatal(err)
		}
		fault = errors.New("the database is away")
		happen(eventlog.ClassChanged{})
		get("with a fault", 3, 7)
		fault, value = nil, 4
		get("after the fault", 4, 8)
	})
}

// TestKeptByMany gets a value from many sides: it is read once, and each waits no longer
// than its context.
func TestKeptByMany(t *testing.T) {
	d := dbtest.SQLite(t)
	reading, go_ := make(chan struct{}), make(chan struct{})
	var once sync.Once
	reads := 0
	k := eventlog.Keep(eventlog.New(d, time.Now), time.Hour, func(context.Context) (int, error) {
		once.Do(func() { close(reading) })
		<-go_
		reads++
		return 7, nil
	})
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if v, err := k.Get(t.Context()); v != 7 || err != nil {
				t.Error(v, err)
			}
		})
	}
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever has gone waits: %v", err)
	}
	close(go_)
	wait.Wait()
	if reads != 1 {
		t.Errorf("%d readings", reads)
	}
}
