package ledger

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

const crowdSize = 1000

// testLedger is a ledger that a test opens several times.
type testLedger struct {
	*Book
	t   *testing.T
	d   *db.DB
	dir string
	log *bytes.Buffer
}

func newTestLedger(t *testing.T) *testLedger {
	t.Helper()
	l := &testLedger{t: t, d: dbtest.SQLite(t), dir: t.TempDir()}
	l.open()
	return l
}

func (l *testLedger) open() {
	l.t.Helper()
	l.log = &bytes.Buffer{}
	l.Book = bookIn(l.t, l.d, l.dir, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(l.log, nil)) })
}

func (l *testLedger) again() {
	l.t.Helper()
	closeBook(l.t, l.Book)
	l.open()
}

// announce lets every client announce.
func (l *testLedger) announce(up int64) {
	l.t.Helper()
	crowd(l.t, l.Book, crowdSize, up, epoch.Add(time.Duration(up)*time.Second))
	commit(l.t, l.Book)
}

func (l *testLedger) checkpoint() {
	l.t.Helper()
	if err := l.Checkpoint(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
}

// image returns a snapshot of the swarms.
func (l *testLedger) image() []byte {
	l.t.Helper()
	var b bytes.Buffer
	if err := l.o.Swarms.Snapshot(&b, nil); err != nil {
		l.t.Fatal(err)
	}
	return b.Bytes()
}

// wants compares what is in the database after a flush, and how many clients there are.
func (l *testLedger) wants(up int64, clients int) {
	l.t.Helper()
	flush(l.t, l.Book)
	want(l.t, l.d, "SELECT SUM(uploaded) FROM transfer_member", []int64{up * crowdSize})
	if n := l.o.Swarms.Totals(); n.Seeders+n.Leechers != clients {
		l.t.Errorf("%d clients, want %d\n%s", n.Seeders+n.Leechers, clients, l.log)
	}
}

func (l *testLedger) said(part string) {
	l.t.Helper()
	if !strings.Contains(l.log.String(), part) {
		l.t.Errorf("the log does not say %q:\n%s", part, l.log)
	}
}

func (l *testLedger) files(suffix string) []string {
	l.t.Helper()
	list, err := filepath.Glob(filepath.Join(l.dir, "*"+suffix))
	if err != nil {
		l.t.Fatal(err)
	}
	return list
}

func damage(t *testing.T, path string, at int) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(raw)
	}
	raw[at] ^= 0xff
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRecover restarts at any point and wants the same books and swarms as without a
// restart.
func TestRecover(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	for n := range int64(12) {
		l.announce(10 * n)
		if n%3 == 1 {
			l.checkpoint()
		}
		if n%4 == 2 {
			flush(t, l.Book)
		}
		before := l.image()
		l.again()
		if !bytes.Equal(l.image(), before) {
			t.Fatalf("round %d: the swarms are others after a restart", n)
		}
	}
	l.again()
	l.again() // a replay changes nothing
	l.wants(110, crowdSize)
	if n := len(l.files(".checkpoint")); n != 2 {
		t.Errorf("%d checkpoints are kept, want 2", n)
	}
}

