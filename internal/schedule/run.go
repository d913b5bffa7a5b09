package schedule

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Begin records that holder, who must have the lease of the job, begins a run of it.
// A run of the same job that still counts as running is marked as lost: its process
// can't have the lease any more.
func (s *Store) Begin(ctx context.Context, job, holder, by string) (Run, error) {
	now := s.clock()
	run := Run{Job: job, Started: instant(now.Unix()), Holder: holder, StartedBy: by, Outcome: Running}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE job_run SET outcome = ?, ended_at = ? WHERE job = ? AND outcome = ?",
			string(Lost), now.Unix(), job, string(Running))
		if err != nil {
			return err
		}
		run.ID, err = tx.Insert(ctx, "job_run", db.Row{"job", job, "started_at", now.Unix(), "ended_at", 0, "holder", holder,
			"started_by", by, "outcome", string(Running), "items", 0, "detail", ""})
		return err
	})
	if err != nil {
		return Run{}, fmt.Errorf("begin a run of %s: %w", job, err)
	}
	return run, nil
}

// Result is the outcome of a run.
type Result struct {
	Outcome Outcome // OK, Failed or Stopped
	Items   int64
	Detail  string // for the history, which staff read
	Text    string // for events; safe to show
}

// Finish records how a run ended, with the events that tell of it: JobFinished if
// request is a request of somebody (0: nobody asked), and JobFailed. Of failures in a
// row it tells only the first, second, fourth, eighth … so that a job that fails
// every minute does not drown everything else. A request outlives a run that was
// stopped. The error has code Conflict when another process has taken the job over.
func (s *Store) Finish(ctx context.Context, run Run, request int64, res Result) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE job_run SET ended_at = ?, outcome = ?, items = ?, detail = ? WHERE id = ? AND outcome = ?",
			s.clock().Unix(), string(res.Outcome), res.Items, clip(res.Detail), run.ID, string(Running))
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.Conflict, "run %d of %s was taken over by another process", run.ID, run.Job)
		}
		if res.Outcome == Failed {
			if err := s.tellFailure(ctx, tx, run, request != 0, res.Text); err != nil {
				return err
			}
		}
		if request == 0 || res.Outcome == Stopped {
			return nil
		}
		if _, err := tx.Exec(ctx, "DELETE FROM job_request WHERE id = ?", request); err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.JobFinished{Run: run.ID, Job: run.Job, StartedBy: run.StartedBy,
			OK: res.Outcome == OK, Text: res.Text})
		return err
	})
	if err != nil {
		return fmt.Errorf("end run %d of %s: %w", run.ID, run.Job, err)
	}
	return nil
}

func (s *Store) tellFailure(ctx context.Context, tx *db.Tx, run Run, always bool, text string) error {
	streak, _, err := db.One(ctx, tx, db.Value[int64], `SELECT COUNT(*) FROM job_run WHERE job = ? AND outcome = ? AND id >
		(SELECT COALESCE(MAX(id), 0) FROM job_run WHERE job = ? AND outcome = ?)`, run.Job, string(Failed), run.Job, string(OK))
	if err != nil {
		return err
	}
	if powerOfTwo := streak&(streak-1) == 0; !powerOfTwo && !always {
		return nil
	}
	if streak > 1 {
		text = fmt.Sprintf("%s (%d times in a row)", text, streak)
	}
	_, err = s.log.Append(ctx, tx, eventlog.JobFailed{Run: run.ID, Job: run.Job, Text: text})
	return err
}

func clip(text string) string {
	text = strings.ToValidUTF8(text, "?") // MariaDB would refuse the row
	if runes := []rune(text); len(runes) > maxDetail {
		return string(runes[:maxDetail-1]) + "…"
	}
	return text
}

// Prune deletes up to limit rows of the history and returns how many: all runs that
// began before all, and of those before quiet the ones that went well and had nothing
// to do. It keeps the last good run of each job, since that tells when the job is due
// again, and whatever is running.
func (s *Store) Prune(ctx context.Context, all, quiet time.Time, limit int) (int64, error) {
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		keep, err := db.All(ctx, tx, db.Value[int64], "SELECT MAX(id) FROM job_run WHERE outcome = ? GROUP BY job LIMIT 1000", string(OK))
		if err != nil {
			return err
		}
		args := []any{string(Running), all.Unix(), quiet.Unix(), string(OK)}
		query := `SELECT id FROM job_run WHERE outcome <> ? AND (started_at < ? OR started_at < ? AND outcome = ? AND items = 0)`
		if len(keep) > 0 {
			query += " AND id NOT IN (" + db.Marks(len(keep)) + ")"
			args = append(args, db.Anys(keep)...)
		}
		old, err := db.All(ctx, tx, db.Value[int64], query+" ORDER BY id LIMIT ?", append(args, limit)...)
		if err != nil || len(old) == 0 {
			n = 0
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM job_run WHERE id IN ("+db.Marks(len(old))+")", db.Anys(old)...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune the history of jobs: %w", err)
	}
	return n, nil
}
