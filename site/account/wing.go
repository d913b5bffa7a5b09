// Package account is the wing for members themselves: logging in and out, their
// profile, their keys, sessions, passphrase and security log, and how they log in to IRC.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package account

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Members  *member.Store
	Notices  *notify.Store
	Guard    *guess.Guard
	Recovery *recovery.Desk
	Rates    *rates.Book
	Bans     *ban.Book
	Invites  *invite.Store
	Commands *command.Registry
	Catalog  *catalog.Store
	Economy  *economy.Store
	Transfer *transfer.Store
	Trackers web.Trackers
	IRC      web.IRCInfo
	Site     string // its name
	Clock    core.Clock
}

// handlers answer the wing's routes.
type handlers struct {
	Deps
	limits limits
}

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d, newLimits(d.Rates)}
	theMember := web.TheMember(d.Members)
	mayIRC := web.Having(core.IRCConnect)
	ircMembers := mayIRC.About(ourNetwork(d.IRC))
	return web.Wing{
		Templates: templates,
		Views: []web.Declared{appearanceView, ircLoginView, joinView, applyView, stateView, invitesView, welcomeView, keysView, loginView, noticesView, privacyView, profileView, securityView, settingsView,
			recoverView, recoverLinkView, recoverySettingsView, confirmMailView},
		Routes: []web.Route{
			web.Page.Get("/login", web.Anyone, h.loginForm),
			web.Page.Post("/login", web.Anyone, web.Small, h.login),
			web.Page.Get("/join", web.Anyone, h.joinForm),
			web.Page.Post("/join", web.Anyone, web.Small, h.join),
			web.Page.Get("/join/:token", web.Anyone, h.joinForm),
			web.Page.Post("/join/:token", web.Anyone, web.Small, h.join),
			web.Page.Get("/apply", web.Anyone, h.applyForm),
			web.Page.Post("/apply", web.Anyone, web.Large, h.apply),
			web.Page.Get("/application", web.Anyone, h.stateForm),
			web.Page.Post("/application", web.Anyone, web.Small, h.findState),
			web.Page.Get("/application/:token", web.Anyone, h.state),
			web.Page.Post("/application/:token/withdraw", web.Anyone, web.Small, h.withdraw),
			web.Page.Post("/logout", web.Anyone, web.Small, h.logout),
			web.Page.Get("/recover", web.Anyone, h.recoverForm),
			web.Page.Post("/recover", web.Anyone, web.Small, h.askRecovery),
			web.Page.Post("/recover/code", web.Anyone, web.Small, h.recoverByCode),
			web.Page.Get("/recover/:token", web.Anyone, h.recoverLink),
			web.Page.Post("/recover/:token", web.Anyone, web.Small, h.recoverByLink),
			web.Page.Get("/confirm/:token", web.Anyone, h.confirmLink),
			web.Page.Post("/confirm/:token", web.Anyone, web.Small, h.confirmByLink),
			web.Page.Get("/members/:name", web.Members.About(theMember), h.profile),
			web.Page.Get("/settings", web.Members, h.settings),
			web.Page.Post("/settings/announce-key", web.Members, web.Small, asked(h.askAnnounceKey())),
			web.Page.Post("/settings/irc-key", mayIRC, web.Small, asked(h.askIRCKey())),
			web.Page.Post("/settings/passphrase", web.Members, web.Small, h.setPassphrase),
			web.Page.Post("/settings/tokens", web.Members, web.Small, h.newToken),
			web.Page.Post("/settings/tokens/:token/revoke", web.Members, web.Small, asked(h.askToken())),
			web.Page.Post("/settings/sessions/:session/end", web.Members, web.Small, asked(h.askSession())),
			web.Page.Post("/settings/end", web.Members, web.Small, asked(h.askEnd())),
			web.Page.Get("/settings/security", web.Members, h.security),
			web.Page.Get("/settings/recovery", web.Owners, h.recoverySettings),
			web.Page.Get("/settings/mail", web.Owners, toRecovery),
			web.Page.Post("/settings/recovery/mail", web.Owners, web.Small, h.setMail),
			web.Page.Post("/settings/recovery/codes", web.Owners, web.Small, h.newCodes),
			web.Page.Get("/settings/keys", web.Members, h.keys),
			web.Page.Get("/settings/notifications", web.Members, h.notices),
			web.Page.Post("/settings/notifications", web.Members, web.Small, h.setNotices),
			web.Page.Get("/settings/privacy", web.Members, h.privacy),
			web.Page.Post("/settings/privacy", web.Members, web.Small, h.setPrivacy),
			web.Page.Get("/settings/invites", web.Members, h.invites),
			web.Page.Post("/settings/invites", web.Members, web.Small, h.makeInvite),
			web.Page.Post("/settings/invites/:id/revoke", web.Members, web.Small, asked(h.askInvite())),
			web.Page.Get("/settings/appearance", web.Members, h.appearance),
			web.Page.Post("/settings/appearance", web.Members, web.Small, h.setAppearance),
			web.Page.Get("/settings/irc", mayIRC, h.ircLogin),
			web.Page.Post("/settings/irc/certificates", ircMembers, web.Small, h.addCertificate),
			web.Page.Post("/settings/irc/certificates/:fingerprint/remove", ircMembers, web.Small, asked(h.askCertificate())),
			web.Page.Post("/settings/irc/nicks", ircMembers, web.Small, h.addNick),
			web.Page.Post("/settings/irc/nicks/:nick/remove", ircMembers, web.Small, asked(h.askNick())),
		},
	}
}
