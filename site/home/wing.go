// Package home is the wing that one meets first: the front page, for the world and
// for members, and what search engines are told.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package home

import (
	"embed"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Catalog  *catalog.Store
	Members  *member.Store
	Economy  *economy.Store
	Transfer *transfer.Store
	Pages    *pages.Store
	IRC      web.IRCInfo
	Interval time.Duration // between two announces of a client
	Clock    core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{landingView, homeView},
		Routes: []web.Route{
			web.Page.Get("/", web.Anyone, h.home),
			web.Page.Get("/robots.txt", web.Everyone, robots),
			web.Page.Post("/start/rules", web.Members, web.Small, h.rulesRead),
			web.Page.Post("/start/away", web.Members, web.Small, h.putAway),
		},
	}
}
