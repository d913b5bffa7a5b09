package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
)

func TestTableAndTasksAgree(t *testing.T) {
	var names []string
	for _, j := range schedule.Jobs() {
		names = append(names, j.Name)
	}
	slices.Sort(names)
	bound := slices.Sorted(maps.Keys(tasks(DefaultConfig(), Deps{Freeleech: &economy.Store{}, Sessions: &sessions{}, Texts: &texts{}, Catalog: &catalogue{}, Accounts: &accounts{}, Notes: &notes{}})))
	if diff := cmp.Diff(names, bound); diff != "" {
		t.Errorf("jobs of the table and of the room (-table +room):\n%s", diff)
	}
}

func TestHolder(t *testing.T) {
	if holder(Config{Holder: "a"}) != "a" {
		t.Error("the configured name is not used")
	}
	one, two := holder(Config{}), holder(Config{})
	if one == two || len(one) > maxHolder {
		t.Errorf("holders %q and %q", one, two)
	}
	for _, bad := range []string{strings.Repeat("x", maxHolder+1), "a\nb"} {
		if err := (Config{Holder: bad}).Validate(); core.FieldOf(err) != "holder" {
			t.Errorf("holder %q: %v", bad, err)
		}
	}
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, bad := range []int{0, -1, maxSecurityLogDays + 1} {
		c.SecurityLogDays = bad
		if err := c.Validate(); core.FieldOf(err) != "security_log_days" {
			t.Errorf("%d days: %v", bad, err)
		}
	}
}

func TestJobsRunAtTheirTimes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		h.sessions.left = 1234
		r, reg := h.room("one")
		h.start(t, r)
		h.caughtUp(t)
		if run := h.runs(t, schedule.ExpireSessions)[0]; run.Items != 1234 || run.StartedBy != schedule.ByStart || run.Holder != "one" || run.Outcome != schedule.OK {
			t.Errorf("the first run: %+v", run)
		}
		h.set(noon.Truncate(time.Minute).Add(time.Minute))
		run := h.untilRuns(t, schedule.FreeleechEdges, 2)[1]
		if run.StartedBy != schedule.BySchedule || !run.Started.Equal(h.clock()) {
			t.Errorf("the run at the full minute: %+v", run)
		}
		h.set(noon.Truncate(time.Hour).Add(7 * time.Minute)) // some minutes pass at once: one run makes up for them
		h.untilRuns(t, schedule.ExpireSessions, 2)
		h.untilRuns(t, schedule.FreeleechEdges, 3)
		if n := len(h.runs(t, schedule.PruneEvents)); n != 1 {
			t.Errorf("prune-events ran %d times", n)
		}
		if got := metric(t, reg, "caduceus_job_runs_total", "freeleech-edges", "ok"); got != 3 {
			t.Errorf("metric counts %v runs, want 3", got)
		}
		if got := metric(t, reg, "caduceus_job_last_success_timestamp_seconds", "expire-sessions", ""); got != float64(h.clock().Unix()) {
			t.Errorf("metric has the last success at %v", got)
		}
	})
}

