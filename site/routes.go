package site

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// route is one address of the site.
type route struct {
	method string
	path   string
	action string // the query's action, for the one path that has several; "" any
	kind   kind
	need   need
	body   int64 // the largest request body in bytes
	serve  func(*server, *visit) error
}

const (
	get  = http.MethodGet
	post = http.MethodPost

	none  = 0
	small = 16 << 10  // a few short fields
	large = 512 << 10 // a form with long texts
)

// routes is every address of the site with what it needs. The order matters
// only for one path with several actions.
func (s *server) routes() []route {
	upload := 2*s.config.UploadLimit + large // the file, and once more as it is kept between two steps
	editTorrent := having(core.TorrentEditOwn, core.TorrentEditAny).about(ownTorrent(core.TorrentEditOwn, core.TorrentEditAny))
	deleteTorrent := having(core.TorrentDeleteOwn, core.TorrentDeleteAny).about(ownTorrent(core.TorrentDeleteOwn, core.TorrentDeleteAny))
	editGroup := having(core.TorrentEditOwn, core.TorrentEditAny).about((*server).ownGroup)
	mayUpload := having(core.TorrentUpload)
	ircMembers := having(core.IRCConnect).about((*server).ourNetwork)
	staff := having(core.MemberCreate, core.MemberDisable, core.MemberClass)
	below := func(p core.Permission) need { return having(p).about((*server).subordinate) }
	return []route{
		{get, "/", "", page, anyone, none, (*server).home},
		{get, "/login", "", page, anyone, none, (*server).loginForm},
		{post, "/login", "", page, anyone, small, (*server).login},
		{post, "/logout", "", page, anyone, small, (*server).logout},
		{get, "/freeleech.json", "", page, anyone, none, (*server).freeleechJSON},
		{get, "/robots.txt", "", page, anyone, none, (*server).robots},
		{get, "/favicon.ico", "", page, anyone, none, (*server).favicon},
		{get, "/assets/*name", "", page, anyone, none, (*server).asset},

		{get, "/browse", "", page, members, none, (*server).browse},
		{get, "/swarm", "", fragment, members, none, (*server).swarm},
		{get, "/groups/:id", "", page, members.about((*server).theGroup), none, (*server).group},
		{get, "/groups/:id/edit", "", page, editGroup, none, (*server).editGroupForm},
		{post, "/groups/:id/edit", "", page, editGroup, large, (*server).editGroup},
		{get, "/torrents/:id", "", page, members.about((*server).theTorrent), none, (*server).torrent},
		{get, "/torrents/:id/files", "", page, members.about((*server).theTorrent), none, (*server).files},
		{get, "/torrents/:id/uploaded", "", page, members.about((*server).theTorrent), none, (*server).uploaded},
		{get, "/torrents/:id/download", "", download, members, none, (*server).download},
		{get, "/torrents/:id/announces", "", page, having(core.TrackerRead).about((*server).theTorrent), none, (*server).torrentAnnounces},
		{get, "/torrents/:id/edit", "", page, editTorrent, none, (*server).editTorrentForm},
		{post, "/torrents/:id/edit", "", page, editTorrent, large, (*server).editTorrent},
		{get, "/torrents/:id/delete", "", page, deleteTorrent, none, (*server).deleteForm},
		{post, "/torrents/:id/delete", "", page, deleteTorrent, small, (*server).deleteTorrent},
		{post, "/torrents/:id/leech", "", page, having(core.FreeleechManage).about((*server).theTorrent), small, (*server).setLeech},
		{get, "/torrents.php", "download", download, members, none, (*server).downloadClassic},
		{get, "/torrents.php", "", page, members, none, (*server).torrentsClassic},

		{get, "/upload", "", page, mayUpload, none, (*server).uploadForm},
		{post, "/upload/check", "", page, mayUpload, upload, (*server).uploadCheck},
		{post, "/upload", "", page, mayUpload, upload, (*server).upload},

		{get, "/members/:name", "", page, members.about((*server).theMember), none, (*server).profile},
		{get, "/settings", "", page, members, none, (*server).settings},
		{post, "/settings/passkey", "", page, members, small, (*server).newPasskey},
		{post, "/settings/irc-key", "", page, members, small, (*server).newIRCKey},
		{post, "/settings/passphrase", "", page, members, small, (*server).setPassphrase},
		{post, "/settings/tokens", "", page, members, small, (*server).newToken},
		{post, "/settings/tokens/:token/revoke", "", page, members, small, (*server).revokeToken},
		{post, "/settings/sessions/:session/end", "", page, members, small, (*server).endSession},
		{get, "/settings/irc", "", page, ircMembers, none, (*server).ircLogin},
		{post, "/settings/irc/certificates", "", page, ircMembers, small, (*server).addCertificate},
		{post, "/settings/irc/certificates/:fingerprint/remove", "", page, ircMembers, small, (*server).removeCertificate},
		{post, "/settings/irc/nicks", "", page, ircMembers, small, (*server).addNick},
		{post, "/settings/irc/nicks/:nick/remove", "", page, ircMembers, small, (*server).removeNick},

		{get, "/freeleech", "", page, members, none, (*server).freeleech},
		{get, "/rules/clients", "", page, members, none, (*server).clients},
		{get, "/announces", "", page, members, none, (*server).ownAnnounces},
		{get, "/endangered", "", page, members, none, (*server).endangered},

		{get, "/staff/members", "", page, staff, none, (*server).staffMembers},
		{get, "/staff/members/new", "", page, having(core.MemberCreate), none, (*server).newMemberForm},
		{post, "/staff/members/new", "", page, having(core.MemberCreate), small, (*server).newMember},
		{get, "/staff/members/:name", "", page, staff.about((*server).theMember), none, (*server).staffMember},
		{get, "/staff/members/:name/announces", "", page, having(core.TrackerRead).about((*server).theMember), none, (*server).staffAnnounces},
		{post, "/staff/members/:name/state", "", page, below(core.MemberDisable), small, (*server).setState},
		{post, "/staff/members/:name/leech", "", page, below(core.MemberDisable), small, (*server).setCanLeech},
		{post, "/staff/members/:name/class", "", page, below(core.MemberClass), small, (*server).setClass},
		{get, "/staff/tracker", "", page, having(core.TrackerRead), none, (*server).tracker},

		{post, "/api/v1/torrents", "", api, scoped(member.ScopeUpload, core.TorrentUpload), upload, (*server).apiUpload},
		{get, "/api/v1/torrents/:id", "", api, scoped(member.ScopeRead).about((*server).theTorrent), none, (*server).apiTorrent},
		{get, "/api/v1/torrents/:id/download", "", api, scoped(member.ScopeRead), none, (*server).download},
		{get, "/api/v1/browse", "", api, scoped(member.ScopeRead), none, (*server).apiBrowse},
		{get, "/api/v1/me", "", api, scoped(member.ScopeRead), none, (*server).apiMe},
	}
}
