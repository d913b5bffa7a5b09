package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

func (r *Registry) jobCommands() []Spec {
	name := Arg{Name: "name", Kind: Word}
	return []Spec{
		{
			Name: "job list", Aliases: []string{"jobs"}, Summary: "scheduled jobs: last run and next", Permission: core.JobManage, Run: r.jobList,
		}, {
			Name: "job run", Summary: "run a job now; its end is told in the staff channel", Permission: core.JobManage,
			Args: []Arg{name}, Changes: true, Run: r.jobRun,
		}, {
			Name: "job history", Summary: "the last runs of a job", Permission: core.JobManage, Args: []Arg{name}, Run: r.jobHistory,
		},
	}
}

func (r *Registry) jobList(ctx context.Context, _ Call) (Reply, error) {
	all, err := r.deps.Schedule.Status(ctx)
	if err != nil {
		return Reply{}, err
	}
	var lines []string
	for _, s := range all {
		last := "never ran"
		if s.Last.ID != 0 {
			last = fmt.Sprintf("last %s %s", instant(s.Last.Started), s.Last.Outcome)
		}
		line := fmt.Sprintf("%s: %s; %s, next %s", s.Job.Name, s.Job.Description, last, instant(s.Next))
		if s.Waiting {
			line += "; asked for and about to run"
		}
		lines = append(lines, line)
	}
	return Reply{Lines: lines}, nil
}

func (r *Registry) jobRun(ctx context.Context, c Call) (Reply, error) {
	id, err := r.deps.Schedule.Request(ctx, c.Text("name"), c.Actor.Name)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("Request %d: %s runs as soon as the jobs room sees it; job history %s shows how it ended.", id, c.Text("name"), c.Text("name"))}}, nil
}

const historyLines = 10

func (r *Registry) jobHistory(ctx context.Context, c Call) (Reply, error) {
	job, err := schedule.ByName(c.Text("name"))
	if err != nil {
		return Reply{}, err
	}
	runs, err := r.deps.Schedule.History(ctx, job.Name, 0, historyLines)
	if err != nil {
		return Reply{}, err
	}
	if len(runs) == 0 {
		return Reply{Lines: []string{job.Name + " never ran."}}, nil
	}
	var lines []string
	for _, run := range runs {
		line := fmt.Sprintf("#%d %s %s, %d items", run.ID, instant(run.Started), run.Outcome, run.Items)
		if !run.Ended.IsZero() && run.Ended.Unix() != 0 {
			line += fmt.Sprintf(", took %s", run.Ended.Sub(run.Started))
		}
		if run.StartedBy != "" {
			line += ", asked for by " + run.StartedBy
		}
		if run.Detail != "" {
			line += ": " + text.Cut(run.Detail, 150)
		}
		lines = append(lines, line)
	}
	return Reply{Lines: lines}, nil
}
