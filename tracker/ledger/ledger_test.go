package ledger

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return epoch }

func options(dir string) Options {
	return Options{Name: "tracker", Dir: dir, FlushEvery: time.Hour, CheckpointEvery: time.Hour, Clock: clock,
		Swarms: swarm.New(swarm.Config{Timeout: time.Hour, Forget: time.Hour, SeedCap: time.Hour, NumWant: 50, PerMember: 5, MaxRate: 1 << 33}),
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil))}
}

// newBook opens a book on a new journal.
func newBook(t testing.TB, d *db.DB, change func(o *Options)) *Book {
	t.Helper()
	return bookIn(t, d, t.TempDir(), change)
}

func bookIn(t testing.TB, d *db.DB, dir string, change func(o *Options)) *Book {
	t.Helper()
	o := options(dir)
	if change != nil {
		change(&o)
	}
	b, err := Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeBook(t, b) })
	return b
}

func closeBook(t testing.TB, b *Book) {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func record(t *testing.T, b *Book, entries ...Entry) {
	t.Helper()
	for _, e := range entries {
		if _, err := b.Record(e); err != nil {
			t.Fatal(err)
		}
	}
}

// commit keeps the promises of everything that was recorded.
func commit(t testing.TB, b *Book) {
	t.Helper()
	if err := b.Commit(promise.Promise(b.journal.Appended())); err != nil {
		t.Fatal(err)
	}
}

func flush(t *testing.T, b *Book) {
	t.Helper()
	inTime(t, func() error { return b.Flush(t.Context()) })
}

// inTime does what has a time limit of its own again if the limit was passed: a machine
// may be too slow for it once. What was too much for one try is halved for the next.
func inTime(t *testing.T, do func() error) {
	t.Helper()
	const tries = 8
	for try := 1; ; try++ {
		err := do()
		if err == nil {
			return
		}
		if try == tries || !db.TimedOut(err) {
			t.Fatal(err)
		}
	}
}

// rows reads a table of whole numbers.
func rows(t *testing.T, d *db.DB, width int, query string) [][]int64 {
	t.Helper()
	got, err := db.All(t.Context(), d, func(s db.Scanner) ([]int64, error) {
		row, ptrs := make([]int64, width), make([]any, width)
		for i := range row {
			ptrs[i] = &row[i]
		}
		return row, s.Scan(ptrs...)
	}, query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return got
}

const (
	readMembers  = "SELECT member_id, uploaded, downloaded FROM transfer_member ORDER BY 1"
	readTorrents = "SELECT torrent_id, uploaded, downloaded, snatches FROM transfer_torrent ORDER BY 1"
	readPairs    = `SELECT member_id, torrent_id, uploaded, downloaded, raw_up, raw_down, seedtime, bytes_left, active,
		first_at, last_at, snatched_at FROM transfer_member_torrent ORDER BY 1, 2`
	readMark   = "SELECT MIN(position), MAX(position), COUNT(*) FROM ledger_mark WHERE ledger LIKE 'tracker/%'"
	readCounts = "SELECT torrent_id, seeders, leechers FROM swarm_count ORDER BY 1"
)

func want(t *testing.T, d *db.DB, query string, want ...[]int64) {
	t.Helper()
	width := 1
	if len(want) > 0 {
		width = len(want[0])
	}
	if diff := cmp.Diff(want, rows(t, d, width, query)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", query, diff)
	}
}

func TestSumsReachTheDatabase(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		counts := []Count{{Torrent: 10, Seeders: 1, Leechers: 1}}
		b := newBook(t, d, func(o *Options) {
			o.Counts = func() []Count { taken := counts; counts = nil; return taken }
		})
		at := func(s int) time.Time { return epoch.Add(time.Duration(s) * time.Second) }
		t0 := epoch.Unix()
		record(t, b,
			Entry{Member: 1, Torrent: 10, Left: 0, Active: true, At: at(0)},
			Entry{Member: 1, Torrent: 10, Up: 100, RawUp: 100, SeedTime: 30 * time.Second, Active: true, At: at(30)},
			Entry{Member: 2, Torrent: 10, Down: 0, RawDown: 100, Left: 50, Active: true, At: at(30)},
			Entry{Member: 1, Torrent: 11, Up: 5, Down: 7, RawUp: 5, RawDown: 7, Left: 3, Active: true, At: at(31)},
		)
		flush(t, b)
		record(t, b,
			Entry{Member: 2, Torrent: 10, Down: 50, RawDown: 50, Left: 0, Completion: Completed, Active: true, At: at(60)},
			Entry{Member: 1, Torrent: 10, Up: 50, RawUp: 50, SeedTime: 30 * time.Second, Active: false, At: at(60)},
		)
		counts = []Count{{Torrent: 10, Seeders: 1}, {Torrent: 11}}
		flush(t, b)
		flush(t, b) // nothing new
		want(t, d, readMembers, []int64{1, 155, 7}, []int64{2, 0, 50})
		want(t, d, readTorrents, []int64{10, 150, 50, 1}, []int64{11, 5, 7, 0})
		want(t, d, readPairs,
			[]int64{1, 10, 150, 0, 150, 0, 60, 0, 0, t0, t0 + 60, 0},
			[]int64{1, 11, 5, 7, 5, 7, 0, 3, 1, t0 + 31, t0 + 31, 0},
			[]int64{2, 10, 0, 50, 0, 150, 0, 0, 1, t0 + 30, t0 + 60, t0 + 60})
		want(t, d, readCounts, []int64{10, 1, 0}, []int64{11, 0, 0})
		want(t, d, readMark, []int64{6, 6, shards})
		if b.Snatches(10) != 1 || b.Snatches(11) != 0 || b.Stats().Rows != 0 {
			t.Errorf("snatches %d, %d; %+v", b.Snatches(10), b.Snatches(11), b.Stats())
		}
		if again := newBook(t, d, func(o *Options) { o.Name = "another" }); again.Snatches(10) != 1 {
			t.Errorf("a new run reads %d snatches", again.Snatches(10))
		}
	})
}

