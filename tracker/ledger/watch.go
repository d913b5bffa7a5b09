package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// When staff are told.
const (
	alarmAge   = time.Minute // everything older should be in the database; or three FlushEvery, if that is more
	alarmBytes = 4 << 30     // of the journal
	calm       = 20 * time.Second
	tellAgain  = 10 * time.Second // after the database did not take what is to be told
	tellLimit  = 5 * time.Second
)

// episode is a time of trouble of one kind. It is told of twice: when it begins
// and when it has been over for a while; what can't be told at its begin, because
// the database is away, is told at its end.
type episode struct {
	since   time.Time // zero while there is none
	seen    time.Time // when the trouble was last seen
	text    string
	untold  *eventlog.LedgerTrouble
	retryAt time.Time
}

// watch looks every second whether the book is in trouble, and tells.
func (b *Book) watch(ctx context.Context) error {
	for core.Sleep(ctx, time.Second) {
		b.look(ctx)
	}
	return nil
}

func (b *Book) look(ctx context.Context) {
	b.measure()
	s, now := b.Stats(), b.o.Clock()
	var unwritable, behind string
	if s.Journal.Trouble != nil {
		unwritable = "the tracker can't write its journal, and refuses announces until it can: " + s.Journal.Trouble.Error()
	}
	switch limit := max(alarmAge, 3*b.o.FlushEvery); {
	case s.Age > limit:
		behind = fmt.Sprintf("transfer waits in the tracker's journal for the database, more than %s already", limit)
	case s.Journal.Bytes > alarmBytes:
		behind = fmt.Sprintf("the tracker's journal has grown over %v", core.Bytes(alarmBytes))
	}
	b.episodes[0].look(b, now, unwritable)
	b.episodes[1].look(b, now, behind)
	for i := range b.episodes {
		b.tell(ctx, &b.episodes[i], now)
	}
}

// look takes down whether there is trouble now.
func (e *episode) look(b *Book, now time.Time, text string) {
	switch {
	case text != "" && e.since.IsZero():
		*e = episode{since: now, seen: now, text: text}
		b.o.Log.Error("the ledger is in trouble", "what", text)
		e.untold = &eventlog.LedgerTrouble{Ledger: b.o.Name, Since: now.Unix(), Text: text}
	case text != "":
		e.seen = now
	case !e.since.IsZero() && now.Sub(e.seen) >= calm:
		b.o.Log.Info("the ledger's trouble is over", "what", e.text, "since", e.since, "until", e.seen)
		e.untold = &eventlog.LedgerTrouble{Ledger: b.o.Name, Over: true, Since: e.since.Unix(), Until: e.seen.Unix(), Text: e.text}
		e.since, e.retryAt = time.Time{}, time.Time{}
	}
}

// tell appends what is to be told to the event log, when the database takes it.
func (b *Book) tell(ctx context.Context, e *episode, now time.Time) {
	if e.untold == nil || b.o.Events == nil || now.Before(e.retryAt) {
		return
	}
	if !e.untold.Over && e.seen.Before(now) {
		return // it seems to be over: that is what will be told
	}
	ctx, cancel := context.WithTimeout(ctx, tellLimit)
	defer cancel()
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := b.o.Events.Append(ctx, tx, *e.untold)
		return err
	})
	if err != nil {
		e.retryAt = now.Add(tellAgain)
		b.o.Log.Warn("staff can't be told yet", "what", e.untold.Text, "over", e.untold.Over, "err", err)
		return
	}
	e.untold = nil
}
