package economy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

var epoch = utc(2026, 5, 1, 0) // far from any day of the calendar

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// win is a stored window from second a to second b after the epoch.
func win(id int64, state core.Leech, a, b int) Window {
	return Window{ID: id, Key: storedKey(id), Source: SourceStaff, State: state, Starts: at(a), Ends: at(b), Reason: storedKey(id)}
}

func TestEffective(t *testing.T) {
	free, neutral := core.LeechFree, core.LeechNeutral
	one := win(4, free, 300, 400)
	one.Torrent = 7
	mine := win(5, neutral, 300, 500)
	mine.Member = 9
	both := win(6, free, 450, 480)
	both.Torrent, both.Member = 7, 9
	s := NewSchedule(Config{}, []Window{
		win(1, neutral, 0, 100), win(2, free, 50, 80), win(3, free, 80, 90), one, mine, both,
	}, epoch)
	staff := func(state core.Leech, until, id int) Effective {
		return Effective{State: state, Until: at(until), Reason: storedKey(int64(id)), Source: SourceStaff}
	}
	normal := Effective{State: core.LeechNormal}
	for _, c := range []struct {
		name    string
		own     core.Leech
		torrent core.TorrentID
		member  core.MemberID
		at      int
		want    Effective
	}{
		{"before all", core.LeechNormal, 7, 9, -1, normal},
		{"no own state is normal", "", 7, 9, -1, normal},
		{"the first second", core.LeechNormal, 1, 1, 0, staff(neutral, 50, 1)},
		{"the better of two", core.LeechNormal, 1, 1, 50, staff(free, 90, 2)},
		{"one follows the other", core.LeechNormal, 1, 1, 80, staff(free, 90, 3)},
		{"the worse goes on", core.LeechNormal, 1, 1, 90, staff(neutral, 100, 1)},
		{"the last second", core.LeechNormal, 1, 1, 99, staff(neutral, 100, 1)},
		{"the end is not in it", core.LeechNormal, 1, 1, 100, normal},
		{"own free is as good", free, 1, 1, 60, Effective{State: free, Source: SourceTorrent}},
		{"own neutral is as good", neutral, 1, 1, 10, Effective{State: neutral, Source: SourceTorrent}},
		{"own neutral is worse", neutral, 1, 1, 60, staff(free, 90, 2)},
		{"another torrent", core.LeechNormal, 8, 1, 350, normal},
		{"this torrent", core.LeechNormal, 7, 1, 350, staff(free, 400, 4)},
		{"no torrent", core.LeechNormal, 0, 0, 350, normal},
		{"this member", core.LeechNormal, 8, 9, 350, staff(neutral, 500, 5)},
		{"torrent beats member", core.LeechNormal, 7, 9, 350, staff(free, 400, 4)},
		{"then the member's own", core.LeechNormal, 7, 9, 400, staff(neutral, 450, 5)},
		{"this member on this torrent", core.LeechNormal, 7, 9, 450, staff(free, 480, 6)},
		{"and not on another", core.LeechNormal, 8, 9, 450, staff(neutral, 500, 5)},
	} {
		if diff := cmp.Diff(c.want, s.Effective(c.own, c.torrent, c.member, at(c.at))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
	if got := (Schedule{}).Effective(core.LeechNormal, 1, 1, epoch); got != normal {
		t.Errorf("the zero schedule says %+v", got)
	}
}

func TestEffectiveSplitsSecondsDownwards(t *testing.T) {
	s := NewSchedule(Config{}, []Window{win(1, core.LeechFree, 10, 20)}, epoch)
	for _, c := range []struct {
		at   time.Time
		want core.Leech
	}{
		{at(10).Add(-time.Nanosecond), core.LeechNormal}, {at(10), core.LeechFree},
		{at(20).Add(-time.Nanosecond), core.LeechFree}, {at(20), core.LeechNormal},
	} {
		if got := s.Effective(core.LeechNormal, 1, 1, c.at).State; got != c.want {
			t.Errorf("%s is %s, want %s", c.at.Format(time.RFC3339Nano), got, c.want)
		}
	}
}

// TestEffectiveByBruteForce compares random overlapping windows of all scopes with
// the definition, second by second.
func TestEffectiveByBruteForce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const span = 120
	states := []core.Leech{core.LeechNormal, core.LeechNeutral, core.LeechFree}
	for round := range 150 {
		var ws []Window
		for id := range rng.IntN(12) {
			a := rng.IntN(span)
			w := win(int64(id+1), states[1+rng.IntN(2)], a, a-3+rng.IntN(40)) // some are called off
			w.Torrent, w.Member = core.TorrentID(rng.IntN(3)), core.MemberID(rng.IntN(3))
			ws = append(ws, w)
		}
		s := NewSchedule(Config{}, ws, epoch)
		for torrent := range core.TorrentID(3) {
			for member := range core.MemberID(3) {
				own := states[rng.IntN(3)]
				state := func(u int) core.Leech {
					best := own
					for _, w := range ws {
						if w.Holds(at(u)) && (w.Torrent == 0 || w.Torrent == torrent) && (w.Member == 0 || w.Member == member) {
							best = best.Better(w.State)
						}
					}
					return best
				}
				checkAgainst(t, s, own, torrent, member, ws, span, state)
			}
		}
		if t.Failed() {
			t.Fatalf("round %d: %+v", round, ws)
		}
	}
}

func checkAgainst(t *testing.T, s Schedule, own core.Leech, torrent core.TorrentID, member core.MemberID, ws []Window, span int, state func(int) core.Leech) {
	t.Helper()
	for u := -2; u < span+45; u++ {
		got := s.Effective(own, torrent, member, at(u))
		want := state(u)
		if got.State != want {
			t.Errorf("torrent %d, member %d, own %s, second %d: %s, want %s", torrent, member, own, u, got.State, want)
			return
		}
		if want == own {
			if !got.Until.IsZero() || got.Source == SourceStaff {
				t.Errorf("own state %s at %d came from a window: %+v", own, u, got)
			}
			continue
		}
		until := u
		for state(until) == want {
			until++
		}
		if !got.Until.Equal(at(until)) {
			t.Errorf("second %d: until %s, want %s", u, got.Until, at(until))
		}
		if !reasonHolds(ws, got, u) {
			t.Errorf("second %d: no window in force has the reason %q", u, got.Reason)
		}
	}
}

func reasonHolds(ws []Window, e Effective, u int) bool {
	for _, w := range ws {
		if w.Reason == e.Reason && w.State == e.State && w.Holds(at(u)) {
			return true
		}
	}
	return false
}

// TestEndingOneEndsNothingElse ends each of several overlapping windows in turn:
// only instants that nothing else covers may change.
func TestEndingOneEndsNothingElse(t *testing.T) {
	ws := []Window{win(1, core.LeechFree, 0, 50), win(2, core.LeechFree, 20, 80), win(3, core.LeechNeutral, 10, 100), win(4, core.LeechFree, 20, 80)}
	before := NewSchedule(Config{}, ws, epoch)
	for i := range ws {
		const now = 30
		ended := append([]Window(nil), ws...)
		ended[i].Ends = at(now)
		after := NewSchedule(Config{}, ended, epoch)
		for u := range 120 {
			was, is := before.Effective(core.LeechNormal, 1, 1, at(u)), after.Effective(core.LeechNormal, 1, 1, at(u))
			covered := false
			for j, w := range ws {
				covered = covered || j != i && w.Holds(at(u)) && w.State == was.State
			}
			if (u < now || covered || !ws[i].Holds(at(u))) && was.State != is.State {
				t.Errorf("ending %d changed second %d from %s to %s", ws[i].ID, u, was.State, is.State)
			}
		}
	}
}

func TestCalendarInASchedule(t *testing.T) {
	now := utc(2026, 11, 22, 17)
	overlap := Window{ID: 1, Key: "window:1", Source: SourceStaff, State: core.LeechFree, Reason: "new servers",
		Starts: utc(2026, 12, 21, 12), Ends: utc(2026, 12, 22, 12)}
	s := NewSchedule(DefaultConfig(), []Window{overlap}, now)
	for _, c := range []struct {
		at   time.Time
		want Effective
	}{
		{utc(2026, 12, 20, 23), Effective{State: core.LeechNormal}},
		{utc(2026, 12, 21, 0), Effective{core.LeechFree, utc(2026, 12, 22, 12), "December solstice", SourceCalendar}},
		{utc(2026, 12, 21, 13), Effective{core.LeechFree, utc(2026, 12, 22, 12), "new servers", SourceStaff}},
		{utc(2026, 12, 22, 0), Effective{core.LeechFree, utc(2026, 12, 22, 12), "new servers", SourceStaff}},
		{utc(2026, 12, 22, 12), Effective{State: core.LeechNormal}},
		// far outside of what the snapshot has at hand
		{utc(2061, 6, 20, 12), Effective{core.LeechFree, utc(2061, 6, 21, 0), "June solstice", SourceCalendar}},
		{utc(2061, 6, 21, 0), Effective{State: core.LeechNormal}},
		{utc(2020, 9, 22, 13), Effective{core.LeechFree, utc(2020, 9, 23, 0), "September equinox", SourceCalendar}},
	} {
		if diff := cmp.Diff(c.want, s.Effective(core.LeechNormal, 3, 4, c.at)); diff != "" {
			t.Errorf("at %s (-want +got):\n%s", c.at, diff)
		}
	}
	off := NewSchedule(Config{Calendar: false}, nil, now)
	if got := off.Effective(core.LeechNormal, 3, 4, utc(2026, 12, 21, 13)); got.State != core.LeechNormal {
		t.Errorf("a calendar that is off says %+v", got)
	}
}

// TestSchedulesOfAnyAgeAgree compares a snapshot of today with fresh ones.
func TestSchedulesOfAnyAgeAgree(t *testing.T) {
	old := NewSchedule(Config{Calendar: true, Zone: Zone{zone(t, "America/New_York")}}, nil, utc(2026, 1, 1, 0))
	for when := utc(2024, 1, 1, 5); when.Before(utc(2045, 1, 1, 0)); when = when.Add(31 * time.Hour) {
		fresh := NewSchedule(old.Config(), nil, when)
		a, b := old.Effective(core.LeechNormal, 1, 1, when), fresh.Effective(core.LeechNormal, 1, 1, when)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Fatalf("at %s (-old +fresh):\n%s", when, diff)
		}
	}
}

