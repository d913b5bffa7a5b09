package site_test

import (
	"net/http"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/notify"
)

// rows are all rows of the matrix.
func rows() []*row {
	all := slices.Concat(publicReads(), joinReads(), memberReads(), staffReads(), programReads(), contactRows(), publicActs(), joinActs(), inviteActs(), settingsActs(), memberActs(), staffActs(), programActs(), lastActs())
	for _, c := range all {
		if c.ok.status == 0 {
			c.ok = okay
		}
	}
	return all
}

// anyStaff have a page of the staff at all.
var anyStaff = []core.Permission{core.MemberCreate, core.MemberDisable, core.MemberClass, core.TrackerRead, core.AuditRead, core.JobManage, core.IRCChannels}

// at gives every role the same address.
func at(path string) func(*matrix, *role) string {
	return func(*matrix, *role) string { return path }
}

func publicReads() []*row {
	return []*row{
		{route: "GET /", need: anyone, waiting: leadsTo("/settings/recovery$")},
		{route: "GET /robots.txt", need: files},
		{route: "GET /favicon.ico", need: files, ok: answer{http.StatusFound, "/assets/logo."}},
		{route: "GET /assets/*name", need: files, path: asset},
		{route: "GET /login", need: anyone, inside: leadsTo("/$")},
		{route: "GET /login", what: "next", need: anyone, inside: leadsTo("/browse$"), path: at("/login?next=/browse")},
		{route: "GET /join", need: anyone},
		{route: "GET /join/:token", need: anyone, path: inviteLink, looks: []string{"guess"}},
		{route: "GET /recover", need: anyone},
		{route: "GET /recover/:token", need: anyone, path: recoverLink},
		{route: "GET /recover/:token", what: "of no link", need: anyone, path: at("/recover/nonsense"), ok: nowhere},
		{route: "GET /confirm/:token", need: anyone, path: confirmLink},
		{route: "GET /rules", need: anyone},
		{route: "GET /terms", need: anyone},
		{route: "GET /unsubscribe/:token", need: anyone, path: unsubscribeLink},
		{route: "GET /freeleech.json", need: anyone},
	}
}

func memberReads() []*row {
	own := []core.Permission{core.TorrentEditOwn, core.TorrentEditAny}
	return []*row{
		{route: "GET /browse", need: members},
		{route: "GET /browse", what: "search", need: members, path: at("/browse?q=dataset")},
		{route: "GET /groups/:id", need: members},
		{route: "GET /groups/:id", what: "of somebody anonymous", need: members, path: at("/groups/2")},
		{route: "GET /groups/:id/notes", need: members},
		{route: "GET /groups/:id/edit", what: "of another", need: members, perms: own[1:]},
		{route: "GET /groups/:id/edit", what: "of their own", need: members, perms: own, path: theirs("/groups/3/edit")},
		{route: "GET /torrents/:id", need: members, ok: leadsTo("/groups/1")},
		{route: "GET /torrents/:id/files", need: members},
		{route: "GET /torrents/:id/uploaded", need: members},
		{route: "GET /torrents/:id/download", need: members},
		{route: "GET /torrents/:id/edit", what: "of another", need: members, perms: own[1:]},
		{route: "GET /torrents/:id/edit", what: "of their own", need: members, perms: own, path: theirs("/torrents/3/edit")},
		{route: "GET /torrents.php?action=download", need: members, path: at("/torrents.php?action=download&id=1")},
		{route: "GET /torrents.php", need: members, ok: leadsTo("/groups/1"), path: at("/torrents.php?id=1")},
		{route: "GET /upload", need: members, perms: []core.Permission{core.TorrentUpload}},
		{route: "GET /swarm", need: members, path: at("/swarm?t=1")},
		{route: "GET /announces", need: members},
		{route: "GET /me/torrents", need: members},
		{route: "GET /endangered", need: members},
		{route: "GET /freeleech", need: members},
		{route: "GET /members/:name", need: members, looks: []string{"security_log"}}, // that staff saw what is hidden
		{route: "GET /inbox", need: owners},
		{route: "GET /rules/clients", need: members},
		{route: "GET /help", need: members},
		{route: "GET /help/:page", need: members},
		{route: "GET /news", need: members},
		{route: "GET /news/:number", need: members},
		{route: "GET /pages/:page/history", need: members},
		{route: "GET /pages/:page/diff", need: members},
		{route: "GET /settings", need: members},
		{route: "GET /settings/security", need: members},
		{route: "GET /settings/recovery", need: owners},
		{route: "GET /settings/mail", need: owners, ok: leadsTo("/settings/recovery")},
		{route: "GET /settings/keys", need: members},
		{route: "GET /settings/notifications", need: members},
		{route: "GET /settings/privacy", need: members},
		{route: "GET /settings/invites", need: members},
		{route: "GET /rules/accept", need: owners},
		{route: "GET /commands/:command", what: "why", need: members, early: true, path: at("/commands/why")},
		{route: "GET /settings/appearance", need: members},
		{route: "GET /settings/irc", need: members, perms: []core.Permission{core.IRCConnect}},
		{route: "GET /commands/:command", what: "for members", need: members, path: at("/commands/stats")},
	}
}

