package home

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/internal/transfer"
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
	Figures member.View // their own
	Start   []startStep // of a newcomer
	Sums    transfer.OwnSums
	News    []pages.Head
	Needy   []transfer.Endangered // torrents that need seeders
	Newest  []web.TorrentRow
	Active  []economy.Window
	Coming  []economy.Window
}

var homeView = web.NewView[homePage]("home")

// How much of each list is shown.
const (
	newest     = 8
	newsShown  = 3
	needyShown = 5
)

// mustDo is where those find what they have to do whose account waits for it.
const mustDo = "/settings/recovery"

func (h handlers) home(v *web.Visit) error {
	if v.In() && !v.Me.Enabled() {
		return web.RedirectTo(mustDo)
	}
	if !v.In() {
		categories, err := h.Catalog.Categories(v.Context())
		if err != nil {
			return err
		}
		return landingView.OK(v, landingPage{LoginFields: web.LoginFields{Next: "/"}, Categories: categories})
	}
	if err := v.UnderRules(); err != nil {
		return err
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
	if p.Figures, err = h.Members.Own(v.Context(), v.Me); err != nil {
		return err
	}
	if p.Start, err = h.start(v, p.Figures); err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p.Active, p.Coming = schedule.Active(now), schedule.Upcoming(now, 3)
	if err := h.lately(v, &p); err != nil {
		return err
	}
	recent, err := h.Catalog.Recent(v.Context(), v.Viewer(), newest)
	if err != nil {
		return err
	}
	p.Newest = web.Rows(v, schedule, recent, h.Clock())
	return homeView.OK(v, p)
}

// lately reads what the visitor's clients do, what is new, and what needs seeders.
func (h handlers) lately(v *web.Visit, p *homePage) error {
	made, err := h.Members.Security().Last(v.Context(), v.Me.ID, security.AnnounceKeyNew)
	if err != nil {
		return err
	}
	if p.Sums, err = h.Transfer.OwnSums(v.Context(), v.Me.ID, transfer.Facts{Now: h.Clock(), Interval: h.Interval, KeyMade: made}); err != nil {
		return err
	}
	news, _, err := h.Pages.News(v.Context(), 0, newsShown)
	if err != nil {
		return err
	}
	for _, n := range news {
		p.News = append(p.News, n.Head)
	}
	p.Needy, _, err = h.Transfer.Endangered(v.Context(), h.Clock(), v.Me.ID, transfer.Danger{}, needyShown)
	return err
}

// robots keeps search engines out: what is here is for members.
func robots(v *web.Visit) error { return v.Text(http.StatusOK, "User-agent: *\nDisallow: /\n") }
