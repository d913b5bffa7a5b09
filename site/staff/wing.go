// Package staff is the wing for those who look after members: accounts, what they
// are allowed, and making new ones.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package staff

import (
	"embed"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Members  *member.Store
	Recovery *recovery.Desk
	Commands *command.Registry
	Support  *support.Store
	Audit    *audit.Log
	Events   *eventlog.Log
	Schedule *schedule.Store
	Settings *setting.Store
	Transfer *transfer.Store
	Catalog  *catalog.Store
	Invites  *invite.Store
	Clock    core.Clock
}

// commandTime is how long a command may take: some touch much.
const commandTime = 30 * time.Second

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	theMember := web.TheMember(d.Members)
	staff := web.Having(core.MemberCreate, core.MemberDisable, core.MemberClass, core.MemberWarn, core.MemberNote)
	anyStaff := web.Having(core.MemberCreate, core.MemberDisable, core.MemberClass, core.TrackerRead, core.AuditRead, core.JobManage, core.IRCChannels)
	theirs := web.Members.About(h.theirs()).Early(func(v *web.Visit) bool { return v.Param("command") == "why" })
	return web.Wing{
		Templates: templates,
		Views: []web.Declared{staffMembersView, staffMemberView, causesView, commandView, resultView, componentsView, todayView, deskView, auditView, bansView, classesView, approvalsView, settingsView, contactListView, contactDetailView,
			applicationsView, applicationView, questionsView, treeView},
		Routes: []web.Route{
			web.Page.Get("/staff/members", staff, h.staffMembers),
			web.Page.Get("/staff/members/:name", staff.About(theMember), h.staffMember),
			web.Page.Get("/staff/causes", web.Having(core.MemberSeePrivate), h.causes),
			web.Page.Get("/staff", anyStaff, h.today),
			web.Page.Get("/staff/torrents", web.Having(core.TorrentDeleteAny, core.TorrentEditAny), h.desk(torrentsDesk)),
			web.Page.Get("/staff/irc", web.Having(core.IRCChannels, core.IRCRemove), h.desk(ircDesk)),
			web.Page.Get("/staff/classes", web.Having(core.MemberClass, core.ClassManage), h.classes),
			web.Page.Get("/staff/jobs", web.Having(core.JobManage), h.desk(jobsDesk)),
			web.Page.Get("/staff/bans", web.Having(core.BanManage), h.bans),
			web.Page.Get(settingsAddress, web.Having(core.SettingManage), h.settings),
			web.Page.Get("/staff/mail", web.Having(core.MailManage), h.desk(mailDesk)),
			web.Page.Get("/staff/limits", web.Having(core.MemberSeePrivate, core.MemberKeys), h.desk(limitsDesk)),
			web.Page.Get("/staff/members/:name/tree", web.Having(core.InviteManage).About(theMember), h.tree),
			web.Page.Get(applicationsAddress, web.Having(core.ApplicantReview), h.applications),
			web.Page.Get(questionsAddress, web.Having(core.ApplicantReview), h.questions),
			web.Page.Get(applicationsAddress+"/:number", web.Having(core.ApplicantReview), h.application),
			web.Page.Get(contactAddress, web.Having(core.SupportAnswer), h.contactList),
			web.Page.Get(contactAddress+"/:number", web.Having(core.SupportAnswer), h.contactDetail),
			web.Page.Get(approvalsAddress, web.Having(Approving...), h.approvals),
			web.Page.Get("/staff/audit", web.Having(core.AuditRead), h.audit),
			web.Page.Get("/staff/components", anyStaff, h.components),
			web.Page.Get("/commands/:command", theirs, h.commandForm),
			web.Page.Post("/commands/:command", theirs, 2*web.Small, h.runCommand).Within(commandTime),
		},
	}
}
