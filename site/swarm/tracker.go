package swarm

import (
	"cmp"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

// trackerPage is how the trackers do now and did in the last day.
type trackerPage struct {
	Trackers []trackerNow
	Plots    []plot
	Refusals []refusalCount // of the day
	Since    time.Time
}

var trackerView = web.NewView[trackerPage]("tracker")

// trackerNow is the newest that one tracker told.
type trackerNow struct {
	transfer.Minute
	Silent bool // it tells nothing any more
}

// refusalCount is how often one reason was given.
type refusalCount struct {
	Reason  string
	Meaning string
	Count   int64
}

const (
	trackerFresh = time.Minute // a tracker that runs tells something more often
	plotTime     = 24 * time.Hour
	plotStep     = 5 * time.Minute
)

func (h handlers) tracker(v *web.Visit) error {
	now := h.Clock()
	p := trackerPage{Since: now.Add(-plotTime).Truncate(plotStep)}
	minutes, err := h.Transfer.Minutes(v.Context(), p.Since)
	if err != nil {
		return err
	}
	for _, m := range transfer.Newest(minutes) {
		p.Trackers = append(p.Trackers, trackerNow{Minute: m, Silent: now.Sub(m.End()) > trackerFresh})
	}
	p.Refusals = countRefusals(minutes)
	p.Plots = plots(sumUp(minutes, p.Since))
	return trackerView.OK(v, p)
}

func countRefusals(minutes []transfer.Minute) (out []refusalCount) {
	counts := map[string]int64{}
	for _, m := range minutes {
		for reason, n := range m.Refusals {
			counts[reason] += n
		}
	}
	for reason, n := range counts {
		out = append(out, refusalCount{Reason: reason, Meaning: transfer.Meaning(transfer.Outcome(reason)), Count: n})
	}
	slices.SortFunc(out, func(a, b refusalCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}

// moment is what all trackers did together in one step of a plot.
type moment struct {
	known                       bool
	announces, scrapes, refused float64 // each second
	seeders, leechers           float64
	p50, p99, worst             time.Duration // of the slowest tracker
}

// sumUp turns minutes, the newest first, into moments, the oldest first. Rates of
// a step are those of its minutes on average, numbers of clients the last ones.
func sumUp(minutes []transfer.Minute, since time.Time) []moment {
	out := make([]moment, plotTime/plotStep+1)
	type key struct {
		step    int
		tracker string
	}
	seconds, counted := map[key]float64{}, map[key]bool{}
	for _, m := range minutes {
		seconds[key{int(m.Start.Sub(since) / plotStep), m.Tracker}] += float64(m.Seconds)
	}
	for _, m := range minutes {
		k := key{int(m.Start.Sub(since) / plotStep), m.Tracker}
		if k.step < 0 || k.step >= len(out) || seconds[k] == 0 {
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

func plots(moments []moment) []plot {
	micros := func(d time.Duration) float64 { return float64(d.Microseconds()) }
	return []plot{
		newPlot("Announces", "each second", perSecond, moments,
			series{"Announces", func(m moment) float64 { return m.announces }}, series{"Scrapes", func(m moment) float64 { return m.scrapes }}),
		newPlot("Clients", "at once", whole, moments,
			series{"Seeders", func(m moment) float64 { return m.seeders }}, series{"Leechers", func(m moment) float64 { return m.leechers }}),
		newPlot("Time to answer", "on a logarithmic scale", duration, moments,
			series{"99 % within", func(m moment) float64 { return micros(m.p99) }}, series{"Half within", func(m moment) float64 { return micros(m.p50) }}),
		newPlot("Refused", "each second", perSecond, moments,
			series{"Announces and scrapes", func(m moment) float64 { return m.refused }}),
	}
}
