package economy

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Phase is a moment of a window about which members are told.
type Phase string

// The phases, in their order.
const (
	PhaseBefore Phase = "before" // a day before it begins
	PhaseStart  Phase = "start"
	PhaseEnd    Phase = "end" // also when it is called off after "before" was told
)

// Notice is the decision about one edge, made once and for all: members were told, or
// it was missed because telling them would make no sense any more.
type Notice struct {
	Window Window
	Phase  Phase
	Told   bool
	Late   bool // told more than an hour after it could first have been
}

// Key names the edge, such as "calendar:2026-09:start".
func (n Notice) Key() string { return noticeKey(n.Window, n.Phase) }

func noticeKey(w Window, p Phase) string { return w.Key + ":" + string(p) }

const (
	beforeLead = 24 * time.Hour     // how long before the start a window is told of
	lateAfter  = time.Hour          // after this time an edge is told as late
	endTold    = 7 * 24 * time.Hour // for how long an end is still news
	lookBack   = 30 * 24 * time.Hour
)

// Due decides which edges of the windows are to be told at now, or were missed.
// Known holds the decisions of the past by Notice.Key (true: told); an edge is
// decided only once, so a clock that steps back tells nothing again.
//
// "before" is due in the 24 hours before the start, "start" while the window is
// in force, "end" for a week after it, but only for members who were told that
// it began (or that it would begin, when it was called off before).
func Due(windows []Window, known map[string]bool, now time.Time) []Notice {
	var due []Notice
	for _, w := range windows {
		told := func(p Phase) bool { return known[noticeKey(w, p)] }
		for _, p := range [...]Phase{PhaseBefore, PhaseStart, PhaseEnd} {
			if _, decided := known[noticeKey(w, p)]; decided {
				continue
			}
			calledOff := !w.Ends.After(w.Starts)
			news := told(PhaseStart) || calledOff && told(PhaseBefore)
			if n, ok := decide(w, p, calledOff, news, now); ok {
				due = append(due, n)
			}
		}
	}
	return due
}

// decide returns the decision about one open edge, or false when its time has
// not come.
func decide(w Window, p Phase, calledOff, news bool, now time.Time) (Notice, bool) {
	var from, to time.Time // when telling makes sense; after that it was missed
	switch p {
	case PhaseBefore:
		from, to = latest(w.Starts.Add(-beforeLead), w.CreatedAt), w.Starts
	case PhaseStart:
		from, to = latest(w.Starts, w.CreatedAt), w.Ends
	case PhaseEnd:
		from, to = w.Ends, w.Ends.Add(endTold)
		if !news {
			to = from
		}
	}
	if calledOff && p != PhaseEnd {
		from, to = w.Ends, w.Ends
	}
	if now.Before(from) {
		return Notice{}, false
	}
	told := now.Before(to)
	return Notice{Window: w, Phase: p, Told: told, Late: told && now.Sub(from) > lateAfter}, true
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// noticed reports whether members are told of the edges of a window: only of those
// that concern everybody.
func noticed(w Window, now time.Time) bool {
	return w.SiteWide() && w.State != core.LeechNormal &&
		w.Ends.After(now.Add(-lookBack)) && w.Starts.Before(now.Add(beforeLead+time.Hour))
}
