package swarm

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// timeRange is a time that plots may show, in steps.
type timeRange struct {
	name  string // in the address
	words string
	span  time.Duration
	step  time.Duration
	hours bool // from the sums of whole hours
}

// ranges are the times that visitors choose from. Each has at most a hundred steps.
var ranges = []timeRange{
	{name: "1h", words: "The last hour", span: time.Hour, step: time.Minute},
	{name: "24h", words: "The last day", span: 24 * time.Hour, step: 15 * time.Minute},
	{name: "7d", words: "The last seven days", span: 7 * 24 * time.Hour, step: 2 * time.Hour, hours: true},
	{name: "30d", words: "The last thirty days", span: 30 * 24 * time.Hour, step: 8 * time.Hour, hours: true},
}

// rangeOf is the range of a name, or the day.
func rangeOf(name string) timeRange {
	for _, r := range ranges {
		if r.name == name {
			return r
		}
	}
	return ranges[1]
}

func rangeLinks(page string, chosen timeRange) []part.Link {
	var out []part.Link
	for _, r := range ranges {
		out = append(out, part.Link{Text: r.name, Address: page + "?range=" + r.name, Current: r.name == chosen.name})
	}
	return out
}

// since is when the first step begins.
func (r timeRange) since(now time.Time) time.Time { return now.Add(-r.span).Truncate(r.step) }

func (r timeRange) steps() int { return int(r.span/r.step) + 1 }

// moment is what all trackers did together in one step of a plot.
type moment struct {
	known                       bool
	announces, scrapes, refused float64 // each second
	seeders, leechers           float64
	p50, p99, worst             time.Duration // of the slowest tracker
}

// sumUp turns rows, the newest first, into moments, the oldest first. Rates of a step are
// those of its rows on average, numbers of clients the last ones.
func sumUp(r timeRange, rows []transfer.Minute, now time.Time) []moment {
	out, since := make([]moment, r.steps()), r.since(now)
	type key struct {
		step    int
		tracker string
	}
	seconds, counted := map[key]float64{}, map[key]bool{}
	for _, m := range rows {
		if !m.Start.Before(since) {
			seconds[key{int(m.Start.Sub(since) / r.step), m.Tracker}] += float64(m.Seconds)
		}
	}
	for _, m := range rows {
		k := key{int(m.Start.Sub(since) / r.step), m.Tracker}
		if m.Start.Before(since) || k.step >= len(out) || seconds[k] == 0 {
			continue
		}
		o := &out[k.step]
		o.known = true
		o.announces += float64(m.Announces) / seconds[k]
		o.scrapes += float64(m.Scrapes) / seconds[k]
		o.refused += float64(m.Refused) / seconds[k]
		o.p50, o.p99, o.worst = max(o.p50, m.P50), max(o.p99, m.P99), max(o.worst, m.Worst)
		if !counted[k] { // the newest of the step comes first
			counted[k] = true
			o.seeders += float64(m.Seeders)
			o.leechers += float64(m.Leechers)
		}
	}
	return out
}

var (
	perSecond = part.Scale{Text: web.UpTo3}
	whole     = part.Scale{Text: func(v float64) string { return web.Grouped(int64(math.Round(v))) }}
	duration  = part.Scale{Text: func(v float64) string { return web.Short(time.Duration(v) * time.Microsecond) }, Log: true}
)

func plots(r timeRange, moments []moment, now time.Time, zone *time.Location) []part.Plot {
	times := make([]time.Time, len(moments))
	for i := range times {
		times[i] = r.since(now).Add(time.Duration(i) * r.step).In(zone)
	}
	line := func(name string, value func(moment) float64) part.Series {
		s := part.Series{Name: name}
		for _, m := range moments {
			v := math.NaN()
			if m.known {
				v = value(m)
			}
			s.Values = append(s.Values, v)
		}
		return s
	}
	micros := func(d time.Duration) float64 { return float64(d.Microseconds()) }
	var out []part.Plot
	for _, p := range []part.PlotOf{
		{ID: "announces", Title: "Announces", What: "each second", Scale: perSecond, Series: []part.Series{
			line("Announces", func(m moment) float64 { return m.announces }), line("Scrapes", func(m moment) float64 { return m.scrapes })}},
		{ID: "clients", Title: "Clients", What: "at once", Scale: whole, Series: []part.Series{
			line("Seeders", func(m moment) float64 { return m.seeders }), line("Leechers", func(m moment) float64 { return m.leechers })}},
		{ID: "answers", Title: "Time to answer", What: "on a logarithmic scale", Scale: duration, Series: []part.Series{
			line("99 % within", func(m moment) float64 { return micros(m.p99) }), line("Half within", func(m moment) float64 { return micros(m.p50) })},
			Limit: micros(slowAnswer), LimitText: "slow above " + web.Short(slowAnswer)},
		{ID: "refused", Title: "Refused", What: "each second", Scale: perSecond, Series: []part.Series{
			line("Announces and scrapes", func(m moment) float64 { return m.refused })}},
	} {
		p.Times = times
		out = append(out, p.Plot())
	}
	return out
}
