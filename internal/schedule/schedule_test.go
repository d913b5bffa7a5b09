package schedule

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// bench is a store with a clock that the test sets.
type bench struct {
	*Store
	now *time.Time
}

func newBench(d *db.DB) bench {
	now := time.Date(2026, 11, 22, 17, 30, 10, 0, time.UTC)
	clock := func() time.Time { return now }
	return bench{NewStore(d, eventlog.New(d, clock), clock), &now}
}

func (b bench) pass(d time.Duration) { *b.now = b.now.Add(d) }

// run makes one row of the history.
func (b bench) run(t *testing.T, job string, res Result) Run {
	t.Helper()
	run, err := b.Begin(t.Context(), job, "host-1", BySchedule)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Finish(t.Context(), run, 0, res); err != nil {
		t.Fatal(err)
	}
	return run
}

// events returns the events of one kind as text.
func (b bench) events(t *testing.T, kind string) (out []string) {
	t.Helper()
	events, err := b.log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == kind {
			out = append(out, string(e.Body))
		}
	}
	return out
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, j := range Jobs() {
		if seen[j.Name] || len(j.Name) > 64 || j.Description == "" {
			t.Errorf("job %+v has a double or long name or no description", j)
		}
		seen[j.Name] = true
		now := time.Date(2026, 11, 22, 17, 30, 10, 0, time.UTC)
		next, err := j.Next(now)
		if err != nil || !next.After(now) || next.Sub(now) > 24*time.Hour {
			t.Errorf("%s is due at %s after %s, %v", j.Name, next, now, err)
		}
		if again, _ := j.Next(next); again.Sub(next) < j.Timeout {
			t.Errorf("%s comes every %s, but may take %s", j.Name, again.Sub(next), j.Timeout)
		}
		if got, err := ByName(j.Name); err != nil || got != j {
			t.Errorf("ByName(%s) = %+v, %v", j.Name, got, err)
		}
	}
	if _, err := ByName("coffee"); core.CodeOf(err) != core.NotFound || !strings.Contains(core.SafeText(err), PruneEvents) {
		t.Errorf("an unknown job: %v", err)
	}
	if _, err := (Job{Spec: "never"}).Next(time.Now()); err == nil {
		t.Error("a bad spec has a next time")
	}
}

// TestNextIsByUTC checks that the zone of the given time does not matter.
func TestNextIsByUTC(t *testing.T) {
	at := time.Date(2026, 11, 22, 23, 0, 0, 0, time.FixedZone("", -8*3600))
	next, err := Job{Spec: "23 3 * * *"}.Next(at)
	if want := time.Date(2026, 11, 24, 3, 23, 0, 0, time.UTC); err != nil || !next.Equal(want) {
		t.Errorf("next is %s, %v, want %s", next, err, want)
	}
}

func TestHistory(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBench(d)
		first := b.run(t, PruneEvents, Result{Outcome: OK, Items: 7})
		b.pass(time.Hour)
		second := b.run(t, ExpireSessions, Result{Outcome: Failed, Detail: strings.Repeat("ö", 600) + "\xff", Text: "no"})
		all, err := b.History(ctx, "", 0, 10)
		if err != nil || len(all) != 2 {
			t.Fatalf("history has %d runs, %v", len(all), err)
		}
		first.Outcome, first.Items, first.Ended = OK, 7, first.Started
		second.Outcome, second.Detail, second.Ended = Failed, strings.Repeat("ö", 511)+"…", second.Started
		if diff := cmp.Diff([]Run{second, first}, all); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if page, err := b.History(ctx, "", second.ID, 1); err != nil || len(page) != 1 || page[0].ID != first.ID {
			t.Errorf("the page before %d: %+v, %v", second.ID, page, err)
		}
		if one, err := b.History(ctx, PruneEvents, 0, 0); err != nil || len(one) != 1 || one[0].ID != first.ID {
			t.Errorf("history of one job: %+v, %v", one, err)
		}
		if _, err := b.History(ctx, "coffee", 0, 1); core.CodeOf(err) != core.NotFound {
			t.Errorf("history of no job: %v", err)
		}
	})
}

func TestARunWhoseProcessDiedIsLost(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBench(d)
		dead, err := b.Begin(ctx, PruneEvents, "host-1", BySchedule)
		if err != nil {
			t.Fatal(err)
		}
		other, err := b.Begin(ctx, ExpireSessions, "host-1", BySchedule)
		if err != nil {
			t.Fatal(err)
		}
		b.pass(time.Hour)
		b.run(t, PruneEvents, Result{Outcome: OK})
		if err := b.Finish(ctx, dead, 0, Result{Outcome: OK}); core.CodeOf(err) != core.Conflict {
			t.Errorf("the dead came back: %v", err)
		}
		runs, err := b.History(ctx, PruneEvents, 0, 10)
		if err != nil || len(runs) != 2 || runs[1].Outcome != Lost || runs[0].Outcome != OK {
			t.Errorf("history %+v, %v", runs, err)
		}
		if err := b.Finish(ctx, other, 0, Result{Outcome: OK}); err != nil {
			t.Errorf("a run of another job was lost with it: %v", err)
		}
	})
}

