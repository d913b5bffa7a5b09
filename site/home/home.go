package home

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// landingPage is what the world sees.
type landingPage struct {
	web.LoginFields
	Categories []catalog.Category
}

var landingView = web.NewView[landingPage]("landing")

// homePage is what members see first.
type homePage struct {
	Counts  catalog.Counts
	Members int
	Profile member.Profile
	Start   []startStep // of a newcomer
	Newest  []web.TorrentRow
	Active  []economy.Window
	Coming  []economy.Window
}

var homeView = web.NewView[homePage]("home")

const newest = 8

func (h handlers) home(v *web.Visit) error {
	if !v.In() {
		categories, err := h.Catalog.Categories(v.Context())
		if err != nil {
			return err
		}
		return landingView.OK(v, landingPage{LoginFields: web.LoginFields{Next: "/"}, Categories: categories})
	}
	now := h.Clock()
	p := homePage{}
	var err error
	if p.Counts, _, err = h.Catalog.Counts(v.Context()); err != nil {
		return err
	}
	if p.Members, err = h.Members.Count(v.Context()); err != nil {
		return err
	}
	if p.Profile, err = h.Members.Profile(v.Context(), v.Me.ID, true); err != nil {
		return err
	}
	if p.Start, err = h.start(v, p.Profile); err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p.Active, p.Coming = schedule.Active(now), schedule.Upcoming(now, 3)
	recent, err := h.Catalog.Recent(v.Context(), v.Viewer(), newest)
	if err != nil {
		return err
	}
	p.Newest = web.Rows(v, schedule, recent, h.Clock())
	return homeView.OK(v, p)
}

// robots keeps search engines out: what is here is for members.
func robots(v *web.Visit) error { return v.Text(http.StatusOK, "User-agent: *\nDisallow: /\n") }
