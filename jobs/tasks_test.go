package jobs

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/security"
)

func TestBatches(t *testing.T) {
	left := int64(25)
	n, err := batches(t.Context(), 10, func(_ context.Context, limit int) (int64, error) {
		n := min(left, int64(limit))
		left -= n
		return n, nil
	})
	if n != 25 || err != nil {
		t.Errorf("did %d, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n, err = batches(ctx, 10, func(context.Context, int) (int64, error) { cancel(); return 10, nil }) // without end
	if n != 10 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: did %d, %v", n, err)
	}
	boom := errors.New("boom")
	calls := 0
	n, err = batches(t.Context(), 10, func(context.Context, int) (int64, error) {
		if calls++; calls == 2 {
			return 3, boom
		}
		return 10, nil
	})
	if n != 13 || !errors.Is(err, boom) {
		t.Errorf("with an error in the second batch: did %d, %v", n, err)
	}
}

// TestNoticesOnceByTwoRooms lets two rooms live through an equinox.
func TestNoticesOnceByTwoRooms(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		start := time.Date(2026, 9, 23, 0, 0, 0, 0, time.UTC)
		h := newHouse(t, d, start.Add(-25*time.Hour))
		for _, name := range []string{"one", "two"} {
			r, _ := h.room(name)
			h.start(t, r)
		}
		h.caughtUp(t)
		for i, at := range []time.Time{start.Add(-24 * time.Hour), start, start.Add(24 * time.Hour)} {
			h.set(at)
			h.untilInTime(t, "the edge is told", func() bool { return len(bodies[eventlog.LeechEdge](t, h)) > i })
			h.pass(time.Minute)
		}
		edge := eventlog.LeechEdge{Key: "calendar:2026-09", Phase: "before", Name: "September equinox", State: core.LeechFree,
			Starts: start.Unix(), Ends: start.Add(24 * time.Hour).Unix()}
		begin, end := edge, edge
		begin.Phase, end.Phase = "start", "end"
		if diff := cmp.Diff([]eventlog.LeechEdge{edge, begin, end}, bodies[eventlog.LeechEdge](t, h)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// TestStaffWindowsAreToldAtOnce opens and ends one without any time passing.
func TestStaffWindowsAreToldAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		h.start(t, r)
		h.caughtUp(t)
		w, err := h.freeleech.Open(t.Context(), economy.Window{State: core.LeechFree, Ends: noon.Add(time.Hour), Reason: "party"}, 1)
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the start is told", func() bool { return len(bodies[eventlog.LeechEdge](t, h)) == 1 })
		if _, err := h.freeleech.End(t.Context(), w.ID, 1); err != nil {
			t.Fatal(err)
		}
		until(t, "the end is told", func() bool { return len(bodies[eventlog.LeechEdge](t, h)) == 2 })
		if runs := h.untilRuns(t, schedule.FreeleechEdges, 3); runs[1].StartedBy != schedule.ByEvent || runs[2].StartedBy != schedule.ByEvent {
			t.Errorf("runs %+v", runs)
		}
	})
}

