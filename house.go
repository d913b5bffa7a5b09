package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// house is the ground floor and the domain, opened once for all rooms of this
// process.
type house struct {
	settings Settings
	log      *slog.Logger
	metrics  *prometheus.Registry
	db       *db.DB
	keys     *secret.Keyring
	events   *eventlog.Log
	members  *member.Store
	guard    *guess.Guard
	catalog  *catalog.Store
	economy  *economy.Store
	clients  *client.Store
	schedule *schedule.Store
	irc      *irc.Store
	commands *command.Registry
}

// openHouse opens the database, waiting for it until ctx ends. With create it
// makes the site key where there is none; without, a missing key is an error.
func openHouse(ctx context.Context, s Settings, log *slog.Logger, create bool) (*house, error) {
	keys, err := secret.LoadKeyring(s.House.siteKey(), create)
	if err != nil {
		return nil, fmt.Errorf("%w (run: caduceus init)", err)
	}
	d, err := db.Open(ctx, s.Database, log)
	if err != nil {
		return nil, err
	}
	clock := core.Clock(time.Now)
	h := &house{settings: s, log: log, metrics: newRegistry(), db: d, keys: keys, events: eventlog.New(d, clock)}
	h.guard = guess.New(d, keys, clock)
	h.members = member.NewStore(d, h.events, keys, clock)
	h.catalog = catalog.NewStore(d, h.events, clock, catalog.Options{SiteName: s.Site.Name, SiteURL: s.siteURL()})
	h.economy = economy.NewStore(d, h.events, clock, s.Freeleech)
	h.clients = client.NewStore(d, h.events, clock)
	h.schedule = schedule.NewStore(d, h.events, clock)
	h.irc = irc.NewStore(d, h.events, clock)
	h.commands = command.NewRegistry(command.Deps{DB: d, Members: h.members, Catalog: h.catalog,
		Economy: h.economy, Clients: h.clients, Schedule: h.schedule, IRC: h.irc, Events: h.events, NickLimit: s.IRC.Nicks, Clock: clock, Log: log, SiteName: s.Site.Name, SiteURL: s.siteURL()})
	return h, nil
}

func (h *house) close() {
	if err := h.db.Close(); err != nil {
		h.log.Error("close the database", "err", err)
	}
}

// firstAccount is what the newcomer needs to log in, shown once.
type firstAccount struct {
	Name, Password, IRCKey string
}

// sysopName is the name of the first account.
const sysopName = "sysop"

// setUp brings the schema up to date and fills in what a new site needs: classes,
// vocabularies, the client whitelist, Hermes's account and the first sysop,
// which it returns when it has just been made. It is safe to run at every start.
func (h *house) setUp(ctx context.Context) (*firstAccount, error) {
	applied, err := h.db.Migrate(ctx)
	if err != nil {
		return nil, err
	}
	if len(applied) > 0 {
		h.log.Info("schema is up to date", "applied", applied)
	}
	for _, seed := range []func(context.Context) error{h.members.Seed, h.catalog.Seed, h.clients.Seed, h.irc.Seed} {
		if err := seed(ctx); err != nil {
			return nil, err
		}
	}
	ircKey, err := secret.LoadOrCreate(h.settings.House.hermesKey(), true, func() string { return secret.Token(32) })
	if err != nil {
		return nil, fmt.Errorf("IRC key of Hermes: %w", err)
	}
	if _, err := h.members.EnsureBot(ctx, ircKey); err != nil {
		return nil, fmt.Errorf("account of Hermes: %w", err)
	}
	n, err := h.members.Count(ctx)
	if err != nil || n > 0 {
		return nil, err
	}
	c, err := h.members.Create(ctx, member.New{Name: sysopName, Class: member.SysopClass})
	if core.CodeOf(err) == core.Conflict {
		return nil, nil // another process made it at the same moment and shows it
	}
	if err != nil {
		return nil, fmt.Errorf("make the first account: %w", err)
	}
	return &firstAccount{Name: c.Member.Name, Password: c.Password, IRCKey: c.IRCKey}, nil
}

// checkSetUp fails unless somebody has run setUp with this program's schema.
func (h *house) checkSetUp(ctx context.Context) error {
	if err := h.db.RequireSchema(ctx); err != nil {
		return err
	}
	n, err := h.members.Count(ctx)
	if err == nil && n == 0 {
		err = errors.New("the database has no accounts yet; run: caduceus init")
	}
	return err
}
