package site

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// act is something that staff do on a page, as the audit log knows it. Commands
// bear the names they have on IRC.
type act struct {
	command   string
	arguments string // nothing secret
	undo      string // the command that takes it back, "" where there is none
}

// audited runs do, and writes what came of it into the audit log.
func (s *server) audited(v *visit, a act, do func() error) error {
	err := do()
	e := audit.Entry{ActorID: v.me.ID, ActorName: v.me.Name, Via: audit.ViaSite, Command: a.command, Arguments: a.arguments, Outcome: audit.Done, UndoWith: a.undo}
	if err != nil {
		e.Outcome, e.Detail, e.UndoWith = audit.Failed, core.SafeText(err), ""
	}
	// The visitor may have gone, and the effect is there all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v), 5*time.Second)
	defer cancel()
	if _, aerr := s.Audit.Note(ctx, e); aerr != nil {
		s.Log.Error("an act is missing from the audit log", "command", a.command, "err", aerr)
	}
	return err
}
