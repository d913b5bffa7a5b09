package economy

import (
	"cmp"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Schedule is a snapshot of everything that can change a leech state: the rule of the
// calendar and the stored windows. It is immutable and may be shared. A new one is
// needed only when a window is opened or ended (LeechWindowsChanged), as the calendar
// in it never runs out. The zero value has no windows.
type Schedule struct {
	config   Config
	siteWide []Window // stored ones, by start
	own      map[core.MemberID][]Window
	site     timeline
	scoped   map[scope]timeline

	// site and calendar reach from here to there; outside of that the calendar is
	// computed when somebody asks.
	from, to time.Time
	calendar []Window
}

// scope is what a window concerns; 0 stands for all.
type scope struct {
	torrent core.TorrentID
	member  core.MemberID
}

// Effective is what holds for a transfer at one instant.
type Effective struct {
	State core.Leech
	// Until is when State stops holding by the windows known now, even if several
	// follow each other. It is zero for the torrent's own state.
	Until time.Time
	// Reason and Source are those of the window that gives State; if there are
	// several, of the one that ends last. Reason is empty for the torrent's own
	// state.
	Reason string
	Source Source
}

const (
	calendarPast   = 1  // years before now that a Schedule has at hand
	calendarFuture = 10 // years after
	maxList        = 100
)

// NewSchedule makes a snapshot of stored windows around now. It keeps the slice
// stored, which must not change afterwards.
func NewSchedule(c Config, stored []Window, now time.Time) Schedule {
	s := Schedule{config: c, from: now.AddDate(-calendarPast, 0, 0), to: now.AddDate(calendarFuture, 0, 0)}
	if c.Calendar {
		s.calendar = Calendar(s.from, s.to, c.Zone.Loc())
	}
	rest := map[scope][]Window{}
	for _, w := range stored {
		if w.SiteWide() {
			s.siteWide = append(s.siteWide, w)
		} else {
			key := scope{w.Torrent, w.Member}
			rest[key] = append(rest[key], w)
		}
		if w.Member != 0 {
			if s.own == nil {
				s.own = map[core.MemberID][]Window{}
			}
			s.own[w.Member] = append(s.own[w.Member], w)
		}
	}
	slices.SortFunc(s.siteWide, byStart)
	s.site = newTimeline(s.siteWindows(s.from, s.to))
	if len(rest) > 0 {
		s.scoped = make(map[scope]timeline, len(rest))
	}
	for key, ws := range rest {
		s.scoped[key] = newTimeline(ws)
	}
	return s
}

// Config returns the rule of the calendar that this snapshot was made with.
func (s Schedule) Config() Config { return s.config }

// Effective returns what holds for a transfer of torrent by member at the given
// instant: the best of the torrent's own state and every window in force. Torrent and
// member may be 0: then only windows that concern all of them count. It does not
// allocate within ten years of the snapshot.
func (s Schedule) Effective(own core.Leech, torrent core.TorrentID, member core.MemberID, at time.Time) Effective {
	lines := [4]timeline{s.site}
	if s.config.Calendar && (at.Before(s.from) || !at.Before(s.to)) {
		lines[0] = newTimeline(s.siteWindows(at.AddDate(-1, 0, 0), at.AddDate(1, 0, 0)))
	}
	if len(s.scoped) > 0 {
		if torrent != 0 {
			lines[1] = s.scoped[scope{torrent: torrent}]
		}
		if member != 0 {
			lines[2] = s.scoped[scope{member: member}]
		}
		if torrent != 0 && member != 0 {
			lines[3] = s.scoped[scope{torrent, member}]
		}
	}
	return effective(&lines, own, at.Unix())
}

// Active returns the site-wide windows in force at the given instant, the one that
// ends soonest first.
func (s Schedule) Active(at time.Time) []Window {
	active := slices.DeleteFunc(s.siteWindows(at, at.Add(time.Second)), func(w Window) bool { return !w.Holds(at) })
	slices.SortStableFunc(active, func(a, b Window) int { return a.Ends.Compare(b.Ends) })
	return active
}

// Own returns the windows that concern one member alone and are not over at the given
// instant, in force or still to come, the one that ends soonest first.
func (s Schedule) Own(m core.MemberID, at time.Time) []Window {
	own := slices.DeleteFunc(slices.Clone(s.own[m]), func(w Window) bool { return !at.Before(w.Ends) || !w.Ends.After(w.Starts) })
	slices.SortStableFunc(own, func(a, b Window) int { return a.Ends.Compare(b.Ends) })
	return own
}

// FreeNow returns what is freeleech for a member at the given instant, beside torrents
// whose own state is: all torrents, or else these, the newest first.
func (s Schedule) FreeNow(m core.MemberID, at time.Time) (all bool, torrents []core.TorrentID) {
	if s.Effective(core.LeechNormal, 0, m, at).State == core.LeechFree {
		return true, nil
	}
	for key := range s.scoped {
		if key.torrent != 0 && (key.member == 0 || key.member == m) && s.Effective(core.LeechNormal, key.torrent, m, at).State == core.LeechFree {
			torrents = append(torrents, key.torrent)
		}
	}
	slices.SortFunc(torrents, func(a, b core.TorrentID) int { return cmp.Compare(b, a) })
	return false, slices.Compact(torrents)
}

// Upcoming returns the next n site-wide windows that begin after the given
// instant, soonest first. n is at most 100.
func (s Schedule) Upcoming(at time.Time, n int) []Window {
	n = min(max(n, 0), maxList)
	coming := s.siteWindows(at, at.AddDate(n/len(seasons)+1, 0, 0))
	coming = slices.DeleteFunc(coming, func(w Window) bool { return !w.Starts.After(at) || !w.Ends.After(w.Starts) })
	return coming[:min(n, len(coming))]
}

// siteWindows returns all stored site-wide windows, and those of the calendar
// that overlap [from, to), by start.
func (s Schedule) siteWindows(from, to time.Time) []Window {
	all := slices.Clone(s.siteWide)
	switch {
	case !s.config.Calendar:
	case from.Before(s.from) || to.After(s.to):
		all = append(all, Calendar(from, to, s.config.Zone.Loc())...)
	default:
		for _, w := range s.calendar {
			if w.Ends.After(from) && w.Starts.Before(to) {
				all = append(all, w)
			}
		}
	}
	slices.SortFunc(all, byStart)
	return all
}

func byStart(a, b Window) int {
	return cmp.Or(a.Starts.Compare(b.Starts), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Key, b.Key))
}
