package ledger

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// When staff are told of trouble.
const (
	alarmAge    = time.Minute // everything older should be in the database; or three times FlushEvery, if that is more
	alarmBytes  = 4 << 30     // of the journal
	quietTime   = 20 * time.Second
	reportRetry = 10 * time.Second // after the database did not take a report
	reportLimit = 5 * time.Second
)

// episode is a time of trouble of one kind. It is reported twice: when it begins and
// when it has been over for a while. If the first report can't be written because
// the database is away, only the second one is.
type episode struct {
	since      time.Time // zero while there is none
	seen       time.Time // when the trouble was last seen
	text       string
	unreported *eventlog.LedgerTrouble
	retryAt    time.Time
}

// watch checks every second whether the book is in trouble, and reports it.
func (b *Book) watch(ctx context.Context) error {
	for core.Sleep(ctx, time.Second) {
		b.checkTrouble(ctx)
	}
	return nil
}

func (b *Book) checkTrouble(ctx context.Context) {
	b.checkSpace()
	now := b.o.Clock()
	unwritable, behind := b.trouble()
	b.episodes[0].observe(b, now, unwritable)
	b.episodes[1].observe(b, now, behind)
	for i := range b.episodes {
		b.report(ctx, &b.episodes[i], now)
	}
}

// Complaint says in words for staff what trouble there is at this moment, "" for none.
func (b *Book) Complaint() string {
	unwritable, behind := b.trouble()
	return cmp.Or(unwritable, behind)
}

// trouble says whether the journal can't be written, and whether the database is behind.
func (b *Book) trouble() (unwritable, behind string) {
	s := b.Stats()
	if s.Journal.Trouble != nil {
		unwritable = "the tracker can't write its journal, and refuses announces until it can: " + s.Journal.Trouble.Error()
	}
	switch limit := max(alarmAge, 3*b.o.FlushEvery); {
	case s.Age > limit:
		behind = fmt.Sprintf("transfer waits in the tracker's journal for the database, more than %s already", limit)
	case s.Journal.Bytes > alarmBytes:
		behind = fmt.Sprintf("the tracker's journal has grown over %v", core.Bytes(alarmBytes))
	}
	return unwritable, behind
}

// observe notes whether there is trouble now; text says which, "" is none.
func (e *episode) observe(b *Book, now time.Time, text string) {
	switch {
	case text != "" && e.since.IsZero():
		*e = episode{since: now, seen: now, text: text}
		b.o.Log.Error("the ledger is in trouble", "what", text)
		e.unreported = &eventlog.LedgerTrouble{Ledger: b.o.Name, Since: now.Unix(), Text: text}
	case text != "":
		e.seen = now
	case !e.since.IsZero() && now.Sub(e.seen) >= quietTime:
		b.o.Log.Info("the ledger's trouble is over", "what", e.text, "since", e.since, "until", e.seen)
		e.unreported = &eventlog.LedgerTrouble{Ledger: b.o.Name, Over: true, Since: e.since.Unix(), Until: e.seen.Unix(), Text: e.text}
		e.since, e.retryAt = time.Time{}, time.Time{}
	}
}

// report appends the episode's report to the event log, if there is one and the
// database takes it.
func (b *Book) report(ctx context.Context, e *episode, now time.Time) {
	if e.unreported == nil || b.o.Events == nil || now.Before(e.retryAt) {
		return
	}
	if !e.unreported.Over && e.seen.Before(now) {
		return // it seems to be over: then only its end is reported
	}
	ctx, cancel := context.WithTimeout(ctx, reportLimit)
	defer cancel()
	err := b.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := b.o.Events.Append(ctx, tx, *e.unreported)
		return err
	})
	if err != nil {
		e.retryAt = now.Add(reportRetry)
		b.o.Log.Warn("staff can't be told yet", "what", e.unreported.Text, "over", e.unreported.Over, "err", err)
		return
	}
	e.unreported = nil
}
