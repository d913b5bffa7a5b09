package economy

import (
	"testing"
	"time"

	_ "time/tzdata" // the zones of the tests must not depend on the machine

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// instants are the seasons of 2020 to 2035 by VSOP87 as libastro computes them
// (PyEphem 4.1.4), put on UTC with TT - UTC = 69.184 s. They round to the minutes
// that the almanacs print.
var instants = []struct {
	year int
	utc  [4]string
}{
	{2020, [4]string{"03-20 03:49:35", "06-20 21:43:49", "09-22 13:30:40", "12-21 10:02:11"}},
	{2021, [4]string{"03-20 09:37:29", "06-21 03:32:18", "09-22 19:21:12", "12-21 15:59:09"}},
	{2022, [4]string{"03-20 15:33:23", "06-21 09:13:59", "09-23 01:03:35", "12-21 21:48:03"}},
	{2023, [4]string{"03-20 21:24:18", "06-21 14:57:58", "09-23 06:50:03", "12-22 03:27:12"}},
	{2024, [4]string{"03-20 03:06:25", "06-20 20:51:07", "09-22 12:43:36", "12-21 09:20:24"}},
	{2025, [4]string{"03-20 09:01:19", "06-21 02:42:23", "09-22 18:19:22", "12-21 15:02:56"}},
	{2026, [4]string{"03-20 14:45:58", "06-21 08:24:36", "09-23 00:05:15", "12-21 20:50:05"}},
	{2027, [4]string{"03-20 20:24:38", "06-21 14:10:56", "09-23 06:01:39", "12-22 02:42:00"}},
	{2028, [4]string{"03-20 02:17:04", "06-20 20:02:07", "09-22 11:45:24", "12-21 08:19:31"}},
	{2029, [4]string{"03-20 08:01:59", "06-21 01:48:25", "09-22 17:38:26", "12-21 14:13:58"}},
	{2030, [4]string{"03-20 13:51:56", "06-21 07:31:27", "09-22 23:27:00", "12-21 20:09:28"}},
	{2031, [4]string{"03-20 19:41:01", "06-21 13:17:16", "09-23 05:15:18", "12-22 01:55:23"}},
	{2032, [4]string{"03-20 01:21:44", "06-20 19:08:54", "09-22 11:10:54", "12-21 07:55:47"}},
	{2033, [4]string{"03-20 07:22:40", "06-21 01:01:17", "09-22 16:51:41", "12-21 13:45:50"}},
	{2034, [4]string{"03-20 13:17:23", "06-21 06:44:19", "09-22 22:39:26", "12-21 19:33:52"}},
	{2035, [4]string{"03-20 19:02:38", "06-21 12:33:17", "09-23 04:39:04", "12-22 01:30:44"}},
}

// published are instants of other sources, for a second opinion: the ones that
// the project was planned with (2024 to 2030, in seconds) and the minutes that the
// U.S. Naval Observatory prints.
var published = []struct {
	year int
	utc  [4]string
}{
	{2020, [4]string{"03-20 03:50:00", "06-20 21:44:00", "09-22 13:31:00", "12-21 10:02:00"}},
	{2021, [4]string{"03-20 09:37:00", "06-21 03:32:00", "09-22 19:21:00", "12-21 15:59:00"}},
	{2022, [4]string{"03-20 15:33:00", "06-21 09:14:00", "09-23 01:04:00", "12-21 21:48:00"}},
	{2023, [4]string{"03-20 21:24:00", "06-21 14:58:00", "09-23 06:50:00", "12-22 03:27:00"}},
	{2024, [4]string{"03-20 03:06:22", "06-20 20:51:03", "09-22 12:43:32", "12-21 09:20:20"}},
	{2025, [4]string{"03-20 09:01:14", "06-21 02:42:18", "09-22 18:19:17", "12-21 15:02:51"}},
	{2026, [4]string{"03-20 14:45:53", "06-21 08:24:31", "09-23 00:05:09", "12-21 20:49:59"}},
	{2027, [4]string{"03-20 20:24:32", "06-21 14:10:50", "09-23 06:01:32", "12-22 02:41:53"}},
	{2028, [4]string{"03-20 02:16:57", "06-20 20:02:00", "09-22 11:45:16", "12-21 08:19:23"}},
	{2029, [4]string{"03-20 08:01:51", "06-21 01:48:17", "09-22 17:38:18", "12-21 14:13:49"}},
	{2030, [4]string{"03-20 13:51:46", "06-21 07:31:17", "09-22 23:26:50", "12-21 20:09:18"}},
}

func TestInstantsMatchTheTables(t *testing.T) {
	worst := time.Duration(0)
	for _, table := range [][]struct {
		year int
		utc  [4]string
	}{instants, published} {
		for _, row := range table {
			for s, text := range row.utc {
				want := parse(t, row.year, text)
				got := Instant(row.year, Season(s))
				diff := got.Sub(want).Abs()
				worst = max(worst, diff)
				if diff > time.Minute {
					t.Errorf("%s %d is %s, want %s within 60 s", Season(s), row.year, got, want)
				}
			}
		}
	}
	t.Logf("largest difference: %s", worst)
}

func parse(t *testing.T, year int, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.DateTime, time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Format("2006-")+text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestDeltaT(t *testing.T) {
	for _, c := range []struct {
		at   string
		want float64
	}{
		{"1900-01-01", 31.07}, {"1955-01-01", 31.07}, {"1962-07-02", 34.44}, {"2000-01-01", 63.83},
		{"2012-07-01", 66.855}, {"2017-01-01", 69.184}, {"2026-09-23", 69.184}, {"2050-01-01", 69.184},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := deltaT(at); got < c.want-0.01 || got > c.want+0.01 {
			t.Errorf("deltaT(%s) = %.3f s, want %.3f s", c.at, got, c.want)
		}
	}
}

func TestCalendarOfAYear(t *testing.T) {
	got := Calendar(utc(2026, 1, 1, 0), utc(2027, 1, 1, 0), time.UTC)
	want := []Window{
		{Key: "calendar:2026-03", Source: SourceCalendar, State: core.LeechFree, Starts: utc(2026, 3, 20, 0), Ends: utc(2026, 3, 21, 0), Reason: "March equinox"},
		{Key: "calendar:2026-06", Source: SourceCalendar, State: core.LeechFree, Starts: utc(2026, 6, 21, 0), Ends: utc(2026, 6, 22, 0), Reason: "June solstice"},
		{Key: "calendar:2026-09", Source: SourceCalendar, State: core.LeechFree, Starts: utc(2026, 9, 23, 0), Ends: utc(2026, 9, 24, 0), Reason: "September equinox"},
		{Key: "calendar:2026-12", Source: SourceCalendar, State: core.LeechFree, Starts: utc(2026, 12, 21, 0), Ends: utc(2026, 12, 22, 0), Reason: "December solstice"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calendar of 2026 (-want +got):\n%s", diff)
	}
}

func TestCalendarOverlapIsHalfOpen(t *testing.T) {
	for _, c := range []struct {
		from, to time.Time
		want     int
	}{
		{utc(2026, 3, 21, 0), utc(2026, 6, 21, 0), 0}, // one ends at from, the next begins at to
		{utc(2026, 3, 21, 0).Add(-time.Second), utc(2026, 6, 21, 0), 1},
		{utc(2026, 3, 21, 0), utc(2026, 6, 21, 0).Add(time.Second), 1},
		{utc(2026, 3, 20, 12), utc(2026, 3, 20, 12), 1}, // an instant within
		{utc(2026, 6, 1, 0), utc(2026, 1, 1, 0), 0},
	} {
		if got := Calendar(c.from, c.to, time.UTC); len(got) != c.want {
			t.Errorf("Calendar(%s, %s) has %d windows, want %d", c.from, c.to, len(got), c.want)
		}
	}
}

// TestDaysThatDifferByZone has the days on which the date depends on the zone,
// and days whose length is not 24 hours.
func TestDaysThatDifferByZone(t *testing.T) {
	for _, c := range []struct {
		year           int
		season         Season
		zone           string
		starts, length string
	}{
		{2026, September, "UTC", "2026-09-23T00:00:00Z", "24h0m0s"},
		{2026, September, "America/New_York", "2026-09-22T00:00:00-04:00", "24h0m0s"},
		{2026, September, "Europe/Berlin", "2026-09-23T00:00:00+02:00", "24h0m0s"},
		{2030, September, "UTC", "2030-09-22T00:00:00Z", "24h0m0s"},
		{2030, September, "Europe/Berlin", "2030-09-23T00:00:00+02:00", "24h0m0s"},
		{2030, September, "Asia/Tokyo", "2030-09-23T00:00:00+09:00", "24h0m0s"},
		{2024, March, "America/New_York", "2024-03-19T00:00:00-04:00", "24h0m0s"},
		{2028, March, "America/Los_Angeles", "2028-03-19T00:00:00-07:00", "24h0m0s"},
		{2027, December, "America/New_York", "2027-12-21T00:00:00-05:00", "24h0m0s"},
		{2026, December, "Asia/Tokyo", "2026-12-22T00:00:00+09:00", "24h0m0s"},
		{2026, June, "Pacific/Kiritimati", "2026-06-21T00:00:00+14:00", "24h0m0s"},
		{2026, March, "Asia/Kathmandu", "2026-03-20T00:00:00+05:45", "24h0m0s"},
		// Iran put its clocks forward at midnight after the equinox of 2020, and
		// back at midnight before that of 2021.
		{2020, March, "Asia/Tehran", "2020-03-20T00:00:00+03:30", "24h0m0s"},
		{2021, September, "Asia/Tehran", "2021-09-22T00:00:00+03:30", "24h0m0s"},
	} {
		loc := zone(t, c.zone)
		w := calendarWindow(c.year, c.season, loc)
		if got := w.Starts.In(loc).Format(time.RFC3339); got != c.starts {
			t.Errorf("%s %d in %s starts %s, want %s", c.season, c.year, c.zone, got, c.starts)
		}
		if got := w.Ends.Sub(w.Starts).String(); got != c.length {
			t.Errorf("%s %d in %s lasts %s, want %s", c.season, c.year, c.zone, got, c.length)
		}
	}
}

func TestDayStartWhereClocksChange(t *testing.T) {
	for _, c := range []struct {
		zone       string
		y, m, d    int
		want, next string
	}{
		{"Europe/Berlin", 2026, 3, 29, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"},      // 23 h
		{"Europe/Berlin", 2026, 10, 25, "2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"},     // 25 h
		{"Asia/Tehran", 2021, 3, 22, "2021-03-22T01:00:00+04:30", "2021-03-23T00:00:00+04:30"},        // no 00:00
		{"Asia/Beirut", 2026, 3, 29, "2026-03-29T01:00:00+03:00", "2026-03-30T00:00:00+03:00"},        // no 00:00
		{"America/Havana", 2026, 11, 1, "2026-11-01T00:00:00-04:00", "2026-11-02T00:00:00-05:00"},     // 00:00 twice
		{"America/Santiago", 2026, 9, 6, "2026-09-06T01:00:00-03:00", "2026-09-07T00:00:00-03:00"},    // no 00:00
		{"America/St_Johns", 2010, 11, 7, "2010-11-07T00:00:00-02:30", "2010-11-08T00:00:00-03:30"},   // 00:01 back to 23:01
		{"Australia/Lord_Howe", 2026, 4, 5, "2026-04-05T00:00:00+11:00", "2026-04-06T00:00:00+10:30"}, // 24.5 h
		{"America/Sao_Paulo", 2018, 11, 4, "2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"},  // no 00:00
		{"UTC", 2026, 12, 31, "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"},                         // month's end
	} {
		loc := zone(t, c.zone)
		if got := dayStart(c.y, time.Month(c.m), c.d, loc).Format(time.RFC3339); got != c.want {
			t.Errorf("%s, %d-%d-%d starts %s, want %s", c.zone, c.y, c.m, c.d, got, c.want)
		}
		if got := dayStart(c.y, time.Month(c.m), c.d+1, loc).Format(time.RFC3339); got != c.next {
			t.Errorf("%s, the day after %d-%d-%d starts %s, want %s", c.zone, c.y, c.m, c.d, got, c.next)
		}
	}
}

// TestCalendarWindowIsTheDayOfTheInstant checks the definition itself, for zones
// all round the world.
func TestCalendarWindowIsTheDayOfTheInstant(t *testing.T) {
	for _, name := range []string{"UTC", "America/New_York", "America/Los_Angeles", "America/Asuncion", "America/Sao_Paulo",
		"Europe/Berlin", "Atlantic/Azores", "Asia/Tehran", "Asia/Kathmandu", "Asia/Tokyo", "Asia/Gaza", "Australia/Lord_Howe",
		"Pacific/Kiritimati", "Pacific/Niue", "Antarctica/Troll"} {
		loc := zone(t, name)
		for year := 1990; year <= 2050; year++ {
			for s := range seasons {
				at, w := Instant(year, Season(s)), calendarWindow(year, Season(s), loc)
				date := func(u time.Time) string { return u.In(loc).Format(time.DateOnly) }
				if !w.Holds(at) || date(w.Starts) != date(at) || date(w.Ends.Add(-time.Second)) != date(at) ||
					date(w.Starts.Add(-time.Second)) == date(at) || date(w.Ends) == date(at) {
					t.Errorf("%s: %s at %s has the window %s to %s", name, w.Key, at.In(loc), w.Starts.In(loc), w.Ends.In(loc))
				}
			}
		}
	}
}

func TestComing(t *testing.T) {
	var keys []string
	for _, w := range Coming(utc(2026, 9, 23, 23), 8, time.UTC) {
		keys = append(keys, w.Key)
	}
	want := []string{"calendar:2026-09", "calendar:2026-12", "calendar:2027-03", "calendar:2027-06",
		"calendar:2027-09", "calendar:2027-12", "calendar:2028-03", "calendar:2028-06"}
	if diff := cmp.Diff(want, keys); diff != "" {
		t.Errorf("coming eight (-want +got):\n%s", diff)
	}
	if got := Coming(utc(2026, 9, 24, 0), 1, time.UTC); got[0].Key != "calendar:2026-12" {
		t.Errorf("at its end, a window is over; the next is %s", got[0].Key)
	}
	for _, n := range []int{-1, 0, 1, 3, 4, 99, 100} {
		if got := len(Coming(utc(2026, 6, 21, 5), n, time.UTC)); got != max(n, 0) {
			t.Errorf("Coming(%d) has %d windows", n, got)
		}
	}
	if got := len(Coming(utc(2026, 1, 1, 0), 1_000_000, time.UTC)); got != maxList {
		t.Errorf("a list of a million has %d windows, want %d", got, maxList)
	}
}

func TestZone(t *testing.T) {
	for _, name := range []string{"", "Local", "Mars/Olympus", "../../etc/passwd"} {
		if _, err := ParseZone(name); core.CodeOf(err) != core.Invalid || core.FieldOf(err) != "timezone" {
			t.Errorf("ParseZone(%q) = %v, want an invalid field", name, err)
		}
	}
	var z Zone
	if err := z.UnmarshalText([]byte("Asia/Tokyo")); err != nil {
		t.Fatal(err)
	}
	text, err := z.MarshalText()
	if err != nil || string(text) != "Asia/Tokyo" || z.Loc().String() != "Asia/Tokyo" {
		t.Errorf("Asia/Tokyo became %q, %v", text, err)
	}
	if err := z.UnmarshalText([]byte("nowhere")); err == nil || z.Loc().String() != "Asia/Tokyo" {
		t.Errorf("a bad name was taken: %v, %s", err, z.Loc())
	}
	if (Zone{}).Loc() != time.UTC {
		t.Error("the zero zone is not UTC")
	}
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := ParseZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z.Loc()
}

func utc(y, m, d, h int) time.Time { return time.Date(y, time.Month(m), d, h, 0, 0, 0, time.UTC) }
