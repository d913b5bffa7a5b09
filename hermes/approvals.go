package hermes

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// approvalAsked tells staff that somebody asked for an act which another one has to approve.
// What was done or dropped meanwhile isn't told any more.
func (n *notices) approvalAsked(ctx context.Context, _ eventlog.Event, a eventlog.ApprovalAsked) error {
	w, waits, err := n.deps.Commands.WaitingByID(ctx, a.Act)
	if err != nil || !waits {
		return err
	}
	return n.tell(ctx, n.cfg.StaffChannel, askedLine(w))
}

// askedLine tells what waits. How to approve it comes first, so that it is never cut off.
func askedLine(w command.Waiting) string {
	return fmt.Sprintf("%s asks for approval by another member of staff, until %s: !approve %s or !pending drop %s. %s: %s",
		w.Asker, stamp(w.Expires), w.Code, w.Code, text.Cut(w.Line, 150), strings.Join(w.Preview, " "))
}

// approvalGiven tells staff who approved what.
func (n *notices) approvalGiven(ctx context.Context, _ eventlog.Event, a eventlog.ApprovalGiven) error {
	by := "The shell"
	if a.By != 0 {
		var err error
		if by, err = n.who(ctx, a.By); err != nil {
			return err
		}
	}
	e, err := n.deps.Commands.Entry(ctx, a.Entry)
	if core.CodeOf(err) == core.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return n.tell(ctx, n.cfg.StaffChannel, givenLine(e, by, a.Alone))
}

// givenLine tells by whose word something was done.
func givenLine(e audit.Entry, by string, alone bool) string {
	what := fmt.Sprintf("%s (entry %d of the audit log)", strings.TrimSpace(e.Command+" "+text.Cut(e.Arguments, 200)), e.ID)
	if alone {
		return fmt.Sprintf("%s did without anybody else's approval, since fewer than two others could give it: %s", by, what)
	}
	return fmt.Sprintf("%s approved what %s asked for, and it is done: %s", by, e.ActorName, what)
}
