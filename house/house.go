// Package house opens what all rooms stand on (settings, database, keys, the
// domain) and runs the rooms that a process serves, with what belongs to none of
// them: signals, the lock of the data directory, health, metrics, the control
// socket. It alone knows all rooms.
//
// Concurrency: a House is opened by one goroutine and not changed afterwards.
// Serve runs the rooms by supervise.Supervisor until its context ends.
package house

import (
	"context"
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

// House is the ground floor and the domain, opened once for all rooms of this
// process.
type House struct {
	Settings Settings
	Log      *slog.Logger
	DB       *db.DB
	Members  *member.Store
	Commands *command.Registry

	unlock   func()
	metrics  *prometheus.Registry
	keys     *secret.Keyring
	events   *eventlog.Log
	guard    *guess.Guard
	catalog  *catalog.Store
	economy  *economy.Store
	clients  *client.Store
	schedule *schedule.Store
	irc      *irc.Store
}

// Open locks the data directory and opens the database, waiting for it until ctx
// ends. With create it makes the site key where there is none; without, a missing key
// is an error. Where another process has the lock, the error's code is Conflict.
func Open(ctx context.Context, s Settings, create bool) (_ *House, err error) {
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
		return nil, fmt.Errorf("%w (run: caduceus init)", err)
	}
	d, err := db.Open(ctx, s.Database, log)
	if err != nil {
		return nil, err
	}
	clock := core.Clock(time.Now)
	h := &House{Settings: s, Log: log, DB: d, unlock: unlock, metrics: newRegistry(), keys: keys, events: eventlog.New(d, clock)}
	h.guard = guess.New(d, keys, clock)
	h.Members = member.NewStore(d, h.events, keys, clock)
	h.catalog = catalog.NewStore(d, h.events, clock, catalog.Options{SiteName: s.Site.Name, SiteURL: s.siteURL()})
	h.economy = economy.NewStore(d, h.events, clock, s.Freeleech)
	h.clients = client.NewStore(d, h.events, clock)
	h.schedule = schedule.NewStore(d, h.events, clock)
	h.irc = irc.NewStore(d, h.events, clock)
	h.Commands = command.NewRegistry(command.Deps{DB: d, Members: h.Members, Catalog: h.catalog,
		Economy: h.economy, Clients: h.clients, Schedule: h.schedule, IRC: h.irc, Events: h.events, NickLimit: s.IRC.Nicks, Clock: clock, Log: log, SiteName: s.Site.Name, SiteURL: s.siteURL()})
	return h, nil
}

// Close closes the database and gives up the lock.
func (h *House) Close() {
	if err := h.DB.Close(); err != nil {
		h.Log.Error("close the database", "err", err)
	}
	h.unlock()
}
