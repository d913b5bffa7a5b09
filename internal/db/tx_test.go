package db_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// counts is a row of swarm_count, a table that suits every kind of upsert.
type counts struct{ Torrent, Seeders, Leechers, Updated int64 }

var countSpec = db.UpsertSpec{
	Table: "swarm_count", Key: []string{"torrent_id"},
	Set: []string{"leechers"}, Add: []string{"seeders"}, Keep: []string{"updated_at"},
}

func readCounts(t *testing.T, q db.Queryer) []counts {
	t.Helper()
	rows, err := db.All(t.Context(), q, func(s db.Scanner) (c counts, err error) {
		return c, s.Scan(&c.Torrent, &c.Seeders, &c.Leechers, &c.Updated)
	}, "SELECT torrent_id, seeders, leechers, updated_at FROM swarm_count ORDER BY torrent_id LIMIT 2000")
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	return rows
}

func mustTx(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Tx(t.Context(), fn); err != nil {
		t.Fatalf("transaction: %v", err)
	}
}

func TestUpsert(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustTx(t, d, func(tx *db.Tx) error {
			// leechers (Set), seeders (Add), updated_at (Keep)
			return tx.Upsert(t.Context(), countSpec, []any{1, 10, 100, 7}, []any{2, 20, 200, 7})
		})
		mustTx(t, d, func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), countSpec, []any{2, 21, 5, 8}, []any{3, 30, 300, 8})
		})
		want := []counts{{1, 100, 10, 7}, {2, 205, 21, 7}, {3, 300, 30, 8}}
		if diff := cmp.Diff(want, readCounts(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpsertOfManyRowsAndOfNone(t *testing.T) {
	t.Parallel()
	const n = 450 // three statements
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var rows [][]any
		for i := range n {
			rows = append(rows, []any{i + 1, i, 1, 0})
		}
		for range 2 {
			mustTx(t, d, func(tx *db.Tx) error { return tx.Upsert(t.Context(), countSpec, rows...) })
		}
		mustTx(t, d, func(tx *db.Tx) error { return tx.Upsert(t.Context(), countSpec) })
		got := readCounts(t, d)
		if len(got) != n || got[n-1] != (counts{n, 2, n - 1, 0}) {
			t.Errorf("%d rows, the last %v", len(got), got[len(got)-1])
		}
	})
}

// TestUpsertIntegers does with numbers in the statement what Upsert does with
// arguments, including the largest and the smallest number.
func TestUpsertIntegers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		spec := db.UpsertSpec{Table: "transfer_torrent", Key: []string{"torrent_id"}, Set: []string{"uploaded"}, Add: []string{"downloaded"}, Keep: []string{"snatches"}}
		const n = 1203 // some statements, the last of them not full
		write := func(up, snatches int64) {
			t.Helper()
			mustTx(t, d, func(tx *db.Tx) error {
				return tx.UpsertIntegers(t.Context(), spec, n, func(i int, v []int64) error {
					copy(v, []int64{int64(i) + 1, up, int64(i), snatches})
					return nil
				})
			})
		}
		write(math.MaxInt64, 3)
		write(math.MinInt64, 4)
		for _, id := range []int64{1, 500, 501, n} {
			var up, down, snatches int64
			err := d.QueryRowContext(t.Context(), "SELECT uploaded, downloaded, snatches FROM transfer_torrent WHERE torrent_id = ?", id).Scan(&up, &down, &snatches)
			if err != nil || up != math.MinInt64 || down != 2*(id-1) || snatches != 3 {
				t.Errorf("torrent %d: %d, %d, %d, %v", id, up, down, snatches, err)
			}
		}
		failure := errors.New("no row")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.UpsertIntegers(t.Context(), spec, n, func(int, []int64) error { return failure })
		})
		if !errors.Is(err, failure) {
			t.Errorf("%v", err)
		}
	})
}

func TestUpsertKeepsARowThatIsThere(t *testing.T) {
	t.Parallel()
	spec := db.UpsertSpec{Table: "swarm_count", Key: []string{"torrent_id"}, Keep: []string{"seeders", "leechers", "updated_at"}}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, v := range []int{5, 6} {
			mustTx(t, d, func(tx *db.Tx) error { return tx.Upsert(t.Context(), spec, []any{1, v, v, v}) })
		}
		if diff := cmp.Diff([]counts{{1, 5, 5, 5}}, readCounts(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestUpsertRefusesAShortRow(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), countSpec, []any{1, 1, 1, 1}, []any{2, 2})
		})
		if err == nil || len(readCounts(t, d)) != 0 {
			t.Errorf("err %v, rows %v", err, readCounts(t, d))
		}
	})
}

