package house

import (
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/hermes"
	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/ircd"
	"github.com/caduceus-bio/caduceus/jobs"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/tracker"
)

// allRooms in the order in which they are shown.
var allRooms = []string{"tracker", "site", "ircd", "hermes", "jobs"}

// rooms are those that the site consists of: our IRC network is not started where
// Hermes works on another.
func (s Settings) rooms() []string {
	if s.Hermes.Enabled && s.Hermes.Foreign() {
		return slices.DeleteFunc(slices.Clone(allRooms), func(room string) bool { return room == "ircd" })
	}
	return allRooms
}

// isWhole reports whether rooms are all that the site consists of.
func (s Settings) isWhole(rooms []string) bool {
	for _, room := range s.rooms() {
		if !slices.Contains(rooms, room) {
			return false
		}
	}
	return true
}

// ChooseRooms returns the rooms that a process serves which was asked for these; for
// none, the whole site.
func ChooseRooms(asked []string, s Settings) ([]string, error) {
	for _, r := range asked {
		if !slices.Contains(allRooms, r) {
			return nil, noRoom(r)
		}
	}
	if len(asked) == 0 {
		return s.rooms(), s.checkDoors(s.rooms())
	}
	asked = slices.Compact(slices.Sorted(slices.Values(asked)))
	if s.isWhole(asked) {
		asked = slices.DeleteFunc(slices.Clone(allRooms), func(room string) bool { return !slices.Contains(asked, room) })
		return asked, s.checkDoors(asked)
	}
	if s.Database.Engine == db.SQLite {
		return nil, core.Errorf(core.Invalid, "the embedded SQLite serves one process only; serve all rooms together, or set [database] engine to mariadb to run %s by itself", strings.Join(asked, ", "))
	}
	return asked, s.checkDoors(asked)
}

// room makes one room with what it needs from the house. version is the program's.
func (h *House) room(name, version string) (supervise.Room, error) {
	s := h.Settings
	log := h.Log.With("room", name)
	clock := core.Clock(time.Now)
	switch name {
	case "tracker":
		return tracker.New(s.Tracker, tracker.Deps{DB: h.DB, Events: h.events, Members: h.Members, Torrents: h.catalog,
			Clients: h.clients, Economy: h.economy, Rates: h.rates, Bans: h.banned, Clock: clock, Log: log, Metrics: h.metrics}), nil
	case "site":
		return site.New(s.Site, site.Deps{DB: h.DB, Audit: h.audit, Events: h.events, Schedule: h.schedule, Settings: h.settings, Invites: h.invites, Support: h.support, Keys: h.keys, Members: h.Members, Recovery: h.recovery, Guard: h.guard, Catalog: h.catalog, Economy: h.economy,
			Clients: h.clients, Pages: h.pages, Notices: h.notify, Commands: h.Commands, AnnounceURLs: s.announceURLs(), Interval: s.Tracker.Interval.Duration, IRC: h.ircInfo(), Rates: h.rates, Bans: h.banned, UploadDir: s.House.path("uploads"), Clock: clock, Log: log, Metrics: h.metrics}), nil
	case "ircd":
		return ircd.New(s.IRC, ircd.Deps{Members: h.Members, Guard: h.guard, Events: h.events, Channels: h.irc,
			History: irc.NewHistory(h.DB, h.events, clock, s.IRC.Retention()), Audit: ircd.NewAudit(h.DB, audit.New(h.DB, clock), h.irc), Reload: s.ircAgain, Rates: h.rates, Clock: clock, Log: log,
			CloakKey: h.keys.MAC("irc cloak", "guests"), Metrics: h.metrics, SiteName: s.Site.Name, Version: "caduceus-" + version, DataDir: s.House.DataDir}), nil
	case "hermes":
		return hermes.New(s.Hermes, hermes.Deps{Events: h.events, Commands: h.Commands, Members: h.Members, Guard: h.guard, Catalog: h.catalog,
			Economy: h.economy, Channels: h.irc, SiteURL: s.siteURL(), Writes: h.probe.Look, Rates: h.rates, Clock: clock, Log: log, Metrics: h.metrics}), nil
	case "jobs":
		return jobs.New(s.Jobs, jobs.Deps{DB: h.DB, Events: h.events, Schedule: h.schedule, Freeleech: h.economy, Sessions: h.Members, Links: h.links, Invites: h.invites, Support: h.support, Texts: h.catalog, Pages: h.pages, Catalog: h.catalog, Accounts: h.Members, Recovery: h.recovery, Bans: h.bans, Security: h.Members.Security(), Notes: h.Members, Mail: mail.NewSender(h.mail, log),
			Notifications: &notify.Consumer{Store: h.notify, Members: h.Members, Catalog: h.catalog, Joining: &notify.Joining{Invites: h.invites, Letters: h.mail}, Support: &notify.Support{Tickets: h.support, Letters: h.mail}},
			Backup:        h.nightlyBackup(version), Clock: clock, Log: log, Metrics: h.metrics}), nil
	default:
		return nil, noRoom(name)
	}
}

// ircInfo is what the site tells members of the IRC network. Our own keeps in the database
// by what its certificate is known.
func (h *House) ircInfo() site.IRCInfo {
	info := h.Settings.ircInfo()
	if info.Bot == "" {
		info.Certificate = h.irc.Certificate
	}
	return info
}

func noRoom(name string) error {
	return core.Errorf(core.Invalid, "there is no room %q; there are %s", name, strings.Join(allRooms, ", "))
}
