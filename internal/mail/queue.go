package mail

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Queue is the table mail.
type Queue struct {
	db     db.Conn
	log    *eventlog.Log
	keys   *secret.Keyring
	clock  core.Clock
	config Config
	site   Site
}

// What keeps apart what is sealed and hashed here.
const (
	boxUse     = "mail"
	onceUse    = "mail once"
	toUse      = "mail to"
	messageUse = "mail message id"
	returnUse  = "mail return"
)

// State is what became of a letter.
type State string

// The states. Queued and Sending letters are still to go.
const (
	Queued  State = "queued"
	Sending State = "sending" // a program is at it, or was killed at it
	Sent    State = "sent"    // a mail server has taken it
	Failed  State = "failed"  // no more is tried
	Dropped State = "dropped" // a decoy, one too many, or one that staff took away
)

// The bounds of the queue. Letters of a kind that may be switched off have half of what a member
// and an address may have.
const (
	maxWaiting   = 20_000 // letters that wait, altogether
	maxForMember = 40     // that wait for one member
	maxForDay    = 20     // to one address in 24 hours
	day          = 24 * time.Hour
)

// NewQueue returns the queue of d. It fails where a letter can't be laid out for the site.
func NewQueue(d *db.DB, log *eventlog.Log, keys *secret.Keyring, clock core.Clock, c Config, s Site) (*Queue, error) {
	if s.Contact == "" {
		s.Contact = c.ReplyTo
	}
	return &Queue{db: d, log: log, keys: keys, clock: clock, config: c, site: s}, checkLayout(s)
}

// In returns the queue bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (q *Queue) In(tx *db.Tx) *Queue {
	bound := *q
	bound.db = tx
	return &bound
}

// Configured reports whether the site sends mail. Every process knows it from the
// configuration. Where it doesn't, Put fails: offer a link or a code instead.
func (q *Queue) Configured() bool { return q.config.Configured() }

// errOff says why no letter can be put.
func errOff() error {
	return core.Errorf(core.Unavailable, "this site sends no mail; whoever keeps it can set [mail] in its configuration")
}

// Put adds a letter, and reports whether it is new: false where there has been one with the same
// Once. One more than an address may get in a day, or than may wait for a member, is noted as
// dropped and not sent, without telling: whoever asks must not learn from it whether an
// address is known. Crowded tells it to those who may know.
//
// The error has code Invalid where the letter makes no sense, and Unavailable while the site sends
// no mail or too many letters wait.
func (q *Queue) Put(ctx context.Context, l Letter) (fresh bool, err error) {
	if !q.Configured() {
		return false, errOff()
	}
	kind, content, err := l.check(q.site)
	if err != nil {
		return false, err
	}
	raw, err := content.bytes()
	if err != nil {
		return false, err
	}
	bulk := l.Unsubscribe != ""
	row := db.Row{"once_mac", q.onceMAC(l.Once), "to_mac", q.toMAC(content.To), "member_id", int64(l.Member), "kind", kind, "bulk", toInt(bulk)}
	box := q.keys.Seal(raw, boxUse)
	err = q.db.Tx(ctx, func(tx *db.Tx) error {
		now := q.clock()
		st := Queued
		why, err := q.In(tx).tooMany(ctx, content.To, l.Member, bulk, now)
		if err != nil {
			return err
		}
		kept := box
		if why != "" {
			st, kept = Dropped, []byte{}
		}
		row := append(row[:len(row):len(row)], "state", string(st), "kept", toInt(len(kept) > 0), "box", kept, "tries", 0, "next_at", now.Unix(),
			"last_error", why, "created_at", now.Unix(), "ended_at", ended(st, now))
		if fresh, err = tx.InsertIgnore(ctx, "mail", row); err != nil || !fresh {
			return err
		}
		_, err = q.log.Append(ctx, tx, eventlog.MailQueued{})
		return err
	})
	if err != nil {
		return false, fmt.Errorf("put a letter into the queue: %w", err)
	}
	return fresh, nil
}

// Crowded says, as an error with code Conflict, that the address gets no more letters today
// or the member none until others have gone; nil: there is room. It is for those whose
// address it is.
func (q *Queue) Crowded(ctx context.Context, to string, m core.MemberID) error {
	to, err := CheckAddress(to)
	if err != nil {
		return err
	}
	why, err := q.tooMany(ctx, to, m, false, q.clock())
	switch {
	case err != nil:
		return err
	case why != "":
		return core.Errorf(core.Conflict, "%s; try again tomorrow", why)
	}
	return nil
}

// tooMany says why a letter is one too many; "" if it isn't. The error has code
// Unavailable where the queue is full. It asks the same of a decoy.
func (q *Queue) tooMany(ctx context.Context, to string, m core.MemberID, bulk bool, now time.Time) (string, error) {
	var waiting, member, today int64
	one := func(sc db.Scanner) (struct{}, error) { return struct{}{}, sc.Scan(&waiting, &member, &today) }
	_, _, err := db.One(ctx, q.db, one, `SELECT
		(SELECT COUNT(*) FROM (SELECT 1 FROM mail WHERE state IN (?, ?) LIMIT ?) a),
		(SELECT COUNT(*) FROM (SELECT 1 FROM mail WHERE member_id = ? AND state IN (?, ?) LIMIT ?) b),
		(SELECT COUNT(*) FROM (SELECT 1 FROM mail WHERE to_mac = ? AND created_at > ? AND state <> ? LIMIT ?) c)`,
		string(Queued), string(Sending), maxWaiting, int64(m), string(Queued), string(Sending), maxForMember,
		q.toMAC(to), now.Add(-day).Unix(), string(Dropped), maxForDay)
	if err != nil {
		return "", fmt.Errorf("count the letters that wait: %w", err)
	}
	share := int64(1)
	if bulk {
		share = 2
	}
	switch {
	case waiting >= maxWaiting:
		return "", core.Errorf(core.Unavailable, "too many letters wait to be sent; try again in an hour")
	case today >= maxForDay/share:
		return "this address has got as many letters as it may in a day", nil
	case m != 0 && member >= maxForMember/share:
		return "too many letters wait for this member", nil
	}
	return "", nil
}

// onceMAC is by what a letter about the same thing is found; "" is about a thing of its own.
func (q *Queue) onceMAC(once string) []byte {
	if once == "" {
		return q.keys.MAC(onceUse, "any "+secret.RandomHex(16))
	}
	return q.keys.MAC(onceUse, "one "+once)
}

// toMAC is by what the letters of an address are found.
func (q *Queue) toMAC(to string) []byte { return q.keys.MAC(toUse, text.FoldASCII(to)) }

// ended is the instant at which a letter of that state came to its end; 0 for one that waits.
func ended(st State, now time.Time) int64 {
	if st == Queued || st == Sending {
		return 0
	}
	return now.Unix()
}

func toInt(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