func TestInsertIgnore(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		row := func(id, seeders int) db.Row {
			return db.Row{"torrent_id", id, "seeders", seeders, "leechers", 0, "updated_at", 0}
		}
		mustTx(t, d, func(tx *db.Tx) error {
			for _, step := range []struct {
				id, seeders int
				fresh       bool
			}{{1, 1, true}, {1, 9, false}, {2, 2, true}} {
				fresh, err := tx.InsertIgnore(t.Context(), "swarm_count", row(step.id, step.seeders))
				if err != nil || fresh != step.fresh {
					t.Errorf("row %d: fresh %v, %v; want %v", step.id, fresh, err, step.fresh)
				}
			}
			return nil
		})
		if diff := cmp.Diff([]counts{{1, 1, 0, 0}, {2, 2, 0, 0}}, readCounts(t, d)); diff != "" {
			t.Error(diff)
		}
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.InsertIgnore(t.Context(), "swarm_count", db.Row{"torrent_id", 3, "seeders", nil, "leechers", 0, "updated_at", 0})
			return err
		})
		if err == nil || db.IsDuplicate(err) {
			t.Errorf("a NULL where none may be: %v", err)
		}
	})
}

func TestInsertGivesTheNewID(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		var first, second, third int64
		insert := func(name string) (id int64) {
			mustTx(t, d, func(tx *db.Tx) (err error) {
				id, err = tx.Insert(t.Context(), "tag", db.Row{"name", name})
				return err
			})
			return id
		}
		first, second = insert("a"), insert("b")
		mustTx(t, d, func(tx *db.Tx) error {
			n, err := tx.Exec(t.Context(), "DELETE FROM tag WHERE id = ?", second)
			if n != 1 {
				t.Errorf("deleted %d rows", n)
			}
			return err
		})
		if third = insert("c"); first < 1 || second <= first || third <= second {
			t.Errorf("ids %d, %d, %d: they must grow and never be used twice", first, second, third)
		}
	})
}

func TestIsDuplicate(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		insert := func(row db.Row) error {
			return d.Tx(t.Context(), func(tx *db.Tx) error {
				_, err := tx.Insert(t.Context(), "tag", row)
				return err
			})
		}
		if err := insert(db.Row{"id", 5, "name", "yeast"}); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"unique column": insert(db.Row{"id", 6, "name", "yeast"}),
			"primary key":   insert(db.Row{"id", 5, "name", "fly"}),
		} {
			if !db.IsDuplicate(err) || !db.IsDuplicate(fmt.Errorf("wrapped: %w", err)) {
				t.Errorf("%s: %v is not seen as a duplicate", what, err)
			}
		}
		if err := insert(db.Row{"id", 7, "name", nil}); err == nil || db.IsDuplicate(err) {
			t.Errorf("a NULL name: %v", err)
		}
		if db.IsDuplicate(nil) || db.IsDuplicate(errors.New("UNIQUE")) {
			t.Error("not every error is a duplicate")
		}
	})
}

func TestExecCountsMatchedRows(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustTx(t, d, func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), countSpec, []any{1, 1, 1, 1}, []any{2, 2, 2, 2})
		})
		mustTx(t, d, func(tx *db.Tx) error {
			n, err := tx.Exec(t.Context(), "UPDATE swarm_count SET leechers = 1") // no change for row 1
			if n != 2 {
				t.Errorf("%d rows matched, want 2", n)
			}
			return err
		})
	})
}

