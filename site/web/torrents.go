package web

import (
	"net/url"
	"strconv"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

// TorrentRow is a torrent as lists show it.
type TorrentRow struct {
	catalog.Torrent
	State   LeechState
	MayEdit bool
}

// Rows adds to torrents what holds for the visitor.
func Rows(v *Visit, schedule economy.Schedule, ts []catalog.Torrent, now time.Time) []TorrentRow {
	out := make([]TorrentRow, len(ts))
	for i, t := range ts {
		out[i] = Row(v, schedule, t, now)
	}
	return out
}

// Row adds to a torrent what holds for the visitor.
func Row(v *Visit, schedule economy.Schedule, t catalog.Torrent, now time.Time) TorrentRow {
	return TorrentRow{
		Torrent: t,
		State:   LeechOf(schedule, t.Leech, t.LeechReason, t.ID, v.Me.ID, now),
		MayEdit: v.Me.Can(core.TorrentEditAny) || t.Mine && v.Me.Can(core.TorrentEditOwn),
	}
}

// LeechState is what counts on a torrent for the visitor, at this moment.
type LeechState struct {
	State  core.Leech
	Until  time.Time
	Reason string
}

// Free and Neutral are for templates.
func (l LeechState) Free() bool { return l.State == core.LeechFree }

// Neutral reports whether neither upload nor download counts.
func (l LeechState) Neutral() bool { return l.State == core.LeechNeutral }

// LeechOf asks the one function of the house what holds for a torrent.
func LeechOf(schedule economy.Schedule, own core.Leech, ownReason string, id core.TorrentID, me core.MemberID, now time.Time) LeechState {
	e := schedule.Effective(own, id, me, now)
	reason := e.Reason
	if e.Source == economy.SourceTorrent {
		reason = ownReason
	}
	return LeechState{State: e.State, Until: e.Until, Reason: reason}
}

// TorrentAddress is the place of a torrent on the page of its group.
func TorrentAddress(g core.GroupID, t core.TorrentID) string {
	return "/groups/" + strconv.FormatInt(int64(g), 10) + "#t" + strconv.FormatInt(int64(t), 10)
}

// MemberAddress is the page of a member.
func MemberAddress(name string) string { return "/members/" + url.PathEscape(name) }

// StaffAddress is the page on which staff act on a member.
func StaffAddress(name string) string { return "/staff/members/" + url.PathEscape(name) }

// MaxSwarms bounds how many torrents one request for live numbers may name.
const MaxSwarms = 100

// SwarmAddress asks for the live numbers of all torrents of some groups, "" when
// there are none.
func SwarmAddress(groups ...catalog.Group) string {
	values := url.Values{}
	for _, g := range groups {
		for _, t := range g.Torrents {
			if len(values["t"]) < MaxSwarms {
				values.Add("t", strconv.FormatInt(int64(t.ID), 10))
			}
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "/swarm?" + values.Encode()
}
