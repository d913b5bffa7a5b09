package ledger

import (
	"testing"
	"time"
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
