package jobs

import (
	"context"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// TestNotificationsAreDeliveredAtOnce appends an event of which somebody is told, and lets
// no time pass. Of two rooms one tells it.
func TestNotificationsAreDeliveredAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		for _, name := range []string{"one", "two"} {
			r, _ := h.room(name)
			h.start(t, r)
		}
		h.caughtUp(t)
		if err := h.events.WaitFor(t.Context(), notify.Cursor, 0); err != nil { // it begins with what comes then
			t.Fatal(err)
		}
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := h.events.Append(t.Context(), tx, eventlog.ClientsChanged{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		until(t, "it is delivered", func() bool {
			runs := h.runs(t, schedule.DeliverNotifications)
			return runs[len(runs)-1].Items == 1
		})
		if runs := h.untilRuns(t, schedule.DeliverNotifications, 2); runs[1].StartedBy != schedule.ByEvent {
			t.Errorf("runs %+v", runs)
		}
	})
}

// notifications acts as a store with a number of notifications to deliver. It tells of each
// change of the list of clients.
type notifications struct{ sessions }

func (n *notifications) Handlers(wake func()) []eventlog.Handler {
	return []eventlog.Handler{eventlog.OnTx(func(_ context.Context, tx *db.Tx, _ eventlog.Event, _ eventlog.ClientsChanged) error {
		tx.OnCommit(func() {
			n.mu.Lock()
			n.left++
			n.mu.Unlock()
			wake()
		})
		return nil
	})}
}

func (n *notifications) Deliver(ctx context.Context, limit int) (int64, error) {
	return n.ExpireSessions(ctx, limit)
}

func (n *notifications) Prune(context.Context, int) (int64, error) { return 0, nil }

func (n *notifications) TellEnds(context.Context) (int64, error) { return 0, nil }