func metric(t *testing.T, reg *prometheus.Registry, name, job, outcome string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if f.GetName() == name && labels["job"] == job && labels["outcome"] == outcome {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	t.Fatalf("no metric %s of %s", name, job)
	return 0
}

func TestCatchUpOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		missed := func() (names []string) { // what a room that starts now would make up for
			t.Helper()
			r, _ := h.room("probe")
			for _, j := range schedule.Jobs() {
				w, err := r.newWorker(t.Context(), j)
				if err != nil {
					t.Fatal(err)
				}
				if w.missed {
					names = append(names, j.Name)
				} else if !w.due.After(h.clock()) {
					t.Errorf("%s is due at %s although nothing was missed", j.Name, w.due)
				}
			}
			return names
		}
		if got := missed(); len(got) != len(schedule.Jobs()) {
			t.Errorf("on the first start: %v", got)
		}
		r, _ := h.room("one")
		stop := h.start(t, r)
		h.caughtUp(t)
		stop()
		if got := missed(); len(got) != 0 {
			t.Errorf("right after it: %v", got)
		}
		h.pass(20 * time.Minute) // over 12:07
		if diff := cmp.Diff([]string{schedule.FreeleechEdges, schedule.ExpireSessions, schedule.RefreshWords, schedule.RefreshFolders, schedule.NoteSwarms, schedule.RefreshAccounts, schedule.DeliverNotifications, schedule.TellEnds, schedule.SendMail}, missed()); diff != "" {
			t.Errorf("after 20 minutes (-want +got):\n%s", diff)
		}
		h.pass(10 * 24 * time.Hour)
		r, _ = h.room("one")
		r.tasks[schedule.PruneJobHistory] = func(context.Context) (int64, error) { return 0, nil } // it would delete the first runs
		stop = h.start(t, r)
		for _, j := range schedule.Jobs() { // one run for all ten days
			if run := h.untilRuns(t, j.Name, 2)[1]; run.StartedBy != schedule.ByStart {
				t.Errorf("run %+v", run)
			}
		}
		stop()
		if got := missed(); len(got) != 0 {
			t.Errorf("after catching up: %v", got)
		}
	})
}

// TestOfTwoRoomsOneRunsAJob has a run that takes much longer than a lease lasts.
func TestOfTwoRoomsOneRunsAJob(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		one, _ := h.room("one")
		two, _ := h.room("two")
		work := newGate()
		one.tasks[schedule.FreeleechEdges], two.tasks[schedule.FreeleechEdges] = work.run, work.run
		h.start(t, one)
		work.untilBegan(t) // and holds the lease
		h.start(t, two)
		if _, err := h.schedule.Request(t.Context(), schedule.FreeleechEdges, "ada"); err != nil {
			t.Fatal(err)
		}
		for range 10 { // meanwhile two tries again and again
			before := h.clock()
			h.untilInTime(t, "the lease is renewed", func() bool {
				end, _, err := db.One(t.Context(), d, db.Value[int64], "SELECT until FROM lease WHERE name = ? AND holder = ?", "job:"+schedule.FreeleechEdges, "one")
				return err == nil && end > before.Add(leaseTTL).Unix()
			})
		}
		if n := work.count.Load(); n != 1 {
			t.Fatalf("%d runs began while one had the lease", n)
		}
		close(work.pass)
		until(t, "the request is met", func() bool { return len(bodies[eventlog.JobFinished](t, h)) == 1 })
		if n := work.most.Load(); n != 1 {
			t.Errorf("%d runs at once", n)
		}
	})
}

// TestEveryFireIsMetOnce has three rooms that all look at the same time.
func TestEveryFireIsMetOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		for _, name := range []string{"one", "two", "three"} {
			r, _ := h.room(name)
			h.start(t, r)
		}
		h.caughtUp(t)
		minute := noon.Truncate(time.Minute)
		for i := range 5 {
			minute = minute.Add(time.Minute)
			h.set(minute)
			h.untilInTime(t, "the minute is met", func() bool { return len(h.runs(t, schedule.FreeleechEdges)) >= i+2 })
			h.set(minute.Add(40 * time.Second)) // whoever waits for the lease looks again
		}
		perMinute := map[string]int{}
		for _, run := range h.runs(t, schedule.FreeleechEdges) {
			perMinute[run.Started.Format("15:04")]++
		}
		want := map[string]int{"12:00": 1, "12:01": 1, "12:02": 1, "12:03": 1, "12:04": 1, "12:05": 1}
		if diff := cmp.Diff(want, perMinute); diff != "" {
			t.Errorf("runs in each minute (-want +got):\n%s", diff)
		}
	})
}

