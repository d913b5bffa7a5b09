package command

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// What the IRC network's deeds use until they write their rows with their effects.
type (
	Entry   = audit.Entry
	Outcome = audit.Outcome
)

// The outcomes and ways of before.
const (
	OutcomeStarted = audit.Started
	OutcomeDone    = audit.Done
	OutcomeFailed  = audit.Failed
	OutcomeDenied  = audit.Denied
	ViaIRC         = audit.ViaIRC
)

// Audit writes a row before an act and completes it after.
type Audit struct {
	*audit.Log
	db *db.DB
}

// NewAudit returns the log in d.
func NewAudit(d *db.DB, clock core.Clock) *Audit { return &Audit{audit.New(d, clock), d} }

// Start writes the row of something that is about to happen.
func (a *Audit) Start(ctx context.Context, e Entry) (int64, error) {
	e.Outcome = audit.Started
	return a.Note(ctx, e)
}

// Denied writes the row of something that was refused.
func (a *Audit) Denied(ctx context.Context, e Entry, why string) error {
	e.Outcome, e.Detail = audit.Denied, why
	_, err := a.Note(ctx, e)
	return err
}

// Finish records what came of a started row.
func (a *Audit) Finish(ctx context.Context, id int64, o Outcome, detail, undo string) error {
	return a.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE audit SET outcome = ?, detail = ?, undo_with = ? WHERE id = ?", o, text.Cut(text.Clean(detail), 500), text.Cut(undo, 500), id)
		return err
	})
}

// LineAddition is irc.LineAddition.
func LineAddition(l irc.Line, now time.Time) string { return irc.LineAddition(l, now) }

// LineRemoval is irc.LineRemoval.
func LineRemoval(l irc.Line) string { return irc.LineRemoval(l) }

// ParseDuration is text.ParseDuration.
func ParseDuration(s string) (time.Duration, error) { return text.ParseDuration(s) }
