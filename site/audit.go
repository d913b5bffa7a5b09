package site

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// act is something that staff do on a page, as the audit log knows it. Commands
// bear the names they have on IRC.
type act struct {
	command   string
	arguments string // nothing secret
	undo      string // the command that takes it back, "" where there is none
}

// audited runs do with a row in the audit log: written before, completed after.
// Without the row nothing is done.
func (s *server) audited(v *visit, a act, do func() error) error {
	log := command.NewAudit(s.DB, s.Clock)
	id, err := log.Start(v, command.Entry{ActorID: v.me.ID, ActorName: v.me.Name, Via: command.ViaSite, Command: a.command, Arguments: a.arguments})
	if err != nil {
		return fmt.Errorf("write the audit log: %w", err)
	}
	err = do()
	outcome, detail, undo := command.OutcomeDone, "", a.undo
	if err != nil {
		outcome, detail, undo = command.OutcomeFailed, core.SafeText(err), ""
	}
	// The visitor may have gone, and the effect is there all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v), 5*time.Second)
	defer cancel()
	if aerr := log.Finish(ctx, id, outcome, detail, undo); aerr != nil {
		s.Log.Error("the outcome of an act is missing from the audit log", "audit", id, "command", a.command, "err", aerr)
	}
	return err
}
