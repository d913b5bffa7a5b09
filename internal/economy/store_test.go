package economy

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// desk is a store with a clock that the test sets.
type desk struct {
	*Store
	clock *dbtest.Clock
}

func newDesk(d *db.DB, now time.Time) *desk {
	k := &desk{clock: dbtest.NewClock(now)}
	k.Store = NewStore(d, eventlog.New(d, k.clock.Now), k.clock.Now, DefaultConfig())
	return k
}

func (k *desk) open(t *testing.T, w Window) Window {
	t.Helper()
	got, err := k.Open(t.Context(), w, 1)
	if err != nil {
		t.Fatalf("open %+v: %v", w, err)
	}
	return got
}

// kinds returns the kinds of all events, oldest first.
func (k *desk) kinds(t *testing.T) (out []string) {
	t.Helper()
	events, err := k.log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		out = append(out, e.Kind)
	}
	return out
}

func TestOpenAndEnd(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), utc(2026, 12, 21, 20)
		k := newDesk(d, now.Add(300*time.Millisecond))
		got := k.open(t, Window{State: core.LeechFree, Ends: now.Add(24 * time.Hour), Reason: " new servers "})
		want := Window{ID: got.ID, Key: storedKey(got.ID), Source: SourceStaff, State: core.LeechFree, Starts: now,
			Ends: now.Add(24 * time.Hour), Reason: "new servers", CreatedBy: 1, CreatedAt: now}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("opened (-want +got):\n%s", diff)
		}
		stored, err := k.ByID(ctx, got.ID)
		if diff := cmp.Diff(want, stored); diff != "" || err != nil {
			t.Errorf("stored, %v (-want +got):\n%s", err, diff)
		}
		ended, err := k.End(ctx, got.ID, 2)
		if err != nil {
			t.Fatal(err)
		}
		want.Ends = now
		still := Effective{core.LeechFree, utc(2026, 12, 22, 0), "December solstice", SourceCalendar}
		if diff := cmp.Diff(Ended{want, still}, ended); diff != "" {
			t.Errorf("ended (-want +got):\n%s", diff)
		}
		by, _, err := db.One(ctx, d, db.Value[int64], "SELECT ended_by FROM leech_window WHERE id = ?", got.ID)
		if by != 2 || err != nil {
			t.Errorf("ended by %d, %v", by, err)
		}
		if _, err := k.End(ctx, got.ID, 2); core.CodeOf(err) != core.Conflict || !strings.Contains(core.SafeText(err), "2026-12-21 20:00:00 UTC") {
			t.Errorf("ended twice: %v", err)
		}
		if _, err := k.End(ctx, 999, 2); core.CodeOf(err) != core.NotFound {
			t.Errorf("ended what is not there: %v", err)
		}
		if diff := cmp.Diff([]string{"LeechWindowsChanged", "LeechWindowsChanged"}, k.kinds(t)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// TestWindowsOfAWrongClock opens a window while the clock is a year ahead: it is not planned
// for that day once the clock is right.
func TestWindowsOfAWrongClock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), utc(2026, 5, 1, 12)
		k := newDesk(d, now.AddDate(1, 0, 0))
		ahead := k.open(t, Window{State: core.LeechFree, Ends: now.AddDate(1, 0, 1), Reason: "a party"})
		k.clock.Set(now)
		right := k.open(t, Window{State: core.LeechFree, Ends: now.Add(time.Hour), Reason: "a party"})
		active, err := k.Active(ctx)
		if err != nil || len(active) != 1 || active[0].ID != right.ID {
			t.Errorf("active %+v, %v", active, err)
		}
		coming, err := k.Upcoming(ctx, 100)
		if err != nil || slices.ContainsFunc(coming, func(w Window) bool { return w.ID == ahead.ID }) {
			t.Errorf("to come: %+v, %v", coming, err)
		}
		s, err := k.Schedule(ctx)
		if err != nil || slices.ContainsFunc(s.siteWide, func(w Window) bool { return w.ID == ahead.ID }) {
			t.Errorf("the schedule has it, or: %v", err)
		}
	})
}