func TestTxRollsBackAndCommits(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		add := func(id int, result error) (committed int, err error) {
			err = d.Tx(t.Context(), func(tx *db.Tx) error {
				tx.OnCommit(func() { committed++ })
				if err := tx.Upsert(t.Context(), countSpec, []any{id, 0, 0, 0}); err != nil {
					return err
				}
				return result
			})
			return committed, err
		}
		stop := errors.New("stop")
		if committed, err := add(1, stop); !errors.Is(err, stop) || committed != 0 {
			t.Errorf("after an error: %v, OnCommit ran %d times", err, committed)
		}
		if committed, err := add(2, nil); err != nil || committed != 1 {
			t.Errorf("after success: %v, OnCommit ran %d times", err, committed)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = d.Tx(t.Context(), func(tx *db.Tx) error {
				if err := tx.Upsert(t.Context(), countSpec, []any{3, 0, 0, 0}); err != nil {
					return err
				}
				panic("in the middle")
			})
		}()
		// The writer is free again, and only the committed row is there.
		if _, err := add(4, nil); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]counts{{2, 0, 0, 0}, {4, 0, 0, 0}}, readCounts(t, d)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestLockSerialises reads and writes a number in many transactions at once.
// Without the lock some would start from the same old number.
func TestLockSerialises(t *testing.T) {
	t.Parallel()
	const workers, rounds = 6, 10
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		mustTx(t, d, func(tx *db.Tx) error { return tx.Upsert(t.Context(), countSpec, []any{1, 0, 0, 0}) })
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					if err := d.Tx(t.Context(), func(tx *db.Tx) error { return increment(t.Context(), tx) }); err != nil {
						t.Errorf("increment: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if got := readCounts(t, d)[0].Leechers; got != workers*rounds {
			t.Errorf("counted to %d, want %d", got, workers*rounds)
		}
	})
}

func increment(ctx context.Context, tx *db.Tx) error {
	if err := tx.Lock(ctx, "swarm_count", "torrent_id = ?", 1); err != nil {
		return err
	}
	n, _, err := db.One(ctx, tx, db.Value[int64], "SELECT leechers FROM swarm_count WHERE torrent_id = 1")
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE swarm_count SET leechers = ? WHERE torrent_id = 1", n+1)
	return err
}