func TestFailuresAreToldSparingly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(d)
		fail := Result{Outcome: Failed, Detail: "secret internals", Text: "no luck"}
		for range 9 {
			b.run(t, FreeleechEdges, fail)
		}
		b.run(t, FreeleechEdges, Result{Outcome: OK})
		b.run(t, FreeleechEdges, fail)
		b.run(t, PruneEvents, fail)
		var want []string
		for _, w := range []struct {
			run  int
			job  string
			text string
		}{{1, FreeleechEdges, "no luck"}, {2, FreeleechEdges, "no luck (2 times in a row)"}, {4, FreeleechEdges, "no luck (4 times in a row)"},
			{8, FreeleechEdges, "no luck (8 times in a row)"}, {11, FreeleechEdges, "no luck"}, {12, PruneEvents, "no luck"}} {
			want = append(want, fmt.Sprintf(`{"run":%d,"job":%q,"text":%q}`, w.run, w.job, w.text))
		}
		if diff := cmp.Diff(want, b.events(t, "JobFailed")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestRequest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBench(d)
		id, err := b.Request(ctx, PruneEvents, "ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Request(ctx, PruneEvents, "bob"); core.CodeOf(err) != core.Conflict || !strings.Contains(core.SafeText(err), "ada") {
			t.Errorf("asked twice: %v", err)
		}
		for job, by := range map[string]string{"coffee": "ada", ExpireSessions: "", PruneJobHistory: "a\nb", FreeleechEdges: strings.Repeat("x", 65), PruneSecurity: "\u200b\u2060", RenderTexts: "\xff"} {
			if _, err := b.Request(ctx, job, by); err == nil {
				t.Errorf("%q may ask for %s", by, job)
			}
		}
		want := Request{ID: id, Job: PruneEvents, By: "ada", At: *b.now}
		if got, ok, err := b.Pending(ctx, PruneEvents); got != want || !ok || err != nil {
			t.Errorf("pending %+v, %v, %v", got, ok, err)
		}
		if got, ok, err := b.RequestByID(ctx, id); got != want || !ok || err != nil {
			t.Errorf("by id %+v, %v, %v", got, ok, err)
		}
		run, err := b.Begin(ctx, PruneEvents, "host-1", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(ctx, run, id, Result{Outcome: Stopped}); err != nil {
			t.Fatal(err)
		}
		if _, ok, _ := b.Pending(ctx, PruneEvents); !ok || b.events(t, "JobFinished") != nil {
			t.Error("a stopped run ended the request")
		}
		if run, err = b.Begin(ctx, PruneEvents, "host-1", "ada"); err != nil {
			t.Fatal(err)
		}
		if err := b.Finish(ctx, run, id, Result{Outcome: OK, Text: "done"}); err != nil {
			t.Fatal(err)
		}
		if _, ok, err := b.Pending(ctx, PruneEvents); ok || err != nil {
			t.Errorf("the request is still there, %v", err)
		}
		if diff := cmp.Diff([]string{fmt.Sprintf(`{"run":%d,"job":"prune-events","started_by":"ada","ok":true,"text":"done"}`, run.ID)}, b.events(t, "JobFinished")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{fmt.Sprintf(`{"request":%d}`, id)}, b.events(t, "JobRequested")); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if _, err := b.Request(ctx, PruneEvents, "bob"); err != nil {
			t.Errorf("asked again after the end: %v", err)
		}
		if _, err := b.Request(ctx, ExpireSessions, "a\u202eda\u200b"); err != nil {
			t.Fatal(err)
		}
		if got, _, err := b.Pending(ctx, ExpireSessions); got.By != "ada" || err != nil {
			t.Errorf("what can't be seen of a name is stored: %q, %v", got.By, err)
		}
	})
}

func TestRequestAtTheSameTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(d)
		var ok, conflict atomic.Int32
		g, _ := supervise.NewGroup(t.Context())
		for i := range 6 {
			g.Go(func(ctx context.Context) error {
				switch _, err := b.Request(ctx, PruneEvents, fmt.Sprint("member", i)); core.CodeOf(err) {
				case "":
					ok.Add(1)
				case core.Conflict:
					conflict.Add(1)
				default:
					return err
				}
				return nil
			})
		}
		if err := g.Wait(); err != nil || ok.Load() != 1 || conflict.Load() != 5 {
			t.Errorf("%d may, %d may not, %v", ok.Load(), conflict.Load(), err)
		}
	})
}