func TestEndTouchesOneWindowOnly(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), utc(2026, 5, 1, 12)
		k := newDesk(d, now)
		a := k.open(t, Window{State: core.LeechFree, Ends: now.Add(4 * time.Hour), Reason: "a"})
		b := k.open(t, Window{State: core.LeechFree, Ends: now.Add(2 * time.Hour), Reason: "b"})
		c := k.open(t, Window{State: core.LeechNeutral, Ends: now.Add(8 * time.Hour), Reason: "c", Torrent: 5})
		later := k.open(t, Window{State: core.LeechFree, Starts: now.Add(48 * time.Hour), Ends: now.Add(50 * time.Hour), Reason: "later"})
		ended, err := k.End(ctx, a.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if want := (Effective{core.LeechFree, b.Ends, "b", SourceStaff}); ended.Still != want {
			t.Errorf("still %+v, want %+v", ended.Still, want)
		}
		if ended, err = k.End(ctx, b.ID, 1); err != nil || ended.Still != (Effective{State: core.LeechNormal}) {
			t.Errorf("nothing should hold, but %+v, %v", ended.Still, err)
		}
		if _, err = k.End(ctx, later.ID, 1); err != nil { // called off
			t.Fatal(err)
		}
		s, err := k.Schedule(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Effective(core.LeechNormal, 5, 1, now); got != (Effective{core.LeechNeutral, c.Ends, "c", SourceStaff}) {
			t.Errorf("the torrent's own window: %+v", got)
		}
		if got := s.Effective(core.LeechNormal, 5, 1, now.Add(49*time.Hour)); got.State != core.LeechNormal {
			t.Errorf("what was called off holds: %+v", got)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	now := utc(2026, 5, 1, 12)
	good := Window{State: core.LeechFree, Ends: now.Add(time.Hour), Reason: "party"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(d, now)
		for _, c := range []struct {
			field string
			bad   func(*Window)
		}{
			{"state", func(w *Window) { w.State = core.LeechNormal }},
			{"state", func(w *Window) { w.State = "open" }},
			{"source", func(w *Window) { w.Source = SourceCalendar }},
			{"torrent", func(w *Window) { w.Torrent = -1 }},
			{"member", func(w *Window) { w.Member = -4 }},
			{"starts", func(w *Window) { w.Starts = now.Add(-2 * time.Minute) }},
			{"starts", func(w *Window) { w.Starts, w.Ends = now.AddDate(2, 0, 0), now.AddDate(2, 0, 1) }},
			{"ends", func(w *Window) { w.Ends = time.Time{} }},
			{"ends", func(w *Window) { w.Ends = now }},
			{"ends", func(w *Window) { w.Ends = now.Add(59 * time.Second) }},
			{"ends", func(w *Window) { w.Ends = now.Add(90*24*time.Hour + time.Second) }},
			{"reason", func(w *Window) { w.Reason = "  " }},
			{"reason", func(w *Window) { w.Reason = "a\r\nQUIT" }},
			{"reason", func(w *Window) { w.Reason = "\xff" }},
			{"reason", func(w *Window) { w.Reason = strings.Repeat("ä", 256) }},
		} {
			w := good
			c.bad(&w)
			if _, err := k.Open(t.Context(), w, 1); core.CodeOf(err) != core.Invalid || core.FieldOf(err) != c.field {
				t.Errorf("%+v: %v, want field %s refused", w, err, c.field)
			}
		}
		if n, _, err := db.One(t.Context(), d, db.Value[int64], "SELECT COUNT(*) FROM leech_window"); n != 0 || err != nil || k.kinds(t) != nil {
			t.Errorf("refused windows left %d rows and events %v, %v", n, k.kinds(t), err)
		}
		longest := good
		longest.Ends, longest.Reason = now.Add(90*24*time.Hour), strings.Repeat("ä", 255)
		k.open(t, longest)
		soon := good
		soon.Starts = now.Add(-time.Minute) // meant as now
		if got := k.open(t, soon); !got.Starts.Equal(now) {
			t.Errorf("starts %s, want %s", got.Starts, now)
		}
		for range maxOpen - 2 {
			k.open(t, good)
		}
		if _, err := k.Open(t.Context(), good, 1); core.CodeOf(err) != core.Conflict {
			t.Errorf("window %d: %v, want a conflict", maxOpen+1, err)
		}
	})
}

func TestMembersOwnWindows(t *testing.T) {
	now := utc(2026, 5, 1, 12)
	party := Window{State: core.LeechFree, Ends: now.Add(time.Hour), Reason: "party"}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(d, now)
		mine, one := party, party
		mine.Member, mine.Ends = 4, now.Add(2*time.Hour)
		one.Member, one.Torrent = 4, 7
		mine, one = k.open(t, mine), k.open(t, one)
		s, err := k.Schedule(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]Window{one, mine}, s.Own(4, now)); diff != "" {
			t.Errorf("own windows (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]Window{mine}, s.Own(4, one.Ends)); diff != "" {
			t.Errorf("own windows after the first ended (-want +got):\n%s", diff)
		}
		if s.Own(5, now) != nil || len(s.Active(now)) != 0 {
			t.Error("a member's window concerns others")
		}
		if got := s.Effective(core.LeechNormal, 8, 4, now); got.State != core.LeechFree || !got.Until.Equal(mine.Ends) {
			t.Errorf("the member's transfer is %+v", got)
		}
		if got := s.Effective(core.LeechNormal, 7, 5, now); got.State != core.LeechNormal {
			t.Errorf("another's transfer is %+v", got)
		}
		for range maxOwn - 2 {
			k.open(t, mine)
		}
		if _, err := k.Open(t.Context(), mine, 1); core.CodeOf(err) != core.Conflict {
			t.Errorf("window %d of a member: %v, want a conflict", maxOwn+1, err)
		}
		k.open(t, party) // members' own don't count among those for everyone
	})
}

