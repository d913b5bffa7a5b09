package economy

import (
	"math"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// timeline is the result of the windows of one scope: stretches of time that do not
// overlap, in order, with gaps where no window is in force. Instants are Unix
// seconds.
type timeline []stretch

type stretch struct {
	from, to int64 // half-open
	until    int64 // where the last of the adjoining stretches of this state ends
	ends     int64 // where the window ends that gives state
	state    core.Leech
	reason   string
	source   Source
}

// newTimeline splits time at every edge of a window and keeps the best window of each
// piece: the better state, and of equal states the one that ends last.
func newTimeline(windows []Window) timeline {
	edges := make([]int64, 0, 2*len(windows))
	for _, w := range windows {
		if w.Ends.After(w.Starts) {
			edges = append(edges, w.Starts.Unix(), w.Ends.Unix())
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	var line timeline
	for i := 0; i+1 < len(edges); i++ {
		if piece, ok := bestOf(windows, edges[i], edges[i+1]); ok {
			line = append(line, piece)
		}
	}
	for i := len(line) - 1; i >= 0; i-- {
		line[i].until = line[i].to
		if i+1 < len(line) && line[i+1].from == line[i].to && line[i+1].state == line[i].state {
			line[i].until = line[i+1].until
		}
	}
	return line
}

func bestOf(windows []Window, from, to int64) (stretch, bool) {
	best := stretch{from: from, to: to, state: core.LeechNormal}
	for _, w := range windows {
		ends := w.Ends.Unix()
		if w.Starts.Unix() > from || ends < to {
			continue
		}
		better := best.state.Better(w.State) != best.state
		if better || w.State == best.state && ends > best.ends && best.source != "" {
			best.state, best.ends, best.reason, best.source = w.State, ends, w.Reason, w.Source
		}
	}
	return best, best.source != ""
}

// at returns the stretch that holds u, or an empty one, and the next instant
// after u at which that may change.
func (l timeline) at(u int64) (stretch, int64) {
	low, high := 0, len(l)
	for low < high {
		if mid := (low + high) / 2; l[mid].to <= u {
			low = mid + 1
		} else {
			high = mid
		}
	}
	switch {
	case low == len(l):
		return stretch{}, math.MaxInt64
	case l[low].from > u:
		return stretch{}, l[low].from
	}
	return l[low], l[low].to
}
