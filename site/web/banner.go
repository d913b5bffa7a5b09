package web

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

// banner is the line on top of every page while freeleech holds for the whole
// site or for the visitor, and on the day before. The zero banner is none.
type banner struct {
	State  core.Leech // what holds, or will hold
	Active bool
	Own    bool // for this visitor alone
	Reason string
	At     time.Time // when it ends, or begins
}

// Show reports whether there is anything to tell.
func (b banner) Show() bool { return !b.At.IsZero() }

// notice is how long before its start a window is told of.
const notice = 24 * time.Hour

func (s *Site) banner(v *Visit) (banner, error) {
	schedule, err := s.Economy.Schedule(v.Context())
	if err != nil {
		return banner{}, err
	}
	return bannerAt(schedule, v.Me.ID, s.Clock()), nil
}

// bannerAt decides what the banner says to a member. What is for everyone goes
// before what is for them alone.
func bannerAt(schedule economy.Schedule, me core.MemberID, now time.Time) banner {
	if e := schedule.Effective(core.LeechNormal, 0, 0, now); e.State != core.LeechNormal && !e.Until.IsZero() {
		return banner{State: e.State, Active: true, Reason: e.Reason, At: e.Until}
	}
	if e := schedule.Effective(core.LeechNormal, 0, me, now); e.State != core.LeechNormal && !e.Until.IsZero() {
		return banner{State: e.State, Active: true, Own: true, Reason: e.Reason, At: e.Until}
	}
	for _, w := range schedule.Upcoming(now, 1) {
		if w.Starts.Sub(now) <= notice {
			return banner{State: w.State, Reason: w.Reason, At: w.Starts}
		}
	}
	return banner{}
}