func TestRequestedRun(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		h.start(t, r)
		h.caughtUp(t)
		h.sessions.left = 3
		if _, err := h.schedule.Request(t.Context(), schedule.ExpireSessions, "ada"); err != nil {
			t.Fatal(err)
		}
		run := h.untilRuns(t, schedule.ExpireSessions, 2)[1] // no time has passed
		if run.StartedBy != "ada" || run.Items != 3 {
			t.Errorf("run %+v", run)
		}
		want := []eventlog.JobFinished{{Run: run.ID, Job: schedule.ExpireSessions, StartedBy: "ada", OK: true, Text: "done: 3"}}
		if diff := cmp.Diff(want, bodies[eventlog.JobFinished](t, h)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestRequestMadeWhileTheRoomWasOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		if _, err := h.schedule.Request(t.Context(), schedule.PruneEvents, "ada"); err != nil {
			t.Fatal(err)
		}
		r, _ := h.room("one")
		h.start(t, r)
		until(t, "the request is met", func() bool { return len(bodies[eventlog.JobFinished](t, h)) == 1 })
		if run := h.untilRuns(t, schedule.PruneEvents, 1)[0]; run.StartedBy != "ada" { // it also makes up for what was missed
			t.Errorf("run %+v", run)
		}
	})
}

func TestFailuresAndPanics(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, reg := h.room("one")
		r.tasks[schedule.ExpireSessions] = func(context.Context) (int64, error) {
			return 2, errors.New("password of the database is hunter2")
		}
		r.tasks[schedule.PruneEvents] = func(context.Context) (int64, error) { panic("out of cheese") }
		r.tasks[schedule.PruneJobHistory] = func(context.Context) (int64, error) {
			return 0, core.Errorf(core.Unavailable, "the disk is full")
		}
		h.start(t, r)
		h.caughtUp(t)
		got := map[string]string{}
		for _, e := range bodies[eventlog.JobFailed](t, h) {
			got[e.Job] = e.Text
		}
		general := core.SafeText(errors.New("x"))
		want := map[string]string{schedule.ExpireSessions: general, schedule.PruneEvents: general, schedule.PruneJobHistory: "the disk is full"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("failures told (-want +got):\n%s", diff)
		}
		for job, detail := range map[string]string{schedule.ExpireSessions: "hunter2", schedule.PruneEvents: "panic: out of cheese"} {
			if run := h.runs(t, job)[0]; run.Outcome != schedule.Failed || !strings.Contains(run.Detail, detail) {
				t.Errorf("run %+v", run)
			}
		}
		if run := h.runs(t, schedule.ExpireSessions)[0]; run.Items != 2 {
			t.Errorf("what was done before the failure: %d", run.Items)
		}
		if !strings.Contains(h.log.String(), "TestFailuresAndPanics") {
			t.Error("the log does not say where the panic was")
		}
		if got := metric(t, reg, "caduceus_job_runs_total", schedule.PruneEvents, "failed"); got != 1 {
			t.Errorf("metric counts %v failures", got)
		}
		h.set(noon.Truncate(time.Minute).Add(time.Minute)) // the others go on, and so does it at its time
		h.untilRuns(t, schedule.FreeleechEdges, 2)
		h.set(noon.Truncate(time.Hour).Add(7 * time.Minute))
		h.untilRuns(t, schedule.ExpireSessions, 2)
	})
}

func TestARunThatTakesTooLong(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		work := newGate()
		r.tasks[schedule.PruneEvents] = work.run
		job, err := schedule.ByName(schedule.PruneEvents)
		if err != nil {
			t.Fatal(err)
		}
		job.Timeout = 10 * time.Millisecond
		w, err := r.newWorker(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if settled, err := w.look(t.Context()); !settled || err != nil {
			t.Fatalf("look: %v, %v", settled, err)
		}
		events := bodies[eventlog.JobFailed](t, h)
		if len(events) != 1 || events[0].Text != "it took longer than 10ms and was stopped" {
			t.Errorf("told %+v", events)
		}
	})
}