func TestListsOfTheStore(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := utc(2026, 6, 21, 6)
		k := newDesk(d, now)
		k.open(t, Window{State: core.LeechFree, Ends: now.Add(time.Hour), Reason: "short"})
		k.open(t, Window{State: core.LeechFree, Ends: now.Add(48 * time.Hour), Reason: "one torrent", Torrent: 3})
		k.open(t, Window{State: core.LeechFree, Starts: now.Add(100 * time.Hour), Ends: now.Add(101 * time.Hour), Reason: "soon"})
		off := k.open(t, Window{State: core.LeechFree, Starts: now.Add(50 * time.Hour), Ends: now.Add(51 * time.Hour), Reason: "off"})
		if _, err := k.End(t.Context(), off.ID, 1); err != nil {
			t.Fatal(err)
		}
		reasons := func(ws []Window, err error) (out []string) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range ws {
				out = append(out, w.Reason)
			}
			return out
		}
		if diff := cmp.Diff([]string{"short", "June solstice", "one torrent"}, reasons(k.Active(t.Context()))); diff != "" {
			t.Errorf("active (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"soon", "September equinox", "December solstice"}, reasons(k.Upcoming(t.Context(), 3))); diff != "" {
			t.Errorf("upcoming (-want +got):\n%s", diff)
		}
	})
}

// TestScheduleReadsEveryPage has more windows than one page, as tokens will.
func TestScheduleReadsEveryPage(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), utc(2026, 5, 1, 12)
		k := newDesk(d, now)
		const n = 2*pageSize + 1
		err := d.Tx(ctx, func(tx *db.Tx) error {
			for i := range n {
				ends := now.Add(time.Hour)
				if i == 0 {
					ends = now.Add(-keepPast) // long over
				}
				if _, err := tx.Insert(ctx, "leech_window", db.Row{"source", "staff", "state", "free", "torrent_id", 1 + i, "member_id", 0,
					"starts_at", now.Add(-72 * time.Hour).Unix(), "ends_at", ends.Unix(), "reason", "r", "created_by", 1, "created_at", 0, "ended_by", 0}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := k.Schedule(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			want := core.LeechFree
			if i == 0 {
				want = core.LeechNormal
			}
			if got := s.Effective(core.LeechNormal, core.TorrentID(1+i), 1, now); got.State != want {
				t.Fatalf("torrent %d is %s, want %s", 1+i, got.State, want)
			}
		}
	})
}

// edges decodes the LeechEdge events, oldest first.
func (k *desk) edges(t *testing.T) (out []eventlog.LeechEdge) {
	t.Helper()
	events, err := k.log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind != (eventlog.LeechEdge{}).EventKind() {
			continue
		}
		edge, err := eventlog.Decode[eventlog.LeechEdge](e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, edge)
	}
	return out
}

