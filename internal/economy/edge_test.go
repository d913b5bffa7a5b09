package economy

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// run decides at each of the given hours, as a program does that runs only then, and
// returns what it told: "phase@hour", and "late" if the notice was late.
func run(w Window, base time.Time, hours ...float64) (told []string, known map[string]bool) {
	known = map[string]bool{}
	for _, h := range hours {
		now := base.Add(time.Duration(h * float64(time.Hour)))
		for _, n := range Due([]Window{w}, known, now) {
			known[n.Key()] = n.Told
			text := fmt.Sprintf("%s@%g", n.Phase, h)
			if n.Late {
				text += " late"
			}
			if n.Told {
				told = append(told, text)
			}
		}
	}
	return told, known
}

func TestDueForTheCalendar(t *testing.T) {
	w := calendarWindow(2026, September, time.UTC) // hours count from its start
	for _, c := range []struct {
		name  string
		hours []float64
		want  []string
	}{
		{"always on", []float64{-25, -24, -23, -1, 0, 1, 23, 24, 25, 100}, []string{"before@-24", "start@0", "end@24"}},
		{"off the day before", []float64{-30, -3, 0, 24}, []string{"before@-3 late", "start@0", "end@24"}},
		{"off at the start", []float64{-24, 5, 24}, []string{"before@-24", "start@5 late", "end@24"}},
		{"not late within an hour", []float64{-24, 1, 25}, []string{"before@-24", "start@1", "end@25"}},
		{"off until it had begun", []float64{-30, 5, 24}, []string{"start@5 late", "end@24"}},
		{"off during", []float64{-24, 0, 30}, []string{"before@-24", "start@0", "end@30 late"}},
		{"off over the whole of it", []float64{-30, 30, 31, 100}, nil},
		{"off over the whole but the day before", []float64{-24, 30, 31}, []string{"before@-24"}},
		{"off for a fortnight after the start", []float64{-24, 0, 24 * 14}, []string{"before@-24", "start@0"}},
		{"new in the last half hour", []float64{23.5, 24}, []string{"start@23.5 late", "end@24"}},
		{"new at its end", []float64{24, 25}, nil},
		{"the clock steps back over every edge", []float64{-24, -25, -24, 0, -1, 0, 1, 24, 23, 24, -24, 0, 24}, []string{"before@-24", "start@0", "end@24"}},
		{"the clock was ahead", []float64{100, -24, 0, 24}, nil},
	} {
		got, _ := run(w, w.Starts, c.hours...)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// staffWindow is open for some hours from the epoch on; it was made at hour opened.
func staffWindow(opened, hours int) Window {
	w := win(3, core.LeechFree, 0, 3600*hours)
	w.CreatedAt = at(3600 * opened)
	return w
}

func TestDueForStaffWindows(t *testing.T) {
	for _, c := range []struct {
		name string
		w    Window
		at   []float64
		want []string
	}{
		{"opened as it begins", staffWindow(0, 24), []float64{0, 24}, []string{"start@0", "end@24"}},
		{"opened three hours ahead", staffWindow(-3, 2), []float64{-3, 0, 2}, []string{"before@-3", "start@0", "end@2"}},
		{"opened long ahead", staffWindow(-200, 2), []float64{-200, -24, 0, 2}, []string{"before@-24", "start@0", "end@2"}},
		{"over before anyone looked", staffWindow(0, 1), []float64{2, 3}, nil},
	} {
		got, _ := run(c.w, epoch, c.at...)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestDueForWindowsEndedEarly(t *testing.T) {
	whole := staffWindow(-300, 24)
	for _, c := range []struct {
		name  string
		ended int       // hour
		at    []float64 // when the program looks before the end, and then at it and an hour later
		want  []string
	}{
		{"after it began", 5, []float64{-24, 0}, []string{"before@-24", "start@0", "end@5"}},
		{"after members were told of it", -5, []float64{-24}, []string{"before@-24", "end@-5"}},
		{"before members were told of it", -100, []float64{-200}, nil},
	} {
		told, known := run(whole, epoch, c.at...)
		short := whole
		short.Ends = at(3600 * c.ended)
		for _, hour := range []int{c.ended, c.ended + 1, 0, 24} {
			for _, n := range Due([]Window{short}, known, at(3600*hour)) {
				known[n.Key()] = n.Told
				if n.Told {
					told = append(told, fmt.Sprintf("%s@%d", n.Phase, hour))
				}
			}
		}
		if diff := cmp.Diff(c.want, told); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestMissedEdgesAreDecided(t *testing.T) {
	w := calendarWindow(2026, September, time.UTC)
	_, known := run(w, w.Starts, 30)
	want := map[string]bool{"calendar:2026-09:before": false, "calendar:2026-09:start": false, "calendar:2026-09:end": false}
	if diff := cmp.Diff(want, known); diff != "" {
		t.Errorf("decisions after the whole was missed (-want +got):\n%s", diff)
	}
}

// TestDueWhateverTheOutages checks for random times of running, in any order,
// that each edge is told at most once, at a time when it makes sense, and an end
// only after its start.
func TestDueWhateverTheOutages(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		length := time.Duration(1+rng.IntN(100)) * time.Hour
		opened := at(-3600 * rng.IntN(72))
		w := Window{ID: 1, Key: "window:1", Source: SourceStaff, State: core.LeechFree, CreatedAt: opened, Starts: epoch, Ends: epoch.Add(length)}
		known, told := map[string]bool{}, map[Phase]int{}
		for range rng.IntN(20) {
			now := at(rng.IntN(3600*300) - 3600*80)
			for _, n := range Due([]Window{w}, known, now) {
				if _, again := known[n.Key()]; again {
					t.Fatalf("%s was decided twice", n.Key())
				}
				known[n.Key()] = n.Told
				if !n.Told {
					continue
				}
				told[n.Phase]++
				ok := map[Phase]bool{
					PhaseBefore: now.Before(w.Starts) && !now.Before(w.Starts.Add(-24*time.Hour)),
					PhaseStart:  w.Holds(now),
					PhaseEnd:    !now.Before(w.Ends) && told[PhaseStart] == 1,
				}[n.Phase]
				if !ok || told[n.Phase] > 1 {
					t.Fatalf("%s told at %s of the window %s to %s", n.Phase, now, w.Starts, w.Ends)
				}
			}
		}
	}
}
