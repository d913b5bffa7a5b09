package economy

import (
	"fmt"
	"math"
	"time"

	"github.com/soniakeys/meeus/v3/solstice"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Season is one of the four turning points of the solar year.
type Season int

// The seasons, named by their month because the hemispheres call them
// differently.
const (
	March Season = iota
	June
	September
	December
)

var seasons = [...]struct {
	name  string
	month int
	jde   func(year int) float64
}{
	March:     {"March equinox", 3, solstice.March},
	June:      {"June solstice", 6, solstice.June},
	September: {"September equinox", 9, solstice.September},
	December:  {"December solstice", 12, solstice.December},
}

// String returns the English name, such as "September equinox".
func (s Season) String() string { return seasons[s].name }

// Instant returns the moment of a season in UTC, in whole seconds. The method
// (J. Meeus, Astronomical Algorithms, 2nd ed., chapter 27) is good to a minute
// from 1951 to 2050.
func Instant(year int, s Season) time.Time {
	const unixEpochJD = 2440587.5
	const day = 86400
	terrestrial := (seasons[s].jde(year) - unixEpochJD) * day
	approx := time.Unix(int64(terrestrial), 0).UTC()
	return time.Unix(int64(math.Round(terrestrial-deltaT(approx))), 0).UTC()
}

// deltaTs are values of Terrestrial Time minus civil time in seconds. Up to 2016
// it is the observed ΔT (IERS, USNO). From 2017 on it is what civil clocks do:
// TT is TAI + 32.184 s, and UTC stays 37 s behind TAI, since no leap second has
// been announced and the CGPM (27th meeting, resolution 4) ends them by 2035.
var deltaTs = [...]struct{ year, seconds float64 }{
	{1955, 31.07}, {1960, 33.15}, {1965, 35.73}, {1970, 40.18}, {1975, 45.48}, {1980, 50.54},
	{1985, 54.34}, {1990, 56.86}, {1995, 60.78}, {2000, 63.83}, {2005, 64.69}, {2010, 66.07},
	{2015, 67.64}, {2017, 69.184},
}

// deltaT interpolates the table; before its beginning and after its end the first and
// the last value hold.
func deltaT(at time.Time) float64 {
	year := float64(at.Year()) + float64(at.YearDay()-1)/365.25
	for i, next := range deltaTs {
		if year >= next.year {
			continue
		}
		if i == 0 {
			break
		}
		last := deltaTs[i-1]
		return last.seconds + (next.seconds-last.seconds)*(year-last.year)/(next.year-last.year)
	}
	if year < deltaTs[0].year {
		return deltaTs[0].seconds
	}
	return deltaTs[len(deltaTs)-1].seconds
}

// The years that the series of Meeus covers.
const firstYear, lastYear = 1000, 3000

// Calendar returns the windows of the freeleech calendar that overlap [from, to),
// by start: for each equinox and solstice the day of zone loc that holds its
// instant. A day may have 23 or 25 hours where clocks change.
func Calendar(from, to time.Time, loc *time.Location) []Window {
	var out []Window
	for year := max(from.UTC().Year()-1, firstYear); year <= min(to.UTC().Year()+1, lastYear); year++ {
		for s := range seasons {
			w := calendarWindow(year, Season(s), loc)
			if w.Ends.After(from) && w.Starts.Before(to) {
				out = append(out, w)
			}
		}
	}
	return out
}

// Coming returns the next n windows of the calendar that are not over at the
// given instant, soonest first. n is at most 100.
func Coming(at time.Time, n int, loc *time.Location) []Window {
	n = min(max(n, 0), maxList)
	out := Calendar(at, at.AddDate(n/len(seasons)+1, 0, 0), loc)
	return out[:min(n, len(out))]
}

func calendarWindow(year int, s Season, loc *time.Location) Window {
	y, m, d := Instant(year, s).In(loc).Date()
	return Window{
		Key:    fmt.Sprintf("calendar:%04d-%02d", year, seasons[s].month),
		Source: SourceCalendar,
		State:  core.LeechFree,
		Starts: dayStart(y, m, d, loc).UTC(),
		Ends:   dayStart(y, m, d+1, loc).UTC(),
		Reason: seasons[s].name,
	}
}

// dayStart returns the first instant of a day. Where clocks change at midnight
// there may be no 00:00 on that day, or two of them.
func dayStart(y int, m time.Month, d int, loc *time.Location) time.Time {
	day := time.Date(y, m, d, 12, 0, 0, 0, time.UTC).Day() // d may be one past the month's end
	t := time.Date(y, m, d, 0, 0, 0, 0, loc)
	if t.Day() != day { // 00:00 was skipped and t fell on the evening before
		if _, change := t.ZoneBounds(); !change.IsZero() {
			t = change.In(loc)
		}
	}
	const step = 30 * time.Minute // no zone changes by less
	for t.Add(-step).Day() == day {
		t = t.Add(-step)
	}
	return t
}