// TestTornTail loses the last group, as in a power failure: the clients' next announces
// carry its credit again.
func TestTornTail(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.announce(0)
	l.announce(5)
	segment := l.files(".wal")[0]
	torn, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	closeBook(t, l.Book)
	if err := os.WriteFile(segment, torn[:len(torn)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	l.open()
	l.said("the end of the journal was cut")
	l.announce(7)
	l.wants(7, crowdSize)
}

// TestBadCheckpoints goes back to an older checkpoint, or to the journal alone.
func TestBadCheckpoints(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	for n := range int64(4) {
		l.announce(n)
		l.checkpoint()
	}
	closeBook(t, l.Book)
	damage(t, l.files(".checkpoint")[1], 5000)
	l.open()
	l.said("a checkpoint is damaged")
	l.announce(4)
	closeBook(t, l.Book)
	damage(t, l.files(".checkpoint")[0], 5000)
	l.open()
	l.said("no checkpoint can be read")
	l.announce(5)
	l.wants(5, crowdSize)
}

// TestJournalGone loses the journal, with and without its checkpoints, or puts an
// old copy back. Nobody may be credited twice.
func TestJournalGone(t *testing.T) {
	t.Parallel()
	for _, suffixes := range [][]string{{".wal"}, {".wal", ".checkpoint"}} {
		l := newTestLedger(t)
		l.announce(0)
		l.checkpoint()
		l.announce(5)
		flush(t, l.Book)
		closeBook(t, l.Book)
		for _, suffix := range suffixes {
			for _, f := range l.files(suffix) {
				if err := os.Remove(f); err != nil {
					t.Fatal(err)
				}
			}
		}
		l.open()
		l.said("the journal ends before what is known to have been recorded")
		l.wants(5, 0)
		l.announce(7) // counting starts from here
		l.again()
		if strings.Contains(l.log.String(), "level=ERROR") {
			t.Errorf("another start complains again:\n%s", l.log)
		}
		l.announce(9)
		l.wants(7, crowdSize)
	}
}

func TestOldJournalPutBack(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.announce(0)
	l.checkpoint()
	l.announce(5)
	closeBook(t, l.Book)
	copies := map[string][]byte{}
	for _, f := range slices.Concat(l.files(".wal"), l.files(".checkpoint")) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		copies[f] = raw
	}
	l.open()
	l.announce(9)
	flush(t, l.Book)
	closeBook(t, l.Book)
	for _, f := range slices.Concat(l.files(".wal"), l.files(".checkpoint")) {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	for f, raw := range copies {
		if err := os.WriteFile(f, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.open()
	l.said("the journal ends before what is known to have been recorded")
	l.announce(11)
	l.again()
	l.announce(12)
	l.wants(10, crowdSize)
}

// TestOldDatabasePutBack empties the database while the tracker is stopped: the journal
// restores what it still holds.
func TestOldDatabasePutBack(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.announce(0)
	l.announce(5)
	flush(t, l.Book)
	closeBook(t, l.Book)
	for _, q := range []string{"DELETE FROM transfer_member", "DELETE FROM transfer_torrent", "DELETE FROM transfer_member_torrent", "DELETE FROM ledger_mark"} {
		exec(t, l.d, q)
	}
	l.open()
	l.wants(5, crowdSize)
}

// TestDamagedJournal refuses to start, and changes nothing.
func TestDamagedJournal(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.announce(0)
	l.announce(5)
	closeBook(t, l.Book)
	damage(t, l.files(".wal")[0], 1000)
	before, err := os.ReadFile(l.files(".wal")[0])
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := Open(t.Context(), l.d, options(l.dir)); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Fatalf("opened: %v", err)
		}
	}
	after, err := os.ReadFile(l.files(".wal")[0])
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the journal was changed: %v", err)
	}
	damage(t, l.files(".wal")[0], 1000) // a good copy
	l.open()
	l.wants(5, crowdSize)
}

// TestOtherSettings restarts with other settings, which must not change what was
// decided before.
func TestOtherSettings(t *testing.T) {
	t.Parallel()
	l := newTestLedger(t)
	l.announce(0)
	l.announce(1 << 30)
	closeBook(t, l.Book)
	l.Book = bookIn(t, l.d, l.dir, func(o *Options) {
		o.Swarms = swarm.New(swarm.Config{Timeout: 2 * time.Hour, Forget: time.Hour, SeedCap: time.Second, NumWant: 1, PerMember: 1, MaxRate: 1})
	})
	l.wants(1<<30, crowdSize)
}

// TestWatch simulates outages: staff are told once that an outage began, if the
// database can be written, and once that it is over.
func TestWatch(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t)
	var mu sync.Mutex
	now := epoch
	b := newBook(t, d, func(o *Options) {
		o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
		o.Events = eventlog.New(d, o.Clock)
		o.FlushEvery = time.Second
	})
	left := space{free: 1 << 40, size: 1 << 41}
	b.space = func(string) (space, error) { return left, nil }
	for n := range 400 { // seconds
		mu.Lock()
		now = now.Add(time.Second)
		mu.Unlock()
		left.free = 1 << 40
		if n >= 200 && n < 210 || n >= 215 && n < 220 {
			left.free = 1 << 20
		}
		if n == 10 {
			exec(t, d, "ALTER TABLE event RENAME TO elsewhere")
		}
		if n == 100 {
			exec(t, d, "ALTER TABLE elsewhere RENAME TO event")
		}
		if n < 10 || n >= 100 {
			flush(t, b)
		}
		b.checkTrouble(context.Background())
		_, err := b.Record(Entry{Member: 1, Torrent: 1, At: now})
		if (err != nil) != (left.free < diskReserve) || err != nil && core.CodeOf(err) != core.Unavailable {
			t.Fatalf("second %d: %v", n, err)
		}
	}
	events, err := b.o.Events.Read(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range events {
		f, err := eventlog.Decode[eventlog.LedgerTrouble](e)
		if err != nil {
			t.Fatal(err)
		}
		told = append(told, map[bool]string{true: "over: ", false: "begins: "}[f.Over]+f.Text[:30])
	}
	want := []string{"over: transfer waits in the tracker", "begins: the tracker can't write its jo", "over: the tracker can't write its jo"}
	for i := range max(len(told), len(want)) {
		if i >= len(told) || i >= len(want) || !strings.HasPrefix(want[i], told[i][:20]) {
			t.Fatalf("told %q, want %q", told, want)
		}
	}
}
