package site

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

func (s *server) routes() []web.Route {
	upload := s.uploads.MaxBody()
	theTorrent, theGroup := web.TheTorrent(s.Catalog), web.TheGroup(s.Catalog)
	editTorrent := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownTorrent(s.Catalog, core.TorrentEditOwn, core.TorrentEditAny))
	deleteTorrent := web.Having(core.TorrentDeleteOwn, core.TorrentDeleteAny).About(ownTorrent(s.Catalog, core.TorrentDeleteOwn, core.TorrentDeleteAny))
	editGroup := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownGroup(s.Catalog))
	mayUpload := web.Having(core.TorrentUpload)
	return []web.Route{
		web.Page.Get("/browse", web.Members, s.browse),
		web.Page.Get("/torrents/:id", web.Members.About(theTorrent), s.torrent),
		web.Download.Get("/torrents/:id/download", web.Members, s.download),
		web.Page.Post("/upload", mayUpload, upload, s.upload),

		web.Page.Get("/groups/:id", web.Members.About(theGroup), s.group),
		web.Page.Get("/groups/:id/edit", editGroup, s.editGroupForm),
		web.Page.Post("/groups/:id/edit", editGroup, web.Large, s.editGroup),
		web.Page.Get("/torrents/:id/files", web.Members.About(theTorrent), s.files),
		web.Page.Get("/torrents/:id/uploaded", web.Members.About(theTorrent), s.uploaded),
		web.Page.Get("/torrents/:id/edit", editTorrent, s.editTorrentForm),
		web.Page.Post("/torrents/:id/edit", editTorrent, web.Large, s.editTorrent),
		web.Page.Get("/torrents/:id/delete", deleteTorrent, s.deleteForm),
		web.Page.Post("/torrents/:id/delete", deleteTorrent, web.Small, s.deleteTorrent),
		web.Page.Post("/torrents/:id/leech", web.Having(core.FreeleechManage).About(theTorrent), web.Small, s.setLeech),
		web.Download.Get("/torrents.php", web.Members, s.downloadClassic).For("download"),
		web.Page.Get("/torrents.php", web.Members, s.torrentsClassic),

		web.Page.Get("/upload", mayUpload, s.uploadForm),
		web.Page.Post("/upload/check", mayUpload, upload, s.uploadCheck),
	}
}

// views are all pages.
var views = []web.Declared{browseView, groupView, filesView, uploadStartView, uploadView, uploadedView, editGroupView, editTorrentView, deleteView}
