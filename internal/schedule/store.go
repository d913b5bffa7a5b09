package schedule

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Outcome says how a run ended.
type Outcome string

// The outcomes.
const (
	Running Outcome = "running"
	OK      Outcome = "ok"
	Failed  Outcome = "failed"
	Stopped Outcome = "stopped" // the program ended first; the job runs again when it is back
	Lost    Outcome = "lost"    // its process died and recorded no outcome
)

// Who started a run that nobody asked for by hand. No member's name has an @.
const (
	BySchedule = "@schedule"
	ByStart    = "@start" // its time passed while the program was off
	ByEvent    = "@event" // data that the job works on was changed
)

// Run is one row of the history.
type Run struct {
	ID        int64
	Job       string
	Started   time.Time
	Ended     time.Time // zero while it runs
	Holder    string    // the process that ran it
	StartedBy string    // who asked for it, or one of the By constants
	Outcome   Outcome
	Items     int64  // how much it did; each job has its own unit
	Detail    string // why it failed; for staff, as it may tell of internals
}

// Request is a run that somebody asked for and that has not ended yet.
type Request struct {
	ID  int64
	Job string
	By  string
	At  time.Time
}

// Store keeps history and requests.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	clock core.Clock
}

// NewStore returns the store of d.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock) *Store {
	return &Store{db: d, log: log, clock: clock}
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

const (
	maxName   = 64  // characters of who asks
	maxDetail = 512 // characters of a detail
	maxList   = 200
)

// Request asks for a run of the job as soon as possible, on behalf of by, who must
// have core.JobManage, and returns the id of the request. A JobFinished event tells
// how the run ended. The error has code NotFound when there is no such job, and
// Conflict while an earlier request for the job is open.
func (s *Store) Request(ctx context.Context, job, by string) (int64, error) {
	if _, err := ByName(job); err != nil {
		return 0, err
	}
	by, ok := text.OneLine(by)
	if !ok || by == "" || utf8.RuneCountInString(by) > maxName {
		return 0, core.FieldErrorf("by", "name who asks, in 1 to %d characters", maxName)
	}
	var id int64
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		fresh, err := tx.InsertIgnore(ctx, "job_request", db.Row{"job", job, "asked_by", by, "asked_at", s.clock().Unix()})
		if err != nil {
			return err
		}
		waiting, _, err := pending(ctx, tx, job)
		if err != nil {
			return err
		}
		if !fresh {
			return core.Errorf(core.Conflict, "%s has asked for %s already; wait until that run has ended", waiting.By, job)
		}
		id = waiting.ID
		_, err = s.log.Append(ctx, tx, eventlog.JobRequested{Request: id})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("ask for a run of %s: %w", job, err)
	}
	return id, nil
}

// Pending returns the open request for a run of the job, if there is one.
func (s *Store) Pending(ctx context.Context, job string) (Request, bool, error) {
	return pending(ctx, s.db, job)
}

func pending(ctx context.Context, q db.Queryer, job string) (Request, bool, error) {
	r, ok, err := db.One(ctx, q, scanRequest, "SELECT id, job, asked_by, asked_at FROM job_request WHERE job = ?", job)
	if err != nil {
		return Request{}, false, fmt.Errorf("read the requests for %s: %w", job, err)
	}
	return r, ok, nil
}

// RequestByID returns a request that is still open.
func (s *Store) RequestByID(ctx context.Context, id int64) (Request, bool, error) {
	r, ok, err := db.One(ctx, s.db, scanRequest, "SELECT id, job, asked_by, asked_at FROM job_request WHERE id = ?", id)
	if err != nil {
		return Request{}, false, fmt.Errorf("read job request %d: %w", id, err)
	}
	return r, ok, nil
}

func scanRequest(s db.Scanner) (Request, error) {
	var r Request
	var at int64
	err := s.Scan(&r.ID, &r.Job, &r.By, &at)
	r.At = instant(at)
	return r, err
}

const runColumns = "id, job, started_at, ended_at, holder, started_by, outcome, items, detail"

func scanRun(s db.Scanner) (Run, error) {
	var r Run
	var started, ended int64
	err := s.Scan(&r.ID, &r.Job, &started, &ended, &r.Holder, &r.StartedBy, &r.Outcome, &r.Items, &r.Detail)
	r.Started, r.Ended = instant(started), instant(ended)
	return r, err
}

// instant converts Unix seconds; 0 means none and becomes the zero time.
func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// History returns up to limit (at most 200) runs of a job, or of all jobs when job is
// empty, newest first: those with ids below before, or the newest when before is 0.
func (s *Store) History(ctx context.Context, job string, before int64, limit int) ([]Run, error) {
	query, args := "SELECT "+runColumns+" FROM job_run WHERE 1 = 1", []any{}
	if job != "" {
		if _, err := ByName(job); err != nil {
			return nil, err
		}
		query, args = query+" AND job = ?", append(args, job)
	}
	if before > 0 {
		query, args = query+" AND id < ?", append(args, before)
	}
	args = append(args, min(max(limit, 1), maxList))
	runs, err := db.All(ctx, s.db, scanRun, query+" ORDER BY id DESC LIMIT ?", args...)
	if err != nil {
		return nil, fmt.Errorf("read the history of jobs: %w", err)
	}
	return runs, nil
}

// Status is the state of one job.
type Status struct {
	Job     Job
	Last    Run       // ID 0 when it never ran
	LastOK  time.Time // when its last good run began; zero when there was none
	Next    time.Time // when it is due by the clock
	Waiting bool      // somebody asked for a run that has not ended yet
}

// Status returns the state of all jobs, in the order of the table.
func (s *Store) Status(ctx context.Context) ([]Status, error) {
	var out []Status
	for _, j := range Jobs() {
		st := Status{Job: j}
		var err error
		if st.Next, err = j.Next(s.clock()); err != nil {
			return nil, err
		}
		if st.LastOK, err = s.LastOK(ctx, j.Name); err != nil {
			return nil, err
		}
		if _, st.Waiting, err = s.Pending(ctx, j.Name); err != nil {
			return nil, err
		}
		last, err := s.History(ctx, j.Name, 0, 1)
		if err != nil {
			return nil, err
		}
		if len(last) > 0 {
			st.Last = last[0]
		}
		out = append(out, st)
	}
	return out, nil
}

// LastOK returns when the last good run of a job began, or the zero time if there was
// none.
func (s *Store) LastOK(ctx context.Context, job string) (time.Time, error) {
	at, _, err := db.One(ctx, s.db, db.Value[int64],
		"SELECT started_at FROM job_run WHERE job = ? AND outcome = ? AND started_at <= ? ORDER BY id DESC LIMIT 1",
		job, string(OK), core.Horizon(s.clock(), 0).Unix())
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last run of %s: %w", job, err)
	}
	return instant(at), nil
}

// RanSince returns when the newest run of the job began, however it ended, if that
// was at or after the given time; otherwise the zero time. Runs in the future don't
// count: the clock has been set back since.
func (s *Store) RanSince(ctx context.Context, job string, since time.Time) (time.Time, error) {
	at, _, err := db.One(ctx, s.db, db.Value[int64],
		"SELECT started_at FROM job_run WHERE job = ? AND started_at >= ? AND started_at <= ? ORDER BY id DESC LIMIT 1",
		job, since.Unix(), core.Horizon(s.clock(), 0).Unix())
	if err != nil {
		return time.Time{}, fmt.Errorf("read the last run of %s: %w", job, err)
	}
	return instant(at), nil
}
