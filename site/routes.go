package site

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

func (s *server) routes() []web.Route {
	upload := s.uploads.MaxBody()
	theTorrent, theGroup, theMember := web.TheTorrent(s.Catalog), web.TheGroup(s.Catalog), web.TheMember(s.Members)
	editTorrent := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownTorrent(s.Catalog, core.TorrentEditOwn, core.TorrentEditAny))
	deleteTorrent := web.Having(core.TorrentDeleteOwn, core.TorrentDeleteAny).About(ownTorrent(s.Catalog, core.TorrentDeleteOwn, core.TorrentDeleteAny))
	editGroup := web.Having(core.TorrentEditOwn, core.TorrentEditAny).About(ownGroup(s.Catalog))
	mayUpload := web.Having(core.TorrentUpload)
	ircMembers := web.Having(core.IRCConnect).About(s.ourNetwork())
	staff := web.Having(core.MemberCreate, core.MemberDisable, core.MemberClass)
	below := func(p core.Permission) web.Need { return web.Having(p).About(subordinate(s.Members)) }
	return []web.Route{
		web.Page.Get("/", web.Anyone, s.home),
		web.Page.Get("/login", web.Anyone, s.loginForm),
		web.Page.Post("/login", web.Anyone, web.Small, s.login),
		web.Page.Post("/logout", web.Anyone, web.Small, s.logout),

		web.Page.Get("/browse", web.Members, s.browse),
		web.Page.Get("/groups/:id", web.Members.About(theGroup), s.group),
		web.Page.Get("/groups/:id/edit", editGroup, s.editGroupForm),
		web.Page.Post("/groups/:id/edit", editGroup, web.Large, s.editGroup),
		web.Page.Get("/torrents/:id", web.Members.About(theTorrent), s.torrent),
		web.Page.Get("/torrents/:id/files", web.Members.About(theTorrent), s.files),
		web.Page.Get("/torrents/:id/uploaded", web.Members.About(theTorrent), s.uploaded),
		web.Download.Get("/torrents/:id/download", web.Members, s.download),
		web.Page.Get("/torrents/:id/edit", editTorrent, s.editTorrentForm),
		web.Page.Post("/torrents/:id/edit", editTorrent, web.Large, s.editTorrent),
		web.Page.Get("/torrents/:id/delete", deleteTorrent, s.deleteForm),
		web.Page.Post("/torrents/:id/delete", deleteTorrent, web.Small, s.deleteTorrent),
		web.Page.Post("/torrents/:id/leech", web.Having(core.FreeleechManage).About(theTorrent), web.Small, s.setLeech),
		web.Download.Get("/torrents.php", web.Members, s.downloadClassic).For("download"),
		web.Page.Get("/torrents.php", web.Members, s.torrentsClassic),

		web.Page.Get("/upload", mayUpload, s.uploadForm),
		web.Page.Post("/upload/check", mayUpload, upload, s.uploadCheck),
		web.Page.Post("/upload", mayUpload, upload, s.upload),

		web.Page.Get("/members/:name", web.Members.About(theMember), s.profile),
		web.Page.Get("/settings", web.Members, s.settings),
		web.Page.Post("/settings/passkey", web.Members, web.Small, s.newPasskey),
		web.Page.Post("/settings/irc-key", web.Members, web.Small, s.newIRCKey),
		web.Page.Post("/settings/passphrase", web.Members, web.Small, s.setPassphrase),
		web.Page.Post("/settings/tokens", web.Members, web.Small, s.newToken),
		web.Page.Post("/settings/tokens/:token/revoke", web.Members, web.Small, s.revokeToken),
		web.Page.Post("/settings/sessions/:session/end", web.Members, web.Small, s.endSession),
		web.Page.Get("/settings/irc", ircMembers, s.ircLogin),
		web.Page.Post("/settings/irc/certificates", ircMembers, web.Small, s.addCertificate),
		web.Page.Post("/settings/irc/certificates/:fingerprint/remove", ircMembers, web.Small, s.removeCertificate),
		web.Page.Post("/settings/irc/nicks", ircMembers, web.Small, s.addNick),
		web.Page.Post("/settings/irc/nicks/:nick/remove", ircMembers, web.Small, s.removeNick),

		web.Page.Get("/staff/members", staff, s.staffMembers),
		web.Page.Get("/staff/members/new", web.Having(core.MemberCreate), s.newMemberForm),
		web.Page.Post("/staff/members/new", web.Having(core.MemberCreate), web.Small, s.newMember),
		web.Page.Get("/staff/members/:name", staff.About(theMember), s.staffMember),
		web.Page.Post("/staff/members/:name/state", below(core.MemberDisable), web.Small, s.setState),
		web.Page.Post("/staff/members/:name/leech", below(core.MemberDisable), web.Small, s.setCanLeech),
		web.Page.Post("/staff/members/:name/class", below(core.MemberClass), web.Small, s.setClass),

		web.API.Post("/api/v1/torrents", web.Token(member.ScopeUpload, core.TorrentUpload), upload, s.apiUpload),
		web.API.Get("/api/v1/torrents/:id", web.Token(member.ScopeRead).About(theTorrent), s.apiTorrent),
		web.API.Get("/api/v1/torrents/:id/download", web.Token(member.ScopeRead), s.download),
		web.API.Get("/api/v1/browse", web.Token(member.ScopeRead), s.apiBrowse),
		web.API.Get("/api/v1/me", web.Token(member.ScopeRead), s.apiMe),
	}
}

// views are all pages.
var views = []web.Declared{landingView, loginView, homeView, browseView, groupView, filesView, uploadStartView, uploadView, uploadedView, editGroupView, editTorrentView, deleteView, profileView, settingsView, ircLoginView, staffMembersView, staffMemberView, newMemberView}
