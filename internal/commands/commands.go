// Package commands is the table of all commands: the families, put together. The
// rooms know the registry that comes of it; only those who make one import this.
// commands.txt beside this file lists them with what each needs.
//
// Concurrency: see package command.
package commands

import (
	"net/netip"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/command/bans"
	catalogfamily "github.com/caduceus-bio/caduceus/internal/command/catalog"
	"github.com/caduceus-bio/caduceus/internal/command/classes"
	"github.com/caduceus-bio/caduceus/internal/command/freeleech"
	ircfamily "github.com/caduceus-bio/caduceus/internal/command/irc"
	"github.com/caduceus-bio/caduceus/internal/command/jobs"
	"github.com/caduceus-bio/caduceus/internal/command/joining"
	mailfamily "github.com/caduceus-bio/caduceus/internal/command/mail"
	"github.com/caduceus-bio/caduceus/internal/command/members"
	"github.com/caduceus-bio/caduceus/internal/command/notices"
	"github.com/caduceus-bio/caduceus/internal/command/oversight"
	pagesfamily "github.com/caduceus-bio/caduceus/internal/command/pages"
	"github.com/caduceus-bio/caduceus/internal/command/settings"
	supportfamily "github.com/caduceus-bio/caduceus/internal/command/support"
	"github.com/caduceus-bio/caduceus/internal/command/tracker"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Deps are what the families work on.
type Deps struct {
	Members  *member.Store
	Recovery *recovery.Desk
	Catalog  *catalog.Store
	Economy  *economy.Store
	Clients  *client.Store
	Pages    *pages.Store
	Schedule *schedule.Store
	Settings *setting.Store
	Invites  *invite.Store
	Support  *support.Store
	Transfer *transfer.Store
	IRC      *irc.Store
	Bans     *ban.Store
	Proxies  []netip.Prefix // in front of the site and the tracker: no ban may hit them
	History  *irc.History
	Audit    *audit.Log
	Events   *eventlog.Log
	Guard    *guess.Guard
	Notices  *notify.Store
	Rates    *rates.Store
	Mail     *mail.Queue
	// NickLimit is how many IRC nicks members may register besides their names.
	NickLimit int
	SiteURL   string // without a slash at its end, for links
}

// Families returns every family.
func Families(d Deps) [][]command.Command {
	return [][]command.Command{
		members.Commands(members.Deps{Members: d.Members, Invites: d.Invites, Recovery: d.Recovery, SiteURL: d.SiteURL}),
		classes.Commands(classes.Deps{Members: d.Members}),
		catalogfamily.Commands(catalogfamily.Deps{Catalog: d.Catalog, Economy: d.Economy, SiteURL: d.SiteURL}),
		freeleech.Commands(freeleech.Deps{Economy: d.Economy, Catalog: d.Catalog}),
		tracker.Commands(tracker.Deps{Members: d.Members, Transfer: d.Transfer, Clients: d.Clients, SiteURL: d.SiteURL}),
		jobs.Commands(jobs.Deps{Schedule: d.Schedule}),
		mailfamily.Commands(mailfamily.Deps{Mail: d.Mail}),
		ircfamily.Commands(ircfamily.Deps{Channels: d.IRC, History: d.History, Members: d.Members, NickLimit: d.NickLimit}),
		notices.Commands(notices.Deps{Notices: d.Notices, SiteURL: d.SiteURL}),
		bans.Commands(bans.Deps{Bans: d.Bans, Members: d.Members, Proxies: d.Proxies}),
		pagesfamily.Commands(pagesfamily.Deps{Pages: d.Pages, SiteURL: d.SiteURL}),
		settings.Commands(settings.Deps{Settings: d.Settings, Members: d.Members}),
		joining.Commands(joining.Deps{Invites: d.Invites, Members: d.Members, Settings: d.Settings, SiteURL: d.SiteURL}),
		supportfamily.Commands(supportfamily.Deps{Tickets: d.Support, SiteURL: d.SiteURL}),
		oversight.Commands(oversight.Deps{Audit: d.Audit, Events: d.Events, Members: d.Members, Guard: d.Guard, Rates: d.Rates}),
	}
}
