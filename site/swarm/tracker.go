package swarm

import (
	"cmp"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// trackerPage is how the trackers do now and did in the last day.
type trackerPage struct {
	Trackers []trackerNow
	Plots    []part.Plot
	Ranges   []part.Link
	Range    string             // what the plots show, in words
	Refusals []refusalCount     // of the day
	Unknown  []transfer.Unknown // info-hashes of the day that are not registered
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
	dayOfRows    = 24 * time.Hour
	slowAnswer   = 50 * time.Millisecond // where 99 of 100 answers should stay below
	unknownShown = 20
)

func (h handlers) tracker(v *web.Visit) error {
	now := h.Clock()
	p := trackerPage{Since: now.Add(-dayOfRows)}
	newest, err := h.Transfer.Newest(v.Context(), p.Since)
	if err != nil {
		return err
	}
	for _, m := range newest {
		p.Trackers = append(p.Trackers, trackerNow{Minute: m, Silent: now.Sub(m.End()) > trackerFresh})
	}
	refusals, err := h.Transfer.Refusals(v.Context(), p.Since)
	if err != nil {
		return err
	}
	p.Refusals = byCount(refusals)
	if p.Unknown, err = h.Transfer.Unknown(v.Context(), now.Add(-dayOfRows), unknownShown); err != nil {
		return err
	}
	r := rangeOf(v.Query("range"))
	sums := func() ([]transfer.Minute, error) { return h.Transfer.Steps(v.Context(), r.since(now), r.step) }
	if r.hours {
		sums = func() ([]transfer.Minute, error) { return h.Transfer.Hours(v.Context(), r.since(now), r.step) }
	}
	rows, err := sums()
	if err != nil {
		return err
	}
	p.Range, p.Ranges = r.words, rangeLinks("/staff/tracker", r)
	p.Plots = plots(r, sumUp(r, rows, now), now, v.Zone())
	return trackerView.OK(v, p)
}

func byCount(counts map[string]int64) (out []refusalCount) {
	for reason, n := range counts {
		out = append(out, refusalCount{Reason: reason, Meaning: transfer.Meaning(transfer.Outcome(reason)), Count: n})
	}
	slices.SortFunc(out, func(a, b refusalCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
	})
	return out
}
