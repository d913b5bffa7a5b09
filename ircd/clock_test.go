package ircd

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestClockThatWasAhead says something while the clock is a year ahead, and when it is right
// again: each line has the time at which it was said.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	clock := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	h := newHouse(t, nil)
	d := h.needs()
	d.Clock = clock.Now
	h.Room = New(testConfig(), d)
	h.start(t)
	alice, bob := h.join(t, "alice"), h.join(t, "bob", "server-time", "message-tags")
	const year = 365 * 24 * time.Hour
	for _, step := range []struct {
		move time.Duration
		want string
	}{{0, "2026-03-01T12:00:00"}, {year, "2027-03-01T12:00:00"}, {-year, "2026-03-01T12:00:00"}, {time.Hour, "2026-03-01T13:00:00"}} {
		clock.Add(step.move)
		alice.send("PRIVMSG bob :hello")
		for {
			l, err := bob.read()
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(l, "PRIVMSG bob :hello") {
				if !strings.Contains(l, "time="+step.want) {
					t.Errorf("at %s: %s", step.want, l)
				}
				break
			}
		}
	}
}
