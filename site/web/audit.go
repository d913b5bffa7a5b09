package web

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Act is something that staff do on a page, as the audit log knows it. Commands
// bear the names they have on IRC.
type Act struct {
	Command   string
	Arguments string // nothing secret
	Undo      string // the command that takes it back, "" where there is none
}

// Audit writes acts of staff on the site into the audit log.
type Audit struct {
	rows *command.Audit
	log  *slog.Logger
}

// NewAudit writes into the log of d.
func NewAudit(d *db.DB, clock core.Clock, log *slog.Logger) *Audit {
	return &Audit{rows: command.NewAudit(d, clock), log: log}
}

// Do runs do with a row in the audit log: written before, completed after.
// Without the row nothing is done.
func (l *Audit) Do(v *Visit, a Act, do func() error) error {
	id, err := l.rows.Start(v.Context(), command.Entry{ActorID: v.Me.ID, ActorName: v.Me.Name, Via: audit.ViaSite, Command: a.Command, Arguments: a.Arguments})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	err = do()
	outcome, detail, undo := command.OutcomeDone, "", a.Undo
	if err != nil {
		outcome, detail, undo = command.OutcomeFailed, core.SafeText(err), ""
	}
	// The visitor may have gone, and the effect is there all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.Context()), 5*time.Second)
	defer cancel()
	if aerr := l.rows.Finish(ctx, id, outcome, detail, undo); aerr != nil {
		l.log.Error("the outcome of an act is missing from the audit log", "audit", id, "command", a.Command, "err", aerr)
	}
	return err
}