func TestActiveAndUpcoming(t *testing.T) {
	long := Window{ID: 1, Key: "window:1", Source: SourceStaff, State: core.LeechNeutral, Starts: utc(2026, 12, 20, 0), Ends: utc(2026, 12, 30, 0)}
	soon := Window{ID: 2, Key: "window:2", Source: SourceStaff, State: core.LeechFree, Starts: utc(2026, 12, 25, 0), Ends: utc(2026, 12, 26, 0)}
	calledOff := Window{ID: 3, Key: "window:3", Source: SourceStaff, State: core.LeechFree, Starts: utc(2026, 12, 24, 0), Ends: utc(2026, 12, 23, 0)}
	single := Window{ID: 4, Key: "window:4", Source: SourceStaff, State: core.LeechFree, Torrent: 5, Starts: utc(2026, 12, 20, 0), Ends: utc(2026, 12, 30, 0)}
	s := NewSchedule(DefaultConfig(), []Window{long, soon, calledOff, single}, utc(2026, 12, 1, 0))
	keys := func(ws []Window) (out []string) {
		for _, w := range ws {
			out = append(out, w.Key)
		}
		return out
	}
	now := utc(2026, 12, 21, 8)
	if diff := cmp.Diff([]string{"calendar:2026-12", "window:1"}, keys(s.Active(now))); diff != "" {
		t.Errorf("active (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"window:2", "calendar:2027-03", "calendar:2027-06"}, keys(s.Upcoming(now, 3))); diff != "" {
		t.Errorf("upcoming (-want +got):\n%s", diff)
	}
	if got := s.Upcoming(now, 1000); len(got) != maxList {
		t.Errorf("upcoming lists %d, want %d at most", len(got), maxList)
	}
	if got := s.Active(utc(2026, 12, 30, 0)); len(got) != 0 {
		t.Errorf("active at the end of all: %v", keys(got))
	}
}

func busySchedule() Schedule {
	now := utc(2026, 11, 22, 17)
	var ws []Window
	for i := range 10_000 {
		w := Window{ID: int64(i), State: core.LeechFree, Source: SourceStaff, Starts: now.Add(-time.Hour), Ends: now.Add(time.Hour)}
		if i >= 20 {
			w.Torrent, w.Member = core.TorrentID(i), core.MemberID(i%100)
		}
		ws = append(ws, w)
	}
	return NewSchedule(DefaultConfig(), ws, now)
}

func TestEffectiveDoesNotAllocate(t *testing.T) {
	s, now := busySchedule(), utc(2026, 11, 22, 17)
	if n := testing.AllocsPerRun(100, func() { s.Effective(core.LeechNormal, 500, 0, now) }); n != 0 {
		t.Errorf("Effective allocates %v times", n)
	}
}

func BenchmarkEffective(b *testing.B) {
	now := utc(2026, 11, 22, 17)
	for name, s := range map[string]Schedule{"calendar": NewSchedule(DefaultConfig(), nil, now), "10000_windows": busySchedule()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Effective(core.LeechNormal, 500, 7, now)
			}
		})
	}
}
