package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Cursor is the name of the consumer.
const Cursor = "jobs:notify"

// Consumer turns events into notifications.
type Consumer struct {
	*Store
	Members *member.Store
	Catalog *catalog.Store
	Support *Support // nil tells of nothing that was written to staff
	Joining *Joining // nil tells nobody of invites and applications but members
}

// Handlers are one for each kind of event of which somebody is told. Each writes its
// notifications in the transaction that moves the cursor. wake is called after each that
// may have something to be delivered.
func (c *Consumer) Handlers(wake func()) []eventlog.Handler {
	return append(append(c.Joining.handlers(), c.Support.handlers(c, wake)...),
		tell(c, wake, c.causeBegan),
		tell(c, wake, c.causeEnded),
		tell(c, wake, c.classGiven),
		tell(c, wake, c.secretChanged),
		tell(c, wake, c.mailReturned),
		tell(c, wake, c.newPlace),
		tell(c, wake, c.keyShown),
		tell(c, wake, c.torrentChanged),
		tell(c, wake, c.torrentDeleted),
		tell(c, wake, c.joined),
		tell(c, wake, c.given),
		tell(c, wake, c.notArrived),
		tell(c, wake, c.applied),
		tell(c, wake, c.approvalAsked),
		tell(c, wake, c.recoveryGranted),
	)
}

// tell makes a handler of a renderer: a function that reads what an event is about, and
// returns whom to tell what. It need not set Event or Once.
func tell[T eventlog.Body](c *Consumer, wake func(), render func(ctx context.Context, tx *db.Tx, body T) ([]Note, error)) eventlog.Handler {
	return eventlog.OnTx(func(ctx context.Context, tx *db.Tx, e eventlog.Event, body T) error {
		notes, err := render(ctx, tx, body)
		if err != nil {
			return err
		}
		for _, n := range notes {
			if n.Member == 0 { // of an account that is no more
				continue
			}
			n.Event, n.Once = e.ID, fmt.Sprintf("event:%d", e.ID)
			if n, err = n.tidied(); err != nil {
				return eventlog.Faulty(err)
			}
			if _, err := c.In(tx).Write(ctx, n); err != nil {
				return err
			}
		}
		if len(notes) > 0 {
			tx.OnCommit(wake)
		}
		return nil
	})
}
