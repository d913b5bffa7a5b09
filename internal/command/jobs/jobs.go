// Package jobs is the family of commands about scheduled work.
//
// Concurrency: the commands have no state of their own.
package jobs

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

// Deps is what the family works on.
type Deps struct{ Schedule *schedule.Store }

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.list(), d.run(), d.history()}
}

func (d Deps) list() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "job list", Aliases: []string{"jobs"}, Summary: "scheduled jobs: last run and next", Permission: core.JobManage},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			all, err := d.Schedule.Status(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Job", "What it does", "Last run", "Next"}}
			for _, s := range all {
				last := "never ran"
				if s.Last.ID != 0 {
					last = fmt.Sprintf("last %s %s", text.Instant(s.Last.Started), s.Last.Outcome)
				}
				next := text.Instant(s.Next)
				line := fmt.Sprintf("%s: %s; %s, next %s", s.Job.Name, s.Job.Description, last, next)
				if s.Waiting {
					next = "asked for and about to run"
					line += "; " + next
				}
				t.Rows = append(t.Rows, command.Row{Text: line, Cells: []string{s.Job.Name, s.Job.Description, last, next}})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

type nameArgs struct {
	Name string `arg:"name"`
}

// run only asks for the job: the jobs room runs it.
func (d Deps) run() command.Command {
	return command.Action[nameArgs]{
		Spec: command.Spec{Name: "job run", Summary: "run a job now; its end is told in the staff channel", Permission: core.JobManage},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a nameArgs) (command.Reply, error) {
			id, err := d.Schedule.In(tx).Request(ctx, a.Name, c.Actor.Name)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Request %d: %s runs as soon as the jobs room sees it; job history %s shows how it ended.", id, a.Name, a.Name), nil
		},
	}
}

const historyLines = 10

func (d Deps) history() command.Command {
	return command.Question[nameArgs]{
		Spec: command.Spec{Name: "job history", Summary: "the last runs of a job", Permission: core.JobManage},
		Run: func(ctx context.Context, _ command.Call, a nameArgs) (command.Reply, error) {
			job, err := schedule.ByName(a.Name)
			if err != nil {
				return command.Reply{}, err
			}
			runs, err := d.Schedule.History(ctx, job.Name, 0, historyLines)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Run", "Started", "Outcome", "Items", "Took", "Asked for by", "Detail"}, Empty: job.Name + " never ran."}
			for _, run := range runs {
				t.Rows = append(t.Rows, historyRow(run))
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func historyRow(run schedule.Run) command.Row {
	line := fmt.Sprintf("#%d %s %s, %d items", run.ID, text.Instant(run.Started), run.Outcome, run.Items)
	took := ""
	if !run.Ended.IsZero() && run.Ended.Unix() != 0 {
		took = run.Ended.Sub(run.Started).String()
		line += ", took " + took
	}
	if run.StartedBy != "" {
		line += ", asked for by " + run.StartedBy
	}
	detail := text.Cut(run.Detail, 150)
	if detail != "" {
		line += ": " + detail
	}
	return command.Row{Text: line, Cells: []string{fmt.Sprintf("#%d", run.ID), text.Instant(run.Started), string(run.Outcome),
		fmt.Sprint(run.Items), took, run.StartedBy, detail}}
}