func TestStopDuringARun(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		work := newGate()
		r.tasks[schedule.PruneEvents] = work.run
		if _, err := h.schedule.Request(t.Context(), schedule.PruneEvents, "ada"); err != nil {
			t.Fatal(err)
		}
		stop := h.start(t, r)
		work.untilBegan(t)
		if took := stop(); took > 5*time.Second {
			t.Errorf("the room took %s to end", took)
		}
		if run := h.untilRuns(t, schedule.PruneEvents, 1)[0]; run.Outcome != schedule.Stopped || run.Ended.IsZero() {
			t.Errorf("run %+v", run)
		}
		if failed := bodies[eventlog.JobFailed](t, h); len(failed) != 0 {
			t.Errorf("told as failed: %+v", failed)
		}
		if n, _, err := db.One(t.Context(), d, db.Value[int64], "SELECT COUNT(*) FROM lease"); n != 0 || err != nil {
			t.Errorf("%d leases are left, %v", n, err)
		}
		next, _ := h.room("two") // takes over at once
		h.start(t, next)
		until(t, "the request is met", func() bool { return len(bodies[eventlog.JobFinished](t, h)) == 1 })
		if run := h.untilRuns(t, schedule.PruneEvents, 2)[1]; run.StartedBy != "ada" || run.Holder != "two" || run.Outcome != schedule.OK {
			t.Errorf("run %+v", run)
		}
	})
}

// TestAProcessThatDied starts with a lease and a running row that a dead process has
// left behind.
func TestAProcessThatDied(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		for _, lease := range []string{"jobs", "job:" + schedule.PruneEvents} {
			if got, err := d.Lease(t.Context(), lease, "dead", noon, leaseTTL); !got || err != nil {
				t.Fatal(got, err)
			}
		}
		if _, err := h.schedule.Begin(t.Context(), schedule.PruneEvents, "dead", schedule.BySchedule); err != nil {
			t.Fatal(err)
		}
		r, _ := h.room("two")
		h.start(t, r)
		h.untilRuns(t, schedule.ExpireSessions, 1)
		if runs := h.runs(t, schedule.PruneEvents); len(runs) != 0 {
			t.Errorf("ran under the lease of another: %+v", runs)
		}
		var runs []schedule.Run
		h.untilInTime(t, "the lease has run out", func() bool {
			runs = h.runs(t, schedule.PruneEvents)
			return len(runs) == 2
		})
		if runs[0].Outcome != schedule.Lost || runs[1].Outcome != schedule.OK || runs[1].Started.Before(noon.Add(leaseTTL)) {
			t.Errorf("runs %+v", runs)
		}
	})
}

// TestALostLeaseEndsTheRun lets another process take the lease away, whose clock is so far
// ahead that the lease has run out there.
func TestALostLeaseEndsTheRun(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		work := newGate()
		r.tasks[schedule.PruneEvents] = work.run
		h.start(t, r)
		work.untilBegan(t)
		if got, err := d.Lease(t.Context(), "job:"+schedule.PruneEvents, "other", h.clock().Add(leaseTTL+time.Second), leaseTTL); !got || err != nil {
			t.Fatal(got, err)
		}
		var runs []schedule.Run
		h.untilInTime(t, "the run has ended", func() bool {
			runs = h.runs(t, schedule.PruneEvents)
			return len(runs) == 1
		})
		if runs[0].Outcome != schedule.Failed || !strings.Contains(runs[0].Detail, errLeaseLost.Error()) {
			t.Errorf("run %+v", runs[0])
		}
		if n := work.count.Load(); n != 1 {
			t.Errorf("it ran %d times", n)
		}
	})
}

func TestTheClockIsSetBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		h.start(t, r)
		h.caughtUp(t)
		h.set(noon.Add(-3 * time.Hour)) // 09:00:30; nothing to wait three hours for
		h.untilInTime(t, "the job runs by the new time", func() bool {
			runs := h.runs(t, schedule.ExpireSessions)
			return len(runs) == 2 && runs[1].Started.Hour() == 9
		})
	})
}

func TestRoomRestarts(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		h.start(t, r)()
		stop := h.start(t, r) // the same room again, as the supervisor does
		h.set(noon.Truncate(time.Minute).Add(time.Minute))
		h.untilInTime(t, "the job runs", func() bool { return len(h.runs(t, schedule.FreeleechEdges)) >= 1 })
		if took := stop(); took > 5*time.Second {
			t.Errorf("the room took %s to end", took)
		}
	})
}
