package trace

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Totals count requests since the start of the program or of the room.
type Totals struct {
	Announces, Scrapes int64   // answered or not
	Refused            []int64 // of both, in the order of Options.Refusals
}

// minutes makes a row for each minute from running totals.
type minutes struct {
	name     string
	refusals []string
	latency  *Latency

	start  time.Time // of the minute
	from   time.Time // when counting for it began
	totals Totals
	tally  histogram
	worst  time.Duration
}

func newMinutes(o *Options, now time.Time) *minutes {
	m := &minutes{name: o.Name, refusals: o.Refusals, latency: o.Latency}
	m.latency.takeWorst(forMinute)
	m.begin(now, o.Totals())
	return m
}

func (m *minutes) begin(now time.Time, t Totals) {
	m.start, m.from = now.Truncate(time.Minute), now
	m.totals, m.tally, m.worst = t, m.latency.snapshot(), 0
}

// row returns the row of the current minute, or of the minute that has just ended.
func (m *minutes) row(now time.Time, t Totals) transfer.Minute {
	m.worst = max(m.worst, m.latency.takeWorst(forMinute))
	tally := m.latency.snapshot().since(m.tally)
	end := now
	if last := m.start.Add(time.Minute); end.After(last) {
		end = last
	}
	row := transfer.Minute{
		Tracker: m.name, Start: m.start, Seconds: int(end.Sub(m.from).Round(time.Second) / time.Second),
		Announces: t.Announces - m.totals.Announces, Scrapes: t.Scrapes - m.totals.Scrapes, Refusals: map[string]int64{},
		P50: min(tally.quantile(0.5), m.worst), P99: min(tally.quantile(0.99), m.worst), Worst: m.worst, // the upper bound of a bucket may be above the slowest answer
	}
	for i, name := range m.refusals {
		if n := t.Refused[i] - m.totals.Refused[i]; n > 0 {
			row.Refusals[name] = n
			row.Refused += n
		}
	}
	return row
}

// over reports whether the minute has ended.
func (m *minutes) over(now time.Time) bool { return !now.Before(m.start.Add(time.Minute)) }
