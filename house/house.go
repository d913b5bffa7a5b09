// Package house opens what all rooms stand on (settings, database, keys, the
// domain) and runs the rooms that a process serves, with what belongs to none of
// them: signals, the lock of the data directory, health, metrics, the control
// socket. It alone knows all rooms.
//
// Concurrency: a House is opened by one goroutine, and not changed once its rooms run.
// Serve runs the rooms by supervise.Supervisor until its context ends.
package house

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/commands"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
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
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// House is the ground floor and the domain, opened once for all rooms of this
// process.
type House struct {
	Settings Settings
	Log      *slog.Logger
	DB       *db.DB
	Members  *member.Store
	Commands *command.Registry

	unlock   func()
	whole    bool // this process serves the whole site
	metrics  *prometheus.Registry
	keys     *secret.Keyring
	events   *eventlog.Log
	guard    *guess.Guard
	probe    *db.Probe // of the process that serves
	rates    *rates.Book
	refusals *rates.Store
	links    *credential.Store
	settings *setting.Store
	invites  *invite.Store
	support  *support.Store
	catalog  *catalog.Store
	economy  *economy.Store
	clients  *client.Store
	pages    *pages.Store
	notify   *notify.Store
	schedule *schedule.Store
	irc      *irc.Store
	bans     *ban.Store
	banned   *ban.Book
	audit    *audit.Log
	mail     *mail.Queue
	recovery *recovery.Desk
}

// Open locks the data directory and opens the database, waiting for it until ctx
// ends. With create it makes the directory, an embedded database and the site key where
// there are none; without, it makes nothing, and says where it has looked. Where another
// process has the lock, the error's code is Conflict. extra are commands besides those of
// the families.
func Open(ctx context.Context, s Settings, create bool, extra ...command.Command) (_ *House, err error) {
	if create {
		err = makeDataDir(s)
	} else {
		err = s.hasSite()
	}
	if err != nil {
		return nil, err
	}
	unlock, err := lockDataDir(s)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			unlock()
		}
	}()
	log := s.House.logger()
	keys, err := secret.LoadKeyring(s.House.siteKey(), create)
	if err != nil {
		return nil, fmt.Errorf("%w (name its folder with [house] data_dir or secrets_dir; a new site gets one by: caduceus init)", err)
	}
	d, err := db.Open(ctx, s.Database, log)
	if err != nil {
		return nil, err
	}
	clock := core.Clock(time.Now)
	h := &House{Settings: s, Log: log, DB: d, unlock: unlock, metrics: newRegistry(), keys: keys, events: eventlog.New(d, clock)}
	h.guard = guess.New(d, keys, clock, log)
	h.rates, h.refusals = rates.New(clock), rates.NewStore(d, h.events, keys, clock)
	h.Members = member.NewStore(d, h.events, keys, clock, member.LogTo(log), member.SessionDays(s.Site.SessionDays))
	h.links = credential.NewStore(d, keys, clock)
	h.settings = setting.NewStore(d, h.events, clock)
	h.catalog = catalog.NewStore(d, h.events, clock, catalog.Options{SiteName: s.Site.Name, SiteURL: s.siteURL()})
	h.economy = economy.NewStore(d, h.events, clock, s.Freeleech)
	h.clients = client.NewStore(d, h.events, clock)
	h.pages = pages.NewStore(d, clock)
	h.schedule = schedule.NewStore(d, h.events, clock)
	h.bans = ban.NewStore(d, h.events, keys, clock)
	h.banned = ban.NewBook(h.bans)
	h.irc = irc.NewStore(d, h.events, h.bans, clock)
	h.audit = audit.New(d, clock)
	if h.mail, err = mail.NewQueue(d, h.events, keys, clock, s.Mail, mail.Site{Name: s.Site.Name, URL: s.siteURL()}); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	byMail := notify.ByMail{Queue: h.mail, Members: h.Members, Address: h.reachable}
	h.notify = notify.NewStore(d, keys, clock, notify.Options{Log: log, Carriers: map[notify.Way]notify.Carrier{notify.Mail: byMail}})
	h.invites = invite.NewStore(invite.Deps{DB: d, Log: h.events, Keys: keys, Clock: clock, Members: h.Members, Links: h.links, Settings: h.settings, Guard: h.guard,
		SendsMail: h.mail.Configured, Rules: func(ctx context.Context) (int64, error) { return h.pages.ShownRevision(ctx, "rules") }, Banned: h.bansMail, Applied: h.applied})
	h.support = support.NewStore(support.Deps{DB: d, Log: h.events, Keys: keys, Clock: clock, SendsMail: h.mail.Configured})
	h.recovery = recovery.New(d, h.Members, h.links, h.mail, h.events, keys, clock)
	if h.Commands, err = h.commands(clock, extra); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return h, nil
}

// applied mails an applicant the code by which they follow their application.
func (h *House) applied(ctx context.Context, tx *db.Tx, address, code string) error {
	if !h.mail.Configured() {
		return nil
	}
	_, err := h.mail.In(tx).Put(ctx, mail.Letter{To: address, Content: mail.ApplicationReceived{Code: code, Link: invite.StatePath + "/" + code}})
	return err
}

// bansMail refuses a mail address that is banned. It reads the bans anew: not every process
// that makes invites keeps them.
func (h *House) bansMail(ctx context.Context, address string) error {
	if err := h.banned.Load(ctx); err != nil {
		return err
	}
	if b, banned := h.banned.Set().Mail(address, time.Now()); banned {
		return core.FieldErrorf("email", "this address can't be used here: %s", b.Reason)
	}
	return nil
}

// commands puts the table of commands together.
func (h *House) commands(clock core.Clock, extra []command.Command) (*command.Registry, error) {
	families := commands.Families(commands.Deps{Members: h.Members, Recovery: h.recovery, Catalog: h.catalog, Economy: h.economy, Clients: h.clients, Pages: h.pages, Schedule: h.schedule, Settings: h.settings, Invites: h.invites, Support: h.support,
		Transfer: transfer.NewStore(h.DB), IRC: h.irc, Bans: h.bans, Proxies: h.Settings.proxies(), History: irc.NewHistory(h.DB, h.events, clock, irc.Retention{}), Audit: h.audit, Events: h.events,
		Guard: h.guard, Notices: h.notify, Rates: h.refusals, Mail: h.mail, NickLimit: h.Settings.IRC.Nicks, SiteURL: h.Settings.siteURL()})
	return command.New(command.Deps{DB: h.DB, Keys: h.keys, Members: h.Members, Catalog: h.catalog, Audit: h.audit, Events: h.events, Clock: clock, Log: h.Log}, append(families, extra)...)
}

// Close closes the database and gives up the lock.
func (h *House) Close() {
	if err := h.DB.Close(); err != nil {
		h.Log.Error("close the database", "err", err)
	}
	h.unlock()
}
