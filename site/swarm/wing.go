// Package swarm is the wing for what clients do: announces, torrents in danger,
// how the trackers fare, which clients may announce, and the live numbers on
// other pages.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package swarm

import (
	"embed"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	DB       *db.DB
	Catalog  *catalog.Store
	Members  *member.Store
	Clients  *client.Store
	Transfer *transfer.Store
	Interval time.Duration // between two announces of a client
	Clock    core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	theTorrent := web.TheTorrent(d.Catalog)
	theMember := web.TheMember(d.Members)
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{announcesView, clientsView, endangeredView, ownView, swarmPiece, trackerView},
		Routes: []web.Route{
			web.Page.Get("/announces", web.Members, h.ownAnnounces),
			web.Page.Get("/me/torrents", web.Members, h.own),
			web.Page.Get("/torrents/:id/announces", web.Having(core.TrackerRead).About(theTorrent), h.torrentAnnounces),
			web.Page.Get("/staff/members/:name/announces", web.Having(core.TrackerRead).About(theMember), h.staffAnnounces),
			web.Page.Get("/endangered", web.Members, h.endangered),
			web.Page.Get("/rules/clients", web.Members, h.clients),
			web.Fragment.Get("/swarm", web.Members, h.swarm),
			web.Page.Get("/staff/tracker", web.Having(core.TrackerRead), h.tracker),
		},
	}
}
