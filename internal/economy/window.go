package economy

import (
	"strconv"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Source says what caused a leech state.
type Source string

// The sources. The empty source means that nothing special holds.
const (
	SourceTorrent  Source = "torrent"  // the torrent's own state, set on its page
	SourceCalendar Source = "calendar" // an equinox or a solstice
	SourceStaff    Source = "staff"    // opened by a member of staff
)

// Window is one cause of a leech state, with the time in which it acts. It holds from
// Starts until just before Ends; both are whole seconds in UTC. A window that was
// called off before it began has Ends <= Starts and never holds.
type Window struct {
	ID      int64  // 0 for a window of the calendar, which has no row
	Key     string // "calendar:2026-09" or "window:17"; never changes
	Source  Source
	State   core.Leech
	Torrent core.TorrentID // 0: every torrent
	Member  core.MemberID  // 0: every member
	Starts  time.Time
	Ends    time.Time
	Reason  string // such as "September equinox"; safe to show

	CreatedBy core.MemberID // 0 for the calendar and the shell
	CreatedAt time.Time     // zero for the calendar
}

// Holds reports whether the window is in force at the given instant.
func (w Window) Holds(at time.Time) bool { return !at.Before(w.Starts) && at.Before(w.Ends) }

// SiteWide reports whether the window concerns every torrent and member.
func (w Window) SiteWide() bool { return w.Torrent == 0 && w.Member == 0 }

func storedKey(id int64) string { return "window:" + strconv.FormatInt(id, 10) }
