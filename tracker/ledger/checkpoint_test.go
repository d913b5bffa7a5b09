package ledger

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestSettledMark keeps the journal of what the database has only just committed:
// after an outage of a minute that is a minute's announces.
func TestSettledMark(t *testing.T) {
	t.Parallel()
	var l settledMark
	for _, c := range []struct {
		after   time.Duration // since the start
		flushed uint64
		want    uint64
	}{
		{0, 100, 0}, // found at the start; nobody knows how long it was there
		{settleTime - time.Second, 200, 0},
		{settleTime, 300, 100},
		{settleTime + time.Second, 9_000, 100},
		{2*settleTime - time.Second, 9_000, 100},
		{2 * settleTime, 9_500, 300},
		{3 * settleTime, 9_500, 9_500},
		{time.Hour, 9_500, 9_500},
	} {
		if got := l.advance(c.flushed, epoch.Add(c.after)); got != c.want {
			t.Errorf("after %v with %d in the database: %d has lasted, want %d", c.after, c.flushed, got, c.want)
		}
	}
}

// TestSettledMarkOfADatabaseThatForgot begins anew once a database has lost something.
func TestSettledMarkOfADatabaseThatForgot(t *testing.T) {
	t.Parallel()
	var l settledMark
	l.advance(100, epoch)
	l.advance(300, epoch.Add(settleTime))
	l.forget()
	for _, c := range []struct {
		after time.Duration
		want  uint64
	}{{2 * settleTime, 100}, {3*settleTime - time.Second, 100}, {3 * settleTime, 400}} {
		if got := l.advance(400, epoch.Add(c.after)); got != c.want {
			t.Errorf("after %v: %d has lasted, want %d", c.after, got, c.want)
		}
	}
}

// TestTimeWithoutTheDatabaseSettlesNothing keeps in the journal what a database may have
// lost that was killed right after a commit, however long it is away.
func TestTimeWithoutTheDatabaseSettlesNothing(t *testing.T) {
	now := epoch
	b := newBook(t, dbtest.SQLite(t), func(o *Options) { o.Clock = func() time.Time { return now } })
	entry := func() {
		record(t, b, Entry{Member: 1, Torrent: 10, Up: 7, At: now})
		commit(t, b)
		flush(t, b)
	}
	settled := func() uint64 {
		t.Helper()
		if err := b.forget(); err != nil {
			t.Fatal(err)
		}
		return b.settled.old
	}
	entry()
	for range 5 { // nothing is written, as in an outage
		if got := settled(); got != 0 {
			t.Fatalf("%v after the commit %d has settled", now.Sub(epoch), got)
		}
		now = now.Add(time.Minute)
	}
	entry() // the database is there, and has what it had
	if got := settled(); got != 1 {
		t.Errorf("after the next commit %d has settled, want 1", got)
	}
}