func TestStatus(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBench(d)
		good := b.run(t, ExpireSessions, Result{Outcome: OK, Items: 3})
		b.pass(time.Hour)
		bad := b.run(t, ExpireSessions, Result{Outcome: Failed, Text: "no"})
		if _, err := b.Request(ctx, PruneEvents, "ada"); err != nil {
			t.Fatal(err)
		}
		all, err := b.Status(ctx)
		if err != nil || len(all) != len(Jobs()) {
			t.Fatalf("status of %d jobs, %v", len(all), err)
		}
		for _, st := range all {
			switch st.Job.Name {
			case ExpireSessions:
				if !st.LastOK.Equal(good.Started) || st.Last.ID != bad.ID || st.Last.Outcome != Failed || st.Waiting ||
					!st.Next.Equal(time.Date(2026, 11, 22, 19, 7, 0, 0, time.UTC)) {
					t.Errorf("expire-sessions: %+v", st)
				}
			case PruneEvents:
				if !st.LastOK.IsZero() || st.Last.ID != 0 || !st.Waiting {
					t.Errorf("prune-events: %+v", st)
				}
			}
		}
	})
}

// TestLastOKOfAWrongClock runs a job well while the clock is a year ahead: that run does not
// count once the clock is right.
func TestLastOKOfAWrongClock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(d)
		good := b.run(t, ExpireSessions, Result{Outcome: OK})
		b.pass(365 * 24 * time.Hour)
		b.run(t, ExpireSessions, Result{Outcome: OK})
		b.pass(-364 * 24 * time.Hour)
		if last, err := b.LastOK(t.Context(), ExpireSessions); err != nil || !last.Equal(good.Started) {
			t.Errorf("the last good run began at %v, %v; want %v", last, err, good.Started)
		}
	})
}

func TestRanSince(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBench(d)
		start := *b.now
		b.run(t, PruneEvents, Result{Outcome: Failed})
		for _, c := range []struct {
			now, since time.Duration
			job        string
			want       bool
		}{
			{0, 0, PruneEvents, true}, {0, -time.Hour, PruneEvents, true}, {time.Hour, time.Second, PruneEvents, false},
			{0, 0, ExpireSessions, false},
			{-time.Minute, -time.Hour, PruneEvents, true},    // another machine's clock is a little ahead
			{-time.Hour, -2 * time.Hour, PruneEvents, false}, // the clock was set back
		} {
			*b.now = start.Add(c.now)
			got, err := b.RanSince(t.Context(), c.job, start.Add(c.since))
			if got.IsZero() == c.want || c.want && !got.Equal(start) || err != nil {
				t.Errorf("%+v: %v, %v", c, got, err)
			}
		}
	})
}

func TestPrune(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBench(d)
		oldest := b.run(t, PruneJobHistory, Result{Outcome: OK}) // the only good run of its job
		b.run(t, FreeleechEdges, Result{Outcome: OK, Items: 2})
		b.run(t, FreeleechEdges, Result{Outcome: Failed})
		running, err := b.Begin(ctx, ExpireSessions, "host-1", BySchedule)
		if err != nil {
			t.Fatal(err)
		}
		b.pass(200 * 24 * time.Hour)
		told := b.run(t, FreeleechEdges, Result{Outcome: OK, Items: 1})
		failed := b.run(t, FreeleechEdges, Result{Outcome: Failed})
		for range 5 {
			b.run(t, FreeleechEdges, Result{Outcome: OK})
		}
		b.pass(72 * time.Hour)
		quiet := b.run(t, FreeleechEdges, Result{Outcome: OK})
		last := b.run(t, FreeleechEdges, Result{Outcome: OK})
		var total int64
		for {
			n, err := b.Prune(ctx, b.now.AddDate(0, 0, -180), b.now.AddDate(0, 0, -2), 3)
			if err != nil || n > 3 {
				t.Fatalf("pruned %d, %v", n, err)
			}
			if total += n; n == 0 {
				break
			}
		}
		var left []int64
		runs, err := b.History(ctx, "", 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range runs {
			left = append(left, r.ID)
		}
		if diff := cmp.Diff([]int64{last.ID, quiet.ID, failed.ID, told.ID, running.ID, oldest.ID}, left); diff != "" || total != 7 {
			t.Errorf("pruned %d; left (-want +got):\n%s", total, diff)
		}
	})
}