// TestDeadlockIsRetried lets two transactions take two rows in opposite order,
// each waiting until the other holds its first. MariaDB breaks one of them.
func TestDeadlockIsRetried(t *testing.T) {
	t.Parallel()
	d := dbtest.MariaDB(t)
	mustTx(t, d, func(tx *db.Tx) error {
		return tx.Upsert(t.Context(), countSpec, []any{1, 0, 0, 0}, []any{2, 0, 0, 0})
	})
	holds := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	tries := [2]int{}
	run := func(me int) error {
		return d.Tx(t.Context(), func(tx *db.Tx) error {
			tries[me]++
			if _, err := tx.Exec(t.Context(), "UPDATE swarm_count SET seeders = seeders + 1 WHERE torrent_id = ?", 1+me); err != nil {
				return err
			}
			if tries[me] == 1 {
				close(holds[me])
				<-holds[1-me]
			}
			_, err := tx.Exec(t.Context(), "UPDATE swarm_count SET seeders = seeders + 1 WHERE torrent_id = ?", 2-me)
			return err
		})
	}
	var errs [2]error
	var wg sync.WaitGroup
	for me := range 2 {
		wg.Go(func() { errs[me] = run(me) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if tries[0]+tries[1] < 3 {
		t.Errorf("tries %v: there was no deadlock to retry", tries)
	}
	if diff := cmp.Diff([]counts{{1, 2, 0, 0}, {2, 2, 0, 0}}, readCounts(t, d)); diff != "" {
		t.Error(diff)
	}
}

func TestSQLiteReadersDoNotWaitForTheWriter(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	mustTx(t, d, func(tx *db.Tx) error {
		if err := tx.Upsert(t.Context(), countSpec, []any{1, 0, 0, 0}); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		n, _, err := db.One(ctx, d, db.Value[int64], "SELECT COUNT(*) FROM swarm_count")
		if err != nil || n != 0 {
			t.Errorf("a reader beside the writer sees %d rows, %v; want none yet", n, err)
		}
		return nil
	})
	if _, err := db.All(t.Context(), d, db.Value[int64], "INSERT INTO tag (name) VALUES ('x') RETURNING id"); err == nil {
		t.Error("a write outside a transaction was let through")
	}
}

func TestQueryHelpers(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if _, ok, err := db.One(t.Context(), d, db.Value[int64], "SELECT id FROM tag WHERE name = ?", "none"); ok || err != nil {
			t.Errorf("no row: %v, %v", ok, err)
		}
		if _, _, err := db.One(t.Context(), d, db.Value[int64], "SELECT id FROM no_such_table"); err == nil {
			t.Error("a broken query was no error")
		}
		for _, name := range []string{"100%_!", "100xy!", "b"} {
			mustTx(t, d, func(tx *db.Tx) error {
				_, err := tx.Insert(t.Context(), "tag", db.Row{"name", name})
				return err
			})
		}
		names, err := db.All(t.Context(), d, db.Value[string], "SELECT name FROM tag WHERE name LIKE ? ESCAPE '!' ORDER BY id LIMIT 10", db.EscapeLike("100%_!")+"%")
		if diff := cmp.Diff([]string{"100%_!"}, names); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		names, err = db.All(t.Context(), d, db.Value[string], "SELECT name FROM tag WHERE name IN ("+db.Marks(2)+") ORDER BY id LIMIT 10", "b", "100xy!")
		if diff := cmp.Diff([]string{"100xy!", "b"}, names); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if _, err := db.All(t.Context(), d, db.Value[int64], "SELECT name FROM tag LIMIT 10"); err == nil {
			t.Error("text was read as a number")
		}
	})
	if got := strings.Count(db.Marks(3), "?"); got != 3 || db.Marks(1) != "?" {
		t.Errorf("marks: %q %q", db.Marks(3), db.Marks(1))
	}
}

// For MariaDB, values are written into statements: none may be read as SQL or come
// back changed.
func TestValuesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	texts := []string{
		`'; DROP TABLE tag; -- `, `\`, `\'`, `'' OR 1=1 #`, `"x" /* ? */`, "nul \x00, newline \r\n, end \x1a", "µ 蛋白質 🧬", "?", `%s\%_`,
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for i, text := range texts {
			id := int64(0)
			mustTx(t, d, func(tx *db.Tx) (err error) {
				if id, err = tx.Insert(t.Context(), "tag", db.Row{"name", text}); err != nil {
					return err
				}
				_, err = tx.Insert(t.Context(), "torrent_meta", db.Row{"torrent_id", int64(i + 1), "data", append([]byte(text), every...)})
				return err
			})
			got, found, err := db.One(t.Context(), d, db.Value[string], "SELECT name FROM tag WHERE name = ? AND id = ?", text, id)
			if err != nil || !found || got != text {
				t.Errorf("%q came back as %q, %v, %v", text, got, found, err)
			}
			data, found, err := db.One(t.Context(), d, db.Value[[]byte], "SELECT data FROM torrent_meta WHERE torrent_id = ?", i+1)
			if err != nil || !found || string(data) != text+string(every) {
				t.Errorf("bytes after %q came back as %q, %v, %v", text, data, found, err)
			}
		}
	})
}

// TestTxJoined states what a transaction inside a transaction does: it is a part
// of the outer one, and when it fails nothing of either stays.
func TestTxJoined(t *testing.T) {
	t.Parallel()
	insert := func(ctx context.Context, c db.Conn, id int) error {
		return c.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Insert(ctx, "swarm_count", db.Row{"torrent_id", id, "seeders", 1, "leechers", 1, "updated_at", 1})
			return err
		})
	}
	part := errors.New("a part failed")
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		mustTx(t, d, func(tx *db.Tx) error { return errors.Join(insert(ctx, tx, 1), insert(ctx, tx, 2)) })
		if n := len(readCounts(t, d)); n != 2 {
			t.Errorf("two joined inserts left %d rows, want 2", n)
		}
		err := d.Tx(ctx, func(tx *db.Tx) error {
			if err := insert(ctx, tx, 3); err != nil {
				return err
			}
			_ = tx.Tx(ctx, func(*db.Tx) error { return part }) // its owner goes on
			return insert(ctx, tx, 4)
		})
		if !errors.Is(err, part) {
			t.Errorf("a transaction whose part failed returned %v, want that error", err)
		}
		if n := len(readCounts(t, d)); n != 2 {
			t.Errorf("after a failed part there are %d rows, want 2", n)
		}
		err = d.Tx(ctx, func(tx *db.Tx) error { return insert(tx.Guard(ctx), d, 5) })
		if err == nil || !strings.Contains(err.Error(), "bind the store") {
			t.Errorf("a second transaction beside a guarded one returned %v, want a refusal", err)
		}
	})
}