func staffReads() []*row {
	staff := func(route string, any ...core.Permission) *row {
		return &row{route: route, need: members, perms: any}
	}
	looks := func(c *row, tables ...string) *row {
		c.looks = tables
		return c
	}
	member := []core.Permission{core.MemberCreate, core.MemberDisable, core.MemberClass, core.MemberWarn, core.MemberNote}
	return []*row{
		staff("GET /staff", anyStaff...),
		staff("GET /staff/components", anyStaff...),
		staff("GET /staff/members", member...),
		looks(staff("GET /staff/members/:name", member...), "security_log"),
		staff("GET /staff/causes", core.MemberSeePrivate),
		staff("GET /staff/settings", core.SettingManage),
		staff("GET /staff/mail", core.MailManage),
		staff("GET /staff/limits", core.MemberSeePrivate, core.MemberKeys),
		staff("GET /staff/torrents", core.TorrentDeleteAny, core.TorrentEditAny),
		staff("GET /staff/irc", core.IRCChannels, core.IRCRemove),
		staff("GET /staff/classes", core.MemberClass, core.ClassManage),
		staff("GET /staff/jobs", core.JobManage),
		looks(staff("GET /staff/bans", core.BanManage), "audit"),
		staff("GET /staff/approvals", core.MemberKeys),
		staff("GET /staff/audit", core.AuditRead),
		staff("GET /staff/tracker", core.TrackerRead),
		staff("GET /torrents/:id/announces", core.TrackerRead),
		looks(staff("GET /staff/members/:name/announces", core.TrackerRead), "security_log"),
		staff("GET /pages", core.PageEdit),
		staff("GET /pages/news", core.PageEdit),
		staff("GET /pages/new", core.PageEdit),
		staff("GET /pages/:page/edit", core.PageEdit),
		{route: "GET /commands/:command", what: "for staff", need: members, perms: []core.Permission{core.MemberDisable}, hidden: true, path: at("/commands/member-disable?name=victim")},
	}
}

func programReads() []*row {
	return []*row{
		{route: "GET /api/v1/torrents/:id", need: reader},
		{route: "GET /api/v1/torrents/:id/download", need: reader},
		{route: "GET /api/v1/browse", need: reader},
		{route: "GET /api/v1/me", need: reader},
		{route: "GET /api/v1/notifications", need: reader},
	}
}

// joinReads are the pages of those who apply.
func joinReads() []*row {
	theirs := map[string]special{"applicant": {okay, "it is theirs"}}
	return []*row{
		{route: "GET /apply", need: anyone},
		{route: "GET /apply", what: "while applications are taken", while: applications, need: anyone},
		{route: "GET /application", need: anyone},
		{route: "GET /application/:token", need: anyone, path: applicationOf(""), ok: nowhere, except: theirs, looks: []string{"guess"}},
	}
}

// applications are the settings under which one can apply.
var applications = map[string]string{"registration.mode": "application"}

// applicationOf is the address of the application of a role, or of one that there is not.
func applicationOf(end string) func(*matrix, *role) string {
	return func(m *matrix, r *role) string { return "/application/" + m.codeOf(r) + end }
}

// asset is the address of a file that pages are drawn with.
func asset(m *matrix, _ *role) string {
	if m.asset == "" {
		m.asset = m.w.As("anonymous").Get("/login").Page(m.t).Find(`link[rel="stylesheet"]`).AttrOr("href", "")
	}
	return m.asset
}

// theirs makes the dataset 3 the role's own.
func theirs(path string) func(*matrix, *role) string {
	return func(m *matrix, r *role) string {
		m.exec("UPDATE torrent SET uploader_id = ? WHERE id = 3", r.id)
		return path
	}
}

// link makes a one-time link and returns the address at which it is opened.
func (m *matrix) link(p credential.Purpose, path string, about core.MemberID, content string) string {
	_, token, err := credential.NewStore(m.w.DB, m.w.Deps.Keys, m.w.Now).Make(m.t.Context(), credential.New{Purpose: p, Subject: int64(about), Member: about, Lifetime: credential.Longest(p), Content: []byte(content)})
	m.w.Must(err)
	return path + token
}

func recoverLink(m *matrix, _ *role) string {
	return m.link(credential.Recover, "/recover/", m.w.People["spare"].Member.ID, "")
}

// confirmLink confirms an address of the role, or of somebody else where it has no account.
func confirmLink(m *matrix, r *role) string {
	id := r.id
	if id == 0 {
		id = m.w.People["spare"].Member.ID
	}
	address, err := m.w.Deps.Members.AskEmail(m.t.Context(), id, m.name()+"@mail.example")
	m.w.Must(err)
	return m.link(credential.ConfirmMail, "/confirm/", id, address)
}

func inviteLink(m *matrix, _ *role) string {
	return "/join/" + m.invite()
}

func unsubscribeLink(m *matrix, _ *role) string {
	return "/unsubscribe/" + m.w.Deps.Notices.Token(m.w.People["spare"].Member.ID, notify.UploadDeleted, notify.Mail)
}