// TestSnatchesOnce restarts the book between the steps, because only the database may
// remember who has finished what.
func TestSnatchesOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		dir := t.TempDir()
		step := func(e Entry) {
			t.Helper()
			e.Member, e.Torrent, e.Active = 1, 10, true
			b := bookIn(t, d, dir, nil)
			record(t, b, e)
			flush(t, b)
			closeBook(t, b)
		}
		snatches := func(n, at int64) {
			t.Helper()
			want(t, d, "SELECT snatches FROM transfer_torrent", []int64{n})
			want(t, d, "SELECT snatched_at FROM transfer_member_torrent", []int64{at})
		}
		step(Entry{Left: 0, Completion: MaybeCompleted, At: time.Unix(100, 0)}) // a seeder from the start
		snatches(0, 0)
		step(Entry{Left: 9, At: time.Unix(200, 0)})
		step(Entry{Left: 9, Completion: NoCompletion, At: time.Unix(250, 0)})
		snatches(0, 0)
		step(Entry{Left: 0, Completion: MaybeCompleted, At: time.Unix(300, 0)}) // the tracker was restarted in between
		snatches(1, 300)
		step(Entry{Left: 0, Completion: Completed, At: time.Unix(400, 0)})
		step(Entry{Left: 9, At: time.Unix(500, 0)})
		step(Entry{Left: 0, Completion: MaybeCompleted, At: time.Unix(600, 0)})
		step(Entry{Left: 0, Completion: Completed, At: time.Unix(700, 0)})
		snatches(1, 300)
	})
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBook(t, d, nil)
		record(t, b, // all within one flush
			Entry{Member: 1, Torrent: 10, Left: 9, At: time.Unix(100, 0)},
			Entry{Member: 1, Torrent: 10, Left: 0, Completion: Completed, At: time.Unix(200, 0)},
			Entry{Member: 1, Torrent: 10, Left: 0, Completion: Completed, At: time.Unix(300, 0)},
			Entry{Member: 2, Torrent: 10, Left: 0, Completion: Completed, At: time.Unix(300, 0)})
		flush(t, b)
		want(t, d, "SELECT snatches FROM transfer_torrent", []int64{2})
		want(t, d, "SELECT snatched_at FROM transfer_member_torrent ORDER BY member_id", []int64{200}, []int64{300})
	})
}

func exec(t testing.TB, d *db.DB, query string) {
	t.Helper()
	err := d.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), query); return err })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// TestOutage renames a table, so that flushes fail half way.
