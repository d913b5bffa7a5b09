// Package catalog is the wing for datasets: finding, reading, uploading, editing,
// downloading and deleting them.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package catalog

import (
	"embed"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Catalog  *catalog.Store
	Economy  *economy.Store
	Uploads  dataset.Uploads
	Personal dataset.Personal
	Commands *command.Registry
	Uploaded prometheus.Counter // counts uploads
	Clock    core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	theTorrent, theGroup := web.TheTorrent(d.Catalog), web.TheGroup(d.Catalog)
	editTorrent := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownTorrent(d.Catalog, core.TorrentEditOwn, core.TorrentEditAny))
	editGroup := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownGroup(d.Catalog))
	mayUpload := web.Having(core.TorrentUpload)
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{browseView, editGroupView, editTorrentView, filesView, groupView, notesView, uploadStartView, uploadView, uploadedView},
		Routes: []web.Route{
			web.Page.Get("/browse", web.Members, h.browse),
			web.Page.Get("/groups/:id", web.Members.About(theGroup), h.group),
			web.Page.Get("/groups/:id/notes", web.Members.About(theGroup), h.notes),
			web.Page.Get("/groups/:id/edit", editGroup, h.editGroupForm),
			web.Page.Post("/groups/:id/edit", editGroup, web.Texts, h.editGroup),
			web.Page.Get("/torrents/:id", web.Members.About(theTorrent), h.torrent),
			web.Page.Get("/torrents/:id/files", web.Members.About(theTorrent), h.files),
			web.Page.Get("/torrents/:id/uploaded", web.Members.About(theTorrent), h.uploaded),
			web.Download.Get("/torrents/:id/download", web.Members, h.download),
			web.Page.Get("/torrents/:id/edit", editTorrent, h.editTorrentForm),
			web.Page.Post("/torrents/:id/edit", editTorrent, web.Texts, h.editTorrent),
			web.Page.Get("/upload", mayUpload, h.uploadForm),
			d.Uploads.Route(web.Page, "/upload/check", mayUpload, h.uploadCheck),
			d.Uploads.Route(web.Page, "/upload", mayUpload, h.upload),
			web.Download.Get("/torrents.php", web.Members, h.downloadClassic).For("download"),
			web.Page.Get("/torrents.php", web.Members, h.torrentsClassic),
		},
	}
}
