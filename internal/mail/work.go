package mail

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// How long and how often a letter is tried.
const (
	maxTries  = 12
	longest   = 72 * time.Hour // from when it was put
	firstWait = time.Minute    // doubled with each try
	lastWait  = 12 * time.Hour
	claimTime = 5 * time.Minute // after which a letter that is being sent counts as left behind
	batch     = 50              // letters over one connection
	maxError  = 200             // bytes of last_error
)

// How long rows are kept, from their end on.
const (
	keepFailed = 7 * 24 * time.Hour // the content of failed letters, for "mail again"
	keepRows   = 30 * 24 * time.Hour
	keepIdle   = 24 * time.Hour // of decoys, and of what was one too many
)

// What last_error says of letters that no server has refused.
const (
	byStaff  = "taken away by staff"
	isDecoy  = "it had no address"
	tooLong  = "no mail server took it in three days"
	unopened = "what is in it can't be read: it was sealed with another site key"
)

// due is a letter whose turn it is.
type due struct {
	id, member  int64
	kind        string
	state       State
	tries, next int64
	created     time.Time
	once, box   []byte
}

// next returns up to limit letters whose turn it is, as far as the pace allows: first those that
// may not be switched off.
func (q *Queue) next(ctx context.Context, limit int) ([]due, error) {
	now := q.clock()
	sent, _, err := db.One(ctx, q.db, db.Value[int64], "SELECT COUNT(*) FROM mail WHERE state = ? AND ended_at > ? AND ended_at <= ?",
		string(Sent), now.Add(-time.Hour).Unix(), core.Horizon(now, 0).Unix())
	if err != nil {
		return nil, fmt.Errorf("count what was sent: %w", err)
	}
	left := q.config.PerHour - int(sent)
	list, err := q.turn(ctx, false, min(limit, left), now)
	if err != nil {
		return nil, err
	}
	left = max(1, q.config.PerHour*4/5) - int(sent) - len(list)
	bulk, err := q.turn(ctx, true, min(limit-len(list), left), now)
	return append(list, bulk...), err
}

// turn reads letters whose turn it is. Those that were left behind while they were sent are
// among them, and those whose turn lies further ahead than it can.
func (q *Queue) turn(ctx context.Context, bulk bool, limit int, now time.Time) ([]due, error) {
	if limit <= 0 {
		return nil, nil
	}
	list, err := db.All(ctx, q.db, func(sc db.Scanner) (d due, err error) {
		var created int64
		err = sc.Scan(&d.id, &d.member, &d.kind, &d.state, &d.tries, &d.next, &created, &d.once, &d.box)
		d.created = time.Unix(created, 0)
		return d, err
	}, `SELECT id, member_id, kind, state, tries, next_at, created_at, once_mac, box FROM mail
		WHERE state IN (?, ?) AND bulk = ? AND (next_at <= ? OR next_at > ?) ORDER BY next_at, id LIMIT ?`,
		string(Queued), string(Sending), toInt(bulk), now.Unix(), core.Horizon(now, lastWait).Unix(), limit)
	if err != nil {
		return nil, fmt.Errorf("read the letters whose turn it is: %w", err)
	}
	return list, nil
}

// claim marks a letter as being sent, and counts the try. It reports false where another
// process has taken it, or staff have taken it away.
func (q *Queue) claim(ctx context.Context, d *due) (ok bool, err error) {
	next := q.clock().Add(claimTime).Unix()
	err = q.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE mail SET state = ?, tries = tries + 1, next_at = ? WHERE id = ? AND state = ? AND tries = ? AND next_at = ?",
			string(Sending), next, d.id, string(d.state), d.tries, d.next)
		ok = n == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("take letter %d: %w", d.id, err)
	}
	d.state, d.tries, d.next = Sending, d.tries+1, next
	return ok, nil
}

// settling is for what must still be written when the time for the run is over.
const settling = 5 * time.Second

// settle writes what came of a letter that this process has claimed, or of one that needed no
// sending. It does so even if ctx has ended.
func (q *Queue) settle(ctx context.Context, d due, v verdict, why string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	now := q.clock()
	st, next := v.state(), now
	if st == Queued {
		if d.tries >= maxTries || now.Sub(d.created) >= longest {
			st = Failed
		} else {
			next = now.Add(pause(d.tries, rand.Float64())) //nolint:gosec // no secret: it only spreads load
		}
	}
	err := q.db.Tx(ctx, func(tx *db.Tx) error {
		query, args := "UPDATE mail SET state = ?, next_at = ?, last_error = ?, ended_at = ?", []any{string(st), next.Unix(), text.Cut(why, maxError), ended(st, now)}
		if st == Sent || st == Dropped {
			query += ", kept = 0, box = ?"
			args = append(args, []byte{})
		}
		n, err := tx.Exec(ctx, query+" WHERE id = ? AND state = ? AND tries = ?", append(args, d.id, string(d.state), d.tries)...)
		if err != nil || n == 0 || st != Failed {
			return err
		}
		return q.tell(ctx, tx, d, v == noAddress)
	})
	if err != nil {
		return fmt.Errorf("note what came of letter %d: %w", d.id, err)
	}
	return nil
}