func TestPruneEventsKeepsWhatIsYoungOrUnread(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, h := t.Context(), newHouse(t, d, noon)
		add := func(n int) (last int64) {
			t.Helper()
			err := d.Tx(ctx, func(tx *db.Tx) (err error) {
				for range n {
					if last, err = h.events.Append(ctx, tx, eventlog.ClientsChanged{}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return last
		}
		old := add(1200)
		h.pass(keepEvents + time.Second)
		young := add(5)
		prune := pruneEvents(h.events, h.clock)
		if n, err := prune(ctx); n != 0 || err != nil {
			t.Errorf("without any reader: pruned %d, %v", n, err)
		}
		for name, pos := range map[string]int64{"fast": young, "slow": old - 100} {
			if err := h.events.Advance(ctx, name, pos); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := prune(ctx); n != 1100 || err != nil {
			t.Errorf("pruned %d, %v, want 1100", n, err)
		}
		if err := h.events.Advance(ctx, "slow", young); err != nil {
			t.Fatal(err)
		}
		if n, err := prune(ctx); n != 100 || err != nil {
			t.Errorf("pruned %d, %v, want 100", n, err)
		}
		left, err := h.events.Read(ctx, 0, 100)
		if err != nil || len(left) != 5 || left[0].ID != old+1 {
			t.Errorf("%d events are left, %v", len(left), err)
		}
	})
}

func TestPruneJobHistory(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, h := t.Context(), newHouse(t, d, noon)
		for range 3 {
			run, err := h.schedule.Begin(ctx, schedule.FreeleechEdges, "one", schedule.BySchedule)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.schedule.Finish(ctx, run, 0, schedule.Result{Outcome: schedule.OK}); err != nil {
				t.Fatal(err)
			}
		}
		prune := pruneJobHistory(h.schedule, h.clock)
		if n, err := prune(ctx); n != 0 || err != nil {
			t.Errorf("young runs: pruned %d, %v", n, err)
		}
		h.pass(keepQuiet + time.Second)
		if n, err := prune(ctx); n != 2 || err != nil {
			t.Errorf("quiet runs: pruned %d, %v, want all but the last", n, err)
		}
	})
}

func TestRenderTexts(t *testing.T) {
	store := &texts{left: 105}
	if n, err := renderTexts(store)(t.Context()); n != 105 || err != nil || store.most > 20 {
		t.Errorf("rendered %d, up to %d at once, %v", n, store.most, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store.left = 1000
	if n, err := renderTexts(store)(ctx); n > 20 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: rendered %d, %v", n, err)
	}
}

// TestFoldersAreMadeUntilTheRunEnds has a catalogue with torrents of an older release.
func TestFoldersAreMadeUntilTheRunEnds(t *testing.T) {
	store := &catalogue{folders: sessions{left: 250}}
	if n, err := refreshFolders(store)(t.Context()); n != 250 || err != nil {
		t.Errorf("made the folders of %d torrents, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	store.folders.left = 1000
	if n, err := refreshFolders(store)(ctx); n > 100 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: %d, %v", n, err)
	}
}

func TestSwarmsAreNotedToTheEnd(t *testing.T) {
	store := &catalogue{swarms: 1200}
	if n, err := noteSwarms(store)(t.Context()); n != 3 || err != nil || !slices.Equal(store.noted, []core.GroupID{0, 500, 1000}) {
		t.Errorf("noted %d behind %v, %v", n, store.noted, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := noteSwarms(store)(ctx); n != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the run: %d, %v", n, err)
	}
}

// TestSecurityLogIsKeptForItsTime prunes it by the setting.
func TestSecurityLogIsKeptForItsTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		for range 3 {
			h.security.Note(t.Context(), security.Event{Member: 7, Kind: security.LoggedIn})
			h.set(h.clock().AddDate(0, 0, 20))
		}
		n, err := pruneSecurityLog(h.security, 30, h.clock)(t.Context())
		if err != nil || n != 2 {
			t.Errorf("pruned %d (%v), want 2", n, err)
		}
		if list, err := h.security.Page(t.Context(), 7, 0, 10); err != nil || len(list) != 1 {
			t.Errorf("%d are left (%v)", len(list), err)
		}
	})
}

// TestMailIsSentAtOnce puts a letter without any time passing.
func TestMailIsSentAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := newHouse(t, d, noon)
		r, _ := h.room("one")
		h.start(t, r)
		h.caughtUp(t)
		if runs := h.runs(t, schedule.SendMail); len(runs) != 1 || runs[0].Items != 0 {
			t.Fatalf("runs %+v", runs)
		}
		h.post.sessions.mu.Lock()
		h.post.left = 3
		h.post.sessions.mu.Unlock()
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := h.events.Append(t.Context(), tx, eventlog.MailQueued{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if runs := h.untilRuns(t, schedule.SendMail, 2); runs[1].StartedBy != schedule.ByEvent || runs[1].Items != 3 {
			t.Errorf("runs %+v", runs)
		}
	})
}

func TestMailThatWaitsIsAComplaint(t *testing.T) {
	h := newHouse(t, dbtest.SQLite(t), noon)
	r, _ := h.room("one")
	if got := r.Complaint(); got != "" {
		t.Errorf("complaint %q", got)
	}
	h.post.trouble = "mail has not gone out for 2h"
	if got := r.Complaint(); got != h.post.trouble {
		t.Errorf("complaint %q", got)
	}
	r.waits(schedule.SendMail, errors.New("no"))
	if got := r.Complaint(); !strings.Contains(got, "1 jobs wait, such as send-mail") || !strings.Contains(got, h.post.trouble) {
		t.Errorf("complaint %q", got)
	}
}
