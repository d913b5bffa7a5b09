package economy

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// effective combines the timelines with the torrent's own state at Unix second u.
func effective(lines *[4]timeline, own core.Leech, u int64) Effective {
	if own == "" {
		own = core.LeechNormal
	}
	pick := stretch{state: own}
	several := false // whether more than one timeline may matter
	for i, line := range lines {
		if len(line) == 0 {
			continue
		}
		several = several || i > 0
		s, _ := line.at(u)
		better := pick.state.Better(s.state) != pick.state
		if better || s.state == pick.state && pick.source != "" && s.ends > pick.ends {
			pick = s
		}
	}
	switch {
	case pick.source == "" && own == core.LeechNormal:
		return Effective{State: own}
	case pick.source == "":
		return Effective{State: own, Source: SourceTorrent}
	}
	until := pick.until
	if several {
		until = changes(lines, own, pick.state, u)
	}
	return Effective{State: pick.state, Until: time.Unix(until, 0).UTC(), Reason: pick.reason, Source: pick.source}
}

// changes returns when the best of all timelines and own stops being state, which it
// is at u. It looks at 1,000 edges at most; nobody plans around later ones.
func changes(lines *[4]timeline, own, state core.Leech, u int64) int64 {
	for range 1000 {
		next := int64(math.MaxInt64)
		for _, line := range lines {
			_, edge := line.at(u)
			next = min(next, edge)
		}
		best := own
		for _, line := range lines {
			s, _ := line.at(next)
			best = best.Better(s.state)
		}
		if best != state {
			return next
		}
		u = next
	}
	return u
}
