package ledger

import (
	"testing"
	"time"
)

// TestLasting keeps the journal for what the database has only just committed, as
// after an outage of a minute that is a minute's announces.
func TestLasting(t *testing.T) {
	t.Parallel()
	var l lasting
	for _, c := range []struct {
		after   time.Duration // since the start
		flushed uint64
		want    uint64
	}{
		{0, 100, 0}, // found at the start, and who knows for how long it was there
		{lastsAfter - time.Second, 200, 0},
		{lastsAfter, 300, 100},
		{lastsAfter + time.Second, 9_000, 100},
		{2*lastsAfter - time.Second, 9_000, 100},
		{2 * lastsAfter, 9_500, 300},
		{3 * lastsAfter, 9_500, 9_500},
		{time.Hour, 9_500, 9_500},
	} {
		if got := l.upto(c.flushed, epoch.Add(c.after)); got != c.want {
			t.Errorf("after %v with %d in the database: %d has lasted, want %d", c.after, c.flushed, got, c.want)
		}
	}
}
