package notify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// state is how far a delivery is.
type state string

const (
	waiting state = "waiting"
	done    state = "done"    // handed over
	nowhere state = "nowhere" // the member has no place to which it could go
	failed  state = "failed"  // given up
)

const (
	maxTries  = 10
	firstWait = time.Minute
	maxWait   = time.Hour // also of what is held back after a burst
)

// Delivery is something that goes to a member by a way.
type Delivery struct {
	ID     int64 // of the notification
	Member core.MemberID
	Kind   Kind
	Title  string
	Text   string
	Link   string // a path on the site; "" for none
	Times  int    // how many alike it stands for
	Off    string // a token that switches the kind off by this way; "" where that can't be done
	Once   string // names this sending: whoever sees it twice drops the second
}

// Carrier takes notifications out of the house by one way.
type Carrier interface {
	// Ready reports whether the site has this way.
	Ready() bool
	// Carry hands something over, as a part of tx. It reports false where the member has
	// no place to which it could go.
	Carry(ctx context.Context, tx *db.Tx, d Delivery) (bool, error)
}

// Deliver hands over up to limit (1 to 500) notifications whose time has come, each in a
// transaction of its own, and returns how many it dealt with. What can't be handed over is
// tried again, up to ten times with growing waits.
func (s *Store) Deliver(ctx context.Context, limit int) (int64, error) {
	now := s.clock()
	ids, err := db.All(ctx, s.db, db.Value[int64], "SELECT id FROM delivery WHERE state = ? AND (next_at <= ? OR next_at > ?) ORDER BY next_at, id LIMIT ?",
		waiting, now.Unix(), core.Horizon(now, maxWait).Unix(), min(max(limit, 1), 500))
	if err != nil {
		return 0, fmt.Errorf("find what is to be delivered: %w", err)
	}
	var n int64
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		err := s.deliver(ctx, id)
		if err != nil && ctx.Err() == nil {
			s.log.Error("a notification could not be delivered", "delivery", id, "err", err)
			err = s.putOff(ctx, id)
		}
		if err != nil {
			return n, fmt.Errorf("deliver a notification: %w", err)
		}
		n++
	}
	return n, nil
}

func (s *Store) deliver(ctx context.Context, id int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		var d Delivery
		var way Way
		found, ok, err := db.One(ctx, tx, func(sc db.Scanner) (st state, err error) {
			return st, sc.Scan(&st, &way, &d.ID, &d.Member, &d.Kind, &d.Title, &d.Text, &d.Link, &d.Times)
		}, `SELECT d.state, d.way, n.id, n.member_id, n.kind, n.title, n.body, n.link, n.times FROM delivery d JOIN notification n ON n.id = d.notification_id WHERE d.id = ?`, id)
		if err != nil || !ok || found != waiting { // another was quicker, or it is deleted
			return err
		}
		d.Once = fmt.Sprintf("notification:%d:%d", d.ID, d.Times)
		if info, known := KindNamed(d.Kind); !known || !info.Fixed(way) {
			d.Off = s.Token(d.Member, d.Kind, way)
		}
		carrier := s.carriers[way]
		if carrier == nil || !carrier.Ready() {
			return s.settle(ctx, tx, id, nowhere)
		}
		there, err := carrier.Carry(ctx, tx, d)
		if err != nil {
			return err
		}
		if !there {
			return s.settle(ctx, tx, id, nowhere)
		}
		return s.settle(ctx, tx, id, done)
	})
}

func (s *Store) settle(ctx context.Context, tx *db.Tx, id int64, to state) error {
	_, err := tx.Exec(ctx, "UPDATE delivery SET state = ? WHERE id = ?", to, id)
	return err
}

// putOff notes that handing over has failed.
func (s *Store) putOff(ctx context.Context, id int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		tries, ok, err := db.One(ctx, tx, db.Value[int], "SELECT tries FROM delivery WHERE id = ?", id)
		if err != nil || !ok {
			return err
		}
		to, wait := waiting, min(firstWait<<min(tries, 10), maxWait)
		if tries++; tries >= maxTries {
			to = failed
		}
		wait -= rand.N(wait / 4) //nolint:gosec // no secret: it only spreads load
		_, err = tx.Exec(ctx, "UPDATE delivery SET state = ?, tries = ?, next_at = ? WHERE id = ?", to, tries, s.clock().Add(wait).Unix(), id)
		return err
	})
}
