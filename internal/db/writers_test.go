package db_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// eachIsolation runs test on MariaDB as it is from 11.6.2 on and as it was before.
func eachIsolation(t *testing.T, test func(t *testing.T, c db.Config)) {
	for _, snapshot := range []string{"ON", "OFF"} {
		t.Run("innodb_snapshot_isolation="+snapshot, func(t *testing.T) {
			t.Parallel()
			c := dbtest.MariaDBConfig(t)
			c.Session["innodb_snapshot_isolation"] = snapshot
			test(t, c)
		})
	}
}

// TestWritersSeeWhatOthersWrote has 16 writers read all rows and then change one of
// them. None of them meets a row that has changed since it began (1020), so each
// transaction runs once.
func TestWritersSeeWhatOthersWrote(t *testing.T) {
	t.Parallel()
	const writers, rounds, rows = 16, 30, 4
	eachIsolation(t, func(t *testing.T, c db.Config) {
		d := dbtest.Open(t, c)
		mustTx(t, d, func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), countSpec, []any{1, 0, 0, 0}, []any{2, 0, 0, 0}, []any{3, 0, 0, 0}, []any{4, 0, 0, 0})
		})
		var ran atomic.Int32
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for round := range rounds {
					err := d.Tx(t.Context(), func(tx *db.Tx) error {
						ran.Add(1)
						readCounts(t, tx)
						_, err := tx.Exec(t.Context(), "UPDATE swarm_count SET seeders = seeders + 1 WHERE torrent_id = ?", 1+(w+round)%rows)
						return err
					})
					if err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		if ran.Load() != writers*rounds {
			t.Errorf("%d transactions were tried %d times", writers*rounds, ran.Load())
		}
		total := int64(0)
		for _, c := range readCounts(t, d) {
			total += c.Seeders
		}
		if total != writers*rounds {
			t.Errorf("counted to %d, want %d", total, writers*rounds)
		}
	})
}

// TestTurn lets at most three rows be added by 16 who count them first.
func TestTurn(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	add := func(d *db.DB, id int) error {
		return d.Tx(t.Context(), func(tx *db.Tx) error {
			if err := tx.Turn(t.Context(), "counts"); err != nil {
				return err
			}
			n, _, err := db.One(t.Context(), tx, db.Value[int64], "SELECT COUNT(*) FROM swarm_count")
			if err != nil {
				return err
			}
			if n >= 3 {
				return full
			}
			return tx.Upsert(t.Context(), countSpec, []any{id, 1, 1, 1})
		})
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var added atomic.Int32
		var wg sync.WaitGroup
		for id := range 16 {
			wg.Go(func() {
				err := add(d, id+1)
				if err == nil {
					added.Add(1)
				} else if !errors.Is(err, full) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := len(readCounts(t, d)); n != 3 || added.Load() != 3 {
			t.Errorf("%d rows were added, and %d are there; want 3", added.Load(), n)
		}
	})
}

// TestLimitsAreInOrder compares the limits with each other, and with what a connection
// to MariaDB has.
func TestLimitsAreInOrder(t *testing.T) {
	t.Parallel()
	if db.LockWait >= db.StatementTime || db.StatementTime >= db.ReplyTime || db.ReplyTime >= db.IdleTime {
		t.Error("a limit that ends what another one should end first")
	}
	if db.LockWait*2 > db.TryFor {
		t.Error("no time is left to try again after waiting for a lock")
	}
	d := dbtest.MariaDB(t)
	type seconds struct{ Lock, Table, Statement, Idle float64 }
	var isolation string
	got, _, err := db.One(t.Context(), d, func(s db.Scanner) (v seconds, err error) {
		return v, s.Scan(&v.Lock, &v.Table, &v.Statement, &v.Idle, &isolation)
	}, "SELECT @@innodb_lock_wait_timeout, @@lock_wait_timeout, @@max_statement_time, @@idle_transaction_timeout, @@tx_isolation")
	want := seconds{db.LockWait.Seconds(), db.LockWait.Seconds(), db.StatementTime.Seconds(), db.IdleTime.Seconds()}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if isolation != "READ-COMMITTED" {
		t.Errorf("transactions are %s", isolation)
	}
}

// TestLockWaitEndsAtTheDatabase holds a row until a second transaction has waited for
// it in vain and tries again. The second one gets it then.
func TestLockWaitEndsAtTheDatabase(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	c.Session["innodb_lock_wait_timeout"] = "1"
	d := dbtest.Open(t, c)
	mustTx(t, d, func(tx *db.Tx) error { return tx.Upsert(t.Context(), countSpec, []any{1, 0, 0, 0}) })
	tries, again := 0, make(chan struct{})
	second := make(chan error, 1)
	mustTx(t, d, func(tx *db.Tx) error {
		if err := increment(t.Context(), tx); err != nil {
			return err
		}
		go func() {
			second <- d.Tx(t.Context(), func(tx *db.Tx) error {
				if tries++; tries == 2 {
					close(again)
				}
				return increment(t.Context(), tx)
			})
		}()
		select {
		case <-again:
		case err := <-second:
			t.Errorf("the second transaction ended with %v", err)
			second <- err
		}
		return nil
	})
	if err := <-second; err != nil || readCounts(t, d)[0].Leechers != 2 {
		t.Errorf("%v; counted to %d, want 2", err, readCounts(t, d)[0].Leechers)
	}
}

// TestTriesEnd fails a transaction again and again with an error that is worth a try.
func TestTriesEnd(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	d := dbtest.Open(t, c)
	ran := 0
	err := d.Tx(t.Context(), func(tx *db.Tx) error {
		ran++
		_, err := tx.Exec(t.Context(), "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213")
		return err
	})
	if err == nil || ran != db.Tries {
		t.Errorf("tried %d times, want %d: %v", ran, db.Tries, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran = 0
	err = d.Tx(ctx, func(tx *db.Tx) error {
		ran++
		_, err := tx.Exec(ctx, "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1020")
		cancel()
		return err
	})
	if !errors.Is(err, context.Canceled) || ran != 1 {
		t.Errorf("tried %d times after the context had ended: %v", ran, err)
	}
}

// TestPause looks at what lies between two tries: more each time, up to a limit, and
// not the same for everybody.
func TestPause(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for try := 1; try < db.Tries; try++ {
		for range 200 {
			p := db.Pause(try)
			if p <= 0 || p > db.MostPause {
				t.Fatalf("after %d tries: %v", try, p)
			}
			seen[p] = true
		}
	}
	if len(seen) < 200 || db.Pause(1) >= db.Pause(db.Tries) {
		t.Errorf("%d different pauses, from %v to %v", len(seen), db.Pause(1), db.Pause(db.Tries))
	}
}