func TestTellEdgesThroughAnEquinox(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		start := utc(2026, 9, 23, 0)
		k := newDesk(d, start)
		for _, step := range []struct {
			at   time.Time
			told int64
		}{
			{start.Add(-25 * time.Hour), 0}, {start.Add(-24 * time.Hour), 1}, {start.Add(-23 * time.Hour), 0},
			{start.Add(2 * time.Hour), 1}, {start.Add(-time.Minute), 0}, {start.Add(3 * time.Hour), 0},
			{start.Add(24 * time.Hour), 1}, {start.Add(25 * time.Hour), 0}, {start.Add(-24 * time.Hour), 0},
		} {
			k.clock.Set(step.at)
			if told, err := k.TellEdges(t.Context()); told != step.told || err != nil {
				t.Errorf("at %s: told %d, %v, want %d", step.at, told, err, step.told)
			}
		}
		edge := eventlog.LeechEdge{Key: "calendar:2026-09", Phase: "before", Name: "September equinox", State: core.LeechFree,
			Starts: start.Unix(), Ends: start.Add(24 * time.Hour).Unix()}
		late := edge
		late.Phase, late.Late = "start", true
		end := edge
		end.Phase = "end"
		if diff := cmp.Diff([]eventlog.LeechEdge{edge, late, end}, k.edges(t)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestTellEdgesOfStaffWindows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, now := t.Context(), utc(2026, 5, 1, 12)
		k := newDesk(d, now)
		tell := func(at time.Time) {
			t.Helper()
			k.clock.Set(at)
			if _, err := k.TellEdges(ctx); err != nil {
				t.Fatal(err)
			}
		}
		a := k.open(t, Window{State: core.LeechFree, Ends: now.Add(24 * time.Hour), Reason: "a"})
		b := k.open(t, Window{State: core.LeechNeutral, Starts: now.Add(3 * time.Hour), Ends: now.Add(9 * time.Hour), Reason: "b"})
		k.open(t, Window{State: core.LeechFree, Ends: now.Add(time.Hour), Reason: "one torrent is no news", Torrent: 8})
		tell(now)
		k.clock.Set(now.Add(time.Hour))
		for _, id := range []int64{a.ID, b.ID} {
			if _, err := k.End(ctx, id, 1); err != nil {
				t.Fatal(err)
			}
		}
		for hour := 1; hour < 30; hour++ {
			tell(now.Add(time.Duration(hour) * time.Hour))
		}
		var got []string
		for _, e := range k.edges(t) {
			got = append(got, e.Name+" "+e.Phase)
			if e.Phase == "end" && (e.Ends != now.Add(time.Hour).Unix() || e.Late) {
				t.Errorf("the end of %s: %+v", e.Name, e)
			}
		}
		if diff := cmp.Diff([]string{"a start", "b before", "a end", "b end"}, got); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestTellEdgesAtTheSameTime lets several runners decide at once, as two jobs
// processes whose lease changed hands would.
func TestTellEdgesAtTheSameTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		start := utc(2026, 9, 23, 0)
		k := newDesk(d, start)
		var total int64
		var mu sync.Mutex
		for _, at := range []time.Time{start.Add(-time.Hour), start, start.Add(24 * time.Hour)} {
			k.clock.Set(at)
			g, _ := supervise.NewGroup(t.Context())
			for range 4 {
				g.Go(func(ctx context.Context) error {
					n, err := k.TellEdges(ctx)
					mu.Lock()
					defer mu.Unlock()
					total += n
					return err
				})
			}
			if err := g.Wait(); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(k.edges(t)); total != 3 || got != 3 {
			t.Errorf("four runners told %d edges in %d events, want 3", total, got)
		}
	})
}

func TestTellEdgesWithoutACalendar(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		k := newDesk(d, utc(2026, 9, 23, 1))
		k.config.Calendar = false
		if n, err := k.TellEdges(t.Context()); n != 0 || err != nil {
			t.Errorf("told %d, %v", n, err)
		}
	})
}
