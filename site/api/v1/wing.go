// Package v1 is the wing for programs: the JSON API under /api/v1/.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package v1

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// Deps is what the wing stands on.
type Deps struct {
	Catalog  *catalog.Store
	Members  *member.Store
	Notices  *notify.Store
	Economy  *economy.Store
	Uploads  dataset.Uploads
	Personal dataset.Personal
	Base     string             // the site's address, without a slash at its end
	Uploaded prometheus.Counter // counts uploads
	Clock    core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	read := web.Token(member.ScopeRead)
	return web.Wing{
		Routes: []web.Route{
			d.Uploads.Route(web.API, "/api/v1/torrents", web.Token(member.ScopeUpload, core.TorrentUpload), h.upload),
			web.API.Get("/api/v1/torrents/:id", read.About(web.TheTorrent(d.Catalog)), h.torrent),
			web.API.Get("/api/v1/torrents/:id/download", read, h.download),
			web.API.Get("/api/v1/browse", read, h.browse),
			web.API.Get("/api/v1/me", read, h.me),
			web.API.Get("/api/v1/notifications", read, h.notifications),
		},
	}
}
