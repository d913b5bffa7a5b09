package site

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// landingPage is what the world sees.
type landingPage struct {
	loginPage
	Categories []catalog.Category
}

// homePage is what members see first.
type homePage struct {
	Counts  catalog.Counts
	Members int
	Profile member.Profile
	Newest  []torrentRow
	Active  []economy.Window
	Coming  []economy.Window
}

const newest = 8

func (s *server) home(v *visit) error {
	if !v.in() {
		categories, err := s.Catalog.Categories(v)
		if err != nil {
			return err
		}
		return okPage(s, v, landingView, landingPage{loginPage: loginPage{Next: "/"}, Categories: categories})
	}
	now := s.Clock()
	p := homePage{}
	var err error
	if p.Counts, err = s.Catalog.Counts(v); err != nil {
		return err
	}
	if p.Members, err = s.Members.Count(v); err != nil {
		return err
	}
	if p.Profile, err = s.Members.Profile(v, v.me.ID, true); err != nil {
		return err
	}
	schedule, err := s.Economy.Schedule(v)
	if err != nil {
		return err
	}
	p.Active, p.Coming = schedule.Active(now), schedule.Upcoming(now, 3)
	recent, err := s.Catalog.Recent(v, v.viewer(), newest)
	if err != nil {
		return err
	}
	p.Newest = s.rows(v, schedule, recent)
	return okPage(s, v, homeView, p)
}

// torrentRow is a torrent as lists show it.
type torrentRow struct {
	catalog.Torrent
	State    leechState
	MayEdit  bool
	MayLeech bool // set the torrent's own leech state
	MayDrop  bool // delete
}

// rows adds to torrents what holds for the visitor.
func (s *server) rows(v *visit, schedule economy.Schedule, ts []catalog.Torrent) []torrentRow {
	now := s.Clock()
	out := make([]torrentRow, len(ts))
	for i, t := range ts {
		out[i] = v.row(schedule, t, now)
	}
	return out
}

func (v *visit) row(schedule economy.Schedule, t catalog.Torrent, now time.Time) torrentRow {
	return torrentRow{
		Torrent:  t,
		State:    leechOf(schedule, t.Leech, t.LeechReason, t.ID, v.me.ID, now),
		MayEdit:  v.me.Can(core.TorrentEditAny) || t.Mine && v.me.Can(core.TorrentEditOwn),
		MayDrop:  v.me.Can(core.TorrentDeleteAny) || t.Mine && v.me.Can(core.TorrentDeleteOwn),
		MayLeech: v.me.Can(core.FreeleechManage),
	}
}
