package mail

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestHold takes what waits from the queue: nothing of it is sent unless somebody says so.
func TestHold(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		t.Parallel()
		b := newBox(t, d, onConfig())
		for _, once := range []string{"waits", "is being sent", "went"} {
			b.put(t, recovery("ann@example.org", 1, once))
		}
		b.age(t, 2, Sending, noon, "")
		b.age(t, 3, Sent, noon, "")
		if n, err := b.Hold(t.Context()); err != nil || n != 2 {
			t.Errorf("held %d: %v", n, err)
		}
		if due, err := b.next(t.Context(), 10); err != nil || len(due) > 0 {
			t.Errorf("still to be sent: %v, %v", due, err)
		}
		if n := b.count(t, "state = ?", string(Sent)); n != 1 {
			t.Errorf("%d count as sent", n)
		}
		if _, err := b.Again(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if due, err := b.next(t.Context(), 10); err != nil || len(due) != 1 || due[0].id != 1 {
			t.Errorf("asked for again: %v, %v", due, err)
		}
	})
}