func (q *Queue) tell(ctx context.Context, tx *db.Tx, d due, address bool) error {
	_, err := q.log.Append(ctx, tx, eventlog.MailFailed{Mail: d.id, Member: core.MemberID(d.member), Kind: d.kind, Address: address})
	return err
}

// pause is how long a letter waits after so many tries, spread by chance (from 0 to 1).
func pause(tries int64, chance float64) time.Duration {
	wait := firstWait
	for range tries - 1 {
		wait = min(2*wait, lastWait)
	}
	return time.Duration(float64(wait) * (0.75 + 0.25*chance))
}

// expire gives up to limit letters up that have waited for too long, and returns how many.
func (q *Queue) expire(ctx context.Context, limit int) (n int64, err error) {
	now := q.clock()
	err = q.db.Tx(ctx, func(tx *db.Tx) error {
		n = 0
		old, err := db.All(ctx, tx, func(sc db.Scanner) (d due, err error) {
			return d, sc.Scan(&d.id, &d.member, &d.kind, &d.state, &d.tries)
		}, "SELECT id, member_id, kind, state, tries FROM mail WHERE state IN (?, ?) AND created_at <= ? ORDER BY id LIMIT ?",
			string(Queued), string(Sending), now.Add(-longest).Unix(), limit)
		if err != nil {
			return err
		}
		for _, d := range old {
			done, err := tx.Exec(ctx, `UPDATE mail SET state = ?, ended_at = ?, last_error = CASE WHEN last_error = '' THEN ? ELSE last_error END
				WHERE id = ? AND state = ? AND tries = ?`, string(Failed), now.Unix(), tooLong, d.id, string(d.state), d.tries)
			if err == nil && done == 1 {
				n++
				err = q.tell(ctx, tx, d, false)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("give letters up: %w", err)
	}
	return n, nil
}

// Prune wipes what is in letters that failed a week ago, and deletes what ended a month ago, of up
// to limit rows each. It returns of how many. What ended in the future was written by a wrong
// clock, and goes, too.
func (q *Queue) Prune(ctx context.Context, limit int) (n int64, err error) {
	now := q.clock()
	ahead := core.Horizon(now, 0).Unix()
	for _, step := range []struct {
		do, where string
		args      []any
	}{
		{"UPDATE mail SET kept = 0, box = x''", "state = ? AND kept = 1 AND (ended_at < ? OR ended_at > ?)", []any{string(Failed), now.Add(-keepFailed).Unix(), ahead}},
		{"DELETE FROM mail", "state IN (?, ?, ?) AND (ended_at < ? OR ended_at > ?)", []any{string(Sent), string(Failed), string(Dropped), now.Add(-keepRows).Unix(), ahead}},
		{"DELETE FROM mail", "state = ? AND ended_at < ? AND last_error <> ?", []any{string(Dropped), now.Add(-keepIdle).Unix(), byStaff}},
	} {
		ids, err := db.All(ctx, q.db, db.Value[int64], "SELECT id FROM mail WHERE "+step.where+" ORDER BY id LIMIT ?", append(step.args, limit)...)
		if err == nil && len(ids) > 0 {
			err = q.db.Tx(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, step.do+" WHERE id IN ("+db.Marks(len(ids))+") AND "+step.where, append(db.Anys(ids), step.args...)...)
				return err
			})
		}
		if err != nil {
			return n, fmt.Errorf("prune the mail: %w", err)
		}
		n += int64(len(ids))
	}
	return n, nil
}

// open reads what is in a letter.
func (q *Queue) open(d due) (sealed, error) {
	raw, err := q.keys.Open(d.box, boxUse)
	if err != nil {
		return sealed{}, err
	}
	return unseal(raw)
}

// messageID is the same each time that a letter is sent, and differs from all others.
func (q *Queue) messageID(d due) string {
	return hex.EncodeToString(q.keys.MAC(messageUse, string(d.once))[:16]) + "@" + domain(q.config.From)
}
