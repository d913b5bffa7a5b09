package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func (r *Registry) auditCommands() []Spec {
	return []Spec{{
		Name: "audit", Summary: "who did what, newest first; with a member, what they did and what was done to them",
		Permission: core.AuditRead, Args: []Arg{{Name: "member", Kind: MemberName, Optional: true}}, Run: r.auditShow,
	}}
}

const auditLines = 15

func (r *Registry) auditShow(ctx context.Context, c Call) (Reply, error) {
	var rows []Entry
	var err error
	if c.Has("member") {
		rows, err = r.audit.About(ctx, c.Member("member"), auditLines)
	} else {
		rows, err = r.audit.Recent(ctx, auditLines)
	}
	if err != nil {
		return Reply{}, err
	}
	if len(rows) == 0 {
		return Reply{Lines: []string{"Nothing is on record."}}, nil
	}
	var lines []string
	for _, e := range rows {
		line := fmt.Sprintf("#%d %s %s (%s): %s %s", e.ID, instant(e.At), e.ActorName, e.Via, e.Command, e.Arguments)
		line += ": " + string(e.Outcome)
		if e.Outcome != OutcomeDone && e.Detail != "" {
			line += ": " + e.Detail
		}
		if e.Outcome == OutcomeDone && e.UndoWith != "" {
			line += " [undo: " + e.UndoWith + "]"
		}
		lines = append(lines, line)
	}
	return Reply{Lines: lines}, nil
}