func TestOutage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		counts := []Count{{Torrent: 10, Seeders: 9}}
		b := newBook(t, d, func(o *Options) {
			o.Counts = func() []Count { taken := counts; counts = nil; return taken }
		})
		e := Entry{Member: 1, Torrent: 10, Up: 7, RawUp: 7, At: epoch}
		record(t, b, e)
		exec(t, d, "ALTER TABLE transfer_torrent RENAME TO elsewhere")
		for range 3 {
			if err := b.Flush(t.Context()); err == nil {
				t.Fatal("a flush without its table succeeded")
			}
			record(t, b, e)
			counts = []Count{{Torrent: 10, Seeders: 3}, {Torrent: 11, Leechers: 1}}
		}
		want(t, d, readMembers)
		want(t, d, readMark, []int64{0, 0, shards})
		e.Torrent = 11
		record(t, b, e, e) // one row waits, behind it five that are not merged yet
		commit(t, b)
		if s := b.Stats(); s.Rows != 6 || s.Failures != 3 || s.Lag != 6 {
			t.Errorf("during the outage: %+v", s)
		}
		exec(t, d, "ALTER TABLE elsewhere RENAME TO transfer_torrent")
		flush(t, b)
		want(t, d, readMembers, []int64{1, 6 * 7, 0})
		want(t, d, readTorrents, []int64{10, 4 * 7, 0, 0}, []int64{11, 2 * 7, 0, 0})
		want(t, d, readMark, []int64{6, 6, shards})
		want(t, d, readCounts, []int64{10, 3, 0}, []int64{11, 0, 1})
		if s := b.Stats(); s.Rows != 0 || s.Lag != 0 {
			t.Errorf("after the outage: %+v", s)
		}
	})
}

// TestDoubtfulCommit writes a batch whose first commit seemed to fail.
func TestDoubtfulCommit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBook(t, d, nil)
		record(t, b, Entry{Member: 1, Torrent: 10, Up: 7, Left: 0, Completion: Completed, At: epoch})
		b.take(0, nil)
		if err := b.write(t.Context(), b.pending[0]); err != nil {
			t.Fatal(err)
		}
		record(t, b, Entry{Member: 1, Torrent: 10, Up: 5, At: epoch})
		flush(t, b) // as when the answer to the commit was lost
		want(t, d, readMembers, []int64{1, 12, 0})
		want(t, d, readTorrents, []int64{10, 12, 0, 1})
		want(t, d, readMark, []int64{2, 2, shards})
		if b.Snatches(10) != 1 {
			t.Errorf("%d snatches in memory", b.Snatches(10))
		}
	})
}

// TestHalves splits batches that could not be written, whether they were committed
// after all or not.
func TestHalves(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const members = 3 * smallBatch
		b := newBook(t, d, nil)
		all := func() {
			for m := range members {
				record(t, b, Entry{Member: core.MemberID(m + 1), Torrent: 10, Up: 7, Completion: Completed, At: epoch})
			}
		}
		all()
		b.take(0, []Count{{Torrent: 10, Seeders: members}})
		inTime(t, func() error { return b.write(t.Context(), b.pending[0]) })
		b.pending = b.pending[0].split()
		b.pending = slices.Concat(b.pending[0].split(), b.pending[1:]) // as when the answer to the commit was lost
		flush(t, b)
		if b.Snatches(10) != members || b.Stats().Rows != 0 {
			t.Errorf("%d snatches in memory, %d rows", b.Snatches(10), b.Stats().Rows)
		}
		all()
		exec(t, d, "ALTER TABLE transfer_torrent RENAME TO elsewhere")
		for n := range 5 {
			if err := b.Flush(t.Context()); err == nil {
				t.Fatal("a flush without its table succeeded")
			}
			if want := min(n+2, 3); len(b.pending) != want {
				t.Errorf("try %d: %d batches, want %d", n, len(b.pending), want)
			}
		}
		exec(t, d, "ALTER TABLE elsewhere RENAME TO transfer_torrent")
		flush(t, b)
		want(t, d, readTorrents, []int64{10, 2 * 7 * members, 0, members})
		want(t, d, "SELECT COUNT(*), MIN(uploaded), MAX(uploaded) FROM transfer_member", []int64{members, 14, 14})
		want(t, d, readMark, []int64{2 * members, 2 * members, shards})
		want(t, d, readCounts, []int64{10, members, 0})
		if b.Snatches(10) != members || b.Stats().Rows != 0 {
			t.Errorf("%d snatches in memory, %d rows", b.Snatches(10), b.Stats().Rows)
		}
	})
}

