// Package oversight is the family of commands by which staff see what was done and
// what went wrong.
//
// Concurrency: the commands have no state of their own.
package oversight

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// Deps is what the family works on.
type Deps struct {
	Audit   *audit.Log
	Events  *eventlog.Log
	Members *member.Store
	Guard   *guess.Guard
	Rates   *rates.Store
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.log(), d.skipped(), d.again(), d.drop(), d.limits(), d.clearLimits()}
}

const logLines = 15

type logArgs struct {
	Member *member.Member `arg:"member"`
}

func (d Deps) log() command.Command {
	return command.Question[logArgs]{
		Spec: command.Spec{Name: "audit", Summary: "who did what, newest first; with a member, what they did and what was done to them", Permission: core.AuditRead},
		Run: func(ctx context.Context, _ command.Call, a logArgs) (command.Reply, error) {
			var rows []audit.Entry
			var err error
			if a.Member != nil {
				rows, err = d.Audit.About(ctx, a.Member.ID, a.Member.Name, logLines)
			} else {
				rows, err = d.Audit.Recent(ctx, logLines)
			}
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Entry", "When", "Who", "By", "What", "Outcome"}, Empty: "Nothing is on record."}
			for _, e := range rows {
				t.Rows = append(t.Rows, logRow(e))
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func logRow(e audit.Entry) command.Row {
	outcome := string(e.Outcome)
	if e.Outcome != audit.Done && e.Detail != "" {
		outcome += ": " + e.Detail
	}
	if e.Outcome == audit.Done && e.UndoWith != "" {
		outcome += " [undo: " + e.UndoWith + "]"
	}
	return command.Row{
		Cells: []string{fmt.Sprintf("#%d", e.ID), text.Instant(e.At), e.ActorName, string(e.Via), e.Command + " " + e.Arguments, outcome},
		Text:  fmt.Sprintf("#%d %s %s (%s): %s %s: %s", e.ID, text.Instant(e.At), e.ActorName, e.Via, e.Command, e.Arguments, outcome),
	}
}
