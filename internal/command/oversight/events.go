package oversight

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

const skippedLines = 15

func (d Deps) skipped() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "events skipped", Summary: "events that some part of the program could not handle and set aside", Permission: core.JobManage},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			list, err := d.Events.Skipped(ctx, skippedLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Number", "Event", "For", "Since", "State", "Fault"}, Empty: "No event is set aside."}
			for _, s := range list[:min(len(list), skippedLines)] {
				t.Rows = append(t.Rows, skippedRow(s))
			}
			if len(list) > skippedLines {
				t.More = "(there are more)"
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func skippedRow(s eventlog.Skipped) command.Row {
	fault := text.Cut(s.Error, 150)
	line := fmt.Sprintf("#%d event %d %s of %s, for %s: %s since %s", s.ID, s.Event.ID, s.Event.Kind, text.Instant(s.Event.At), s.Consumer, s.State, text.Instant(s.Since))
	if fault != "" {
		line += fmt.Sprintf(" after %d tries: %s", s.Tries, fault)
	}
	return command.Row{Text: line, Cells: []string{fmt.Sprintf("#%d", s.ID), fmt.Sprintf("%d %s", s.Event.ID, s.Event.Kind), s.Consumer,
		text.Instant(s.Since), string(s.State), fault}}
}

type numberArgs struct {
	ID command.ID `arg:"number"`
}

func (d Deps) again() command.Command {
	return command.Action[numberArgs]{
		Spec: command.Spec{Name: "events again", Summary: "hand an event that was set aside to whom it was for once more", Permission: core.JobManage},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a numberArgs) (command.Reply, error) {
			s, err := d.Events.RunAgain(ctx, tx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("%s gets event %d (%s) once more; events skipped shows whether it is still set aside.", s.Consumer, s.Event.ID, s.Event.Kind), nil
		},
	}
}

func (d Deps) drop() command.Command {
	return command.Action[numberArgs]{
		Spec: command.Spec{Name: "events drop", Summary: "forget an event that was set aside and can't be handled", Permission: core.JobManage},
		Preview: func(_ context.Context, _ *db.Tx, _ command.Call, a numberArgs) ([]string, error) {
			return []string{fmt.Sprintf("This would forget number %d of events skipped for good: whom it was for never handles it.", a.ID)}, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a numberArgs) (command.Reply, error) {
			s, err := d.Events.Drop(ctx, tx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Event %d (%s) is forgotten for %s.", s.Event.ID, s.Event.Kind, s.Consumer), nil
		},
	}
}