// TestDatabaseForgets puts the database back to an earlier state, as if a replica had
// taken over that lacks the last commits.
func TestDatabaseForgets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBook(t, d, nil)
		for n := range 3 {
			for m := range 100 {
				record(t, b, Entry{Member: core.MemberID(m + 1), Torrent: 10, Up: 7, At: epoch.Add(time.Duration(n) * time.Second)})
			}
			flush(t, b)
		}
		for _, q := range []string{"DELETE FROM transfer_member", "DELETE FROM transfer_torrent", "DELETE FROM transfer_member_torrent", "UPDATE ledger_mark SET position = 0"} {
			exec(t, d, q)
		}
		flush(t, b) // nothing is new, so the marks are not read
		record(t, b, Entry{Member: 1, Torrent: 10, Up: 1, At: epoch})
		flush(t, b)
		want(t, d, readTorrents, []int64{10, 2101, 0, 0})
		want(t, d, "SELECT COUNT(*), MIN(uploaded), MAX(uploaded) FROM transfer_member", []int64{100, 21, 22})
		want(t, d, readMark, []int64{301, 301, shards})
		exec(t, d, "UPDATE ledger_mark SET position = 400 WHERE ledger = 'tracker/01'")
		record(t, b, Entry{Member: 1, Torrent: 10, Up: 1, At: epoch})
		if err := b.Flush(t.Context()); core.CodeOf(err) != core.Conflict {
			t.Errorf("another tracker's mark: %v", err)
		}
	})
}

// TestOneProcess opens a journal twice.
func TestOneProcess(t *testing.T) {
	d, dir := dbtest.SQLite(t), t.TempDir()
	b := bookIn(t, d, dir, nil)
	if _, err := Open(t.Context(), d, options(dir)); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("opened twice: %v", err)
	}
	closeBook(t, b)
	bookIn(t, d, dir, nil)
}

// TestAbsurdSums credits more than a column can hold, several times.
func TestAbsurdSums(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBook(t, d, nil)
		for range 3 {
			for range 3 {
				record(t, b, Entry{Member: 1, Torrent: 10, Up: math.MaxInt64, Down: 1, RawUp: math.MaxInt64, At: epoch})
				record(t, b, Entry{Member: 2, Torrent: 10, Up: 1, At: epoch})
			}
			flush(t, b)
		}
		want(t, d, readMembers, []int64{1, maxSum, 9}, []int64{2, 9, 0})
		want(t, d, readTorrents, []int64{10, maxSum, 9, 0})
	})
}

// TestConcurrentRecords flushes while many goroutines record, and compares the
// sums to the byte. More than one batch is written.
func TestConcurrentRecords(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		const workers, members, torrents, rounds = 4, 40, 10, 5
		b := newBook(t, d, func(o *Options) { o.FlushEvery = 5 * time.Millisecond })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		var wg sync.WaitGroup
		for range workers {
			wg.Go(func() {
				for range rounds {
					for m := range members {
						for n := range torrents {
							if _, err := b.Record(Entry{Member: core.MemberID(m + 1), Torrent: core.TorrentID(n + 1), Up: 3, Down: 2, At: epoch}); err != nil {
								t.Error(err)
							}
						}
					}
				}
			})
		}
		wg.Wait()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		const records = workers * rounds * members * torrents
		want(t, d, "SELECT COUNT(*), SUM(uploaded), SUM(downloaded) FROM transfer_member", []int64{members, 3 * records, 2 * records})
		want(t, d, "SELECT COUNT(*), SUM(uploaded), SUM(downloaded) FROM transfer_torrent", []int64{torrents, 3 * records, 2 * records})
		want(t, d, readMark, []int64{records, records, shards})
	})
}

func TestManyBatches(t *testing.T) {
	d := dbtest.SQLite(t)
	b := newBook(t, d, nil)
	for n := range 2*maxBatch + 1 {
		record(t, b, Entry{Member: core.MemberID(n + 1), Torrent: 1, Up: 1, At: epoch})
	}
	flush(t, b)
	want(t, d, readTorrents, []int64{1, 2*maxBatch + 1, 0, 0})
	want(t, d, readMark, []int64{2*maxBatch + 1, 2*maxBatch + 1, shards})
}

// TestDrainGivesUp stops while the database takes nothing: the next run writes what is
// left.
func TestDrainGivesUp(t *testing.T) {
	d, dir := dbtest.SQLite(t), t.TempDir()
	b := bookIn(t, d, dir, nil)
	record(t, b, Entry{Member: 1, Torrent: 1, Up: 1, At: epoch})
	exec(t, d, "ALTER TABLE transfer_torrent RENAME TO elsewhere")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Run(ctx); err != nil {
		t.Error(err)
	}
	exec(t, d, "ALTER TABLE elsewhere RENAME TO transfer_torrent")
	want(t, d, readMembers)
	flush(t, bookIn(t, d, dir, nil))
	want(t, d, readMembers, []int64{1, 1, 0})
}

func TestTidy(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBook(t, d, func(o *Options) {
			o.Counts = func() []Count { return []Count{{10, 2, 5}, {11, 1, 1}, {12, 0, 0}} }
		})
		hour := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Hour) }
		record(t, b,
			Entry{Member: 1, Torrent: 10, Active: true, Left: 0, At: hour(-9)},
			Entry{Member: 2, Torrent: 10, Active: true, Left: 0, At: hour(-1)},
			Entry{Member: 3, Torrent: 10, Active: true, Left: 5, At: hour(-1)},
			Entry{Member: 4, Torrent: 10, Active: false, Left: 5, At: hour(-1)},
			Entry{Member: 1, Torrent: 11, Active: true, Left: 0, At: hour(-9)})
		flush(t, b)
		if err := b.Tidy(t.Context(), hour(-2), hour(-1), everything); err != nil {
			t.Fatal(err)
		}
		want(t, d, readCounts, []int64{10, 2, 5}, []int64{11, 1, 1}, []int64{12, 0, 0}) // written since then
		if err := b.Tidy(t.Context(), hour(-2), hour(1), everything); err != nil {
			t.Fatal(err)
		}
		want(t, d, readCounts, []int64{10, 1, 1}, []int64{11, 0, 0}, []int64{12, 0, 0})
		want(t, d, "SELECT member_id, torrent_id FROM transfer_member_torrent WHERE active > 0 ORDER BY 1", []int64{2, 10}, []int64{3, 10})
	})
}

func BenchmarkRecord(b *testing.B) {
	book := newBook(b, dbtest.SQLite(b), nil)
	e := Entry{Member: 1, Torrent: 1, Up: 1, At: epoch, Record: make([]byte, 60)}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		e.Torrent = e.Torrent%5000 + 1
		made, err := book.Record(e)
		if err != nil {
			b.Fatal(err)
		}
		if n++; n%50 == 0 {
			if err := book.Commit(made); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkFlush10000(b *testing.B) {
	book := newBook(b, dbtest.SQLite(b), nil)
	b.ReportAllocs()
	for b.Loop() {
		for n := range 10_000 {
			if _, err := book.Record(Entry{Member: core.MemberID(n%1000 + 1), Torrent: core.TorrentID(n/1000 + 1), Up: 1, At: epoch}); err != nil {
				b.Fatal(err)
			}
		}
		if err := book.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func everything(core.TorrentID) bool { return true }

// TestManyRows asks for an early flush when many pairs have announced, but not when a
// few pairs announce many times, because those are merged.
func TestManyRows(t *testing.T) {
	t.Parallel()
	b := makeBook(nil, Options{Clock: time.Now})
	e := Entry{Member: 1, Up: 1, At: time.Now()}
	for range 10 * compactFrom {
		e.Torrent = e.Torrent%100 + 1
		b.merge(&e)
	}
	if n := b.rows.Load(); len(b.flushEarly) > 0 || n > compactFrom {
		t.Errorf("a hundred pairs have %d rows, early %d", n, len(b.flushEarly))
	}
	e.Member++
	n := 0
	for ; len(b.flushEarly) == 0; n++ {
		e.Torrent++
		b.merge(&e)
	}
	if n != compactFrom || !core.Wait(t.Context(), time.Hour, b.flushEarly) {
		t.Errorf("it is early after %d pairs", n)
	}
	for range 3 * compactFrom {
		e.Torrent++
		b.merge(&e)
	}
	if at := b.shards[shardOf(e.Member)].compactAt; at != 8*compactFrom || b.fullBuffers.Load() != 1 {
		t.Errorf("compacted again at %d, %d are full", at, b.fullBuffers.Load())
	}
}

func TestAfterFlush(t *testing.T) {
	t.Parallel()
	const every = 10 * time.Second
	for _, tt := range []struct{ took, wait time.Duration }{
		{0, every}, {time.Second, every}, {2 * time.Second, 18 * time.Second}, {time.Minute, 30 * time.Second},
	} {
		if got := afterFlush(every, tt.took); got != tt.wait {
			t.Errorf("after a flush of %v it waits %v, want %v", tt.took, got, tt.wait)
		}
	}
}
