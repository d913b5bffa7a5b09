// Package site is room 2: the web site for members and staff, its API and the
// personal downloads of .torrent files.
//
// The site is made of wings over site/web, which holds what all of them share.
// Each wing is a folder with its routes (wing.go), its handlers, and the templates
// beside them; wings never import each other. This package mounts them. routes.txt
// lists every address with what it needs; nothing is checked in a handler. Every
// page works without JavaScript.
//
// Concurrency: one goroutine for each request. What a wing stands on is set before
// it serves and not changed later; the limiters and the stores lock themselves.
package site

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/account"
	apiv1 "github.com/caduceus-bio/caduceus/site/api/v1"
	catalogwing "github.com/caduceus-bio/caduceus/site/catalog"
	"github.com/caduceus-bio/caduceus/site/contact"
	economywing "github.com/caduceus-bio/caduceus/site/economy"
	"github.com/caduceus-bio/caduceus/site/home"
	"github.com/caduceus-bio/caduceus/site/inbox"
	pageswing "github.com/caduceus-bio/caduceus/site/pages"
	"github.com/caduceus-bio/caduceus/site/staff"
	"github.com/caduceus-bio/caduceus/site/swarm"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// Deps is what the room stands on.
type Deps struct {
	DB       *db.DB
	Keys     *secret.Keyring
	Members  *member.Store
	Recovery *recovery.Desk
	Guard    *guess.Guard
	Catalog  *catalog.Store
	Economy  *economy.Store
	Clients  *client.Store
	Pages    *pages.Store
	Notices  *notify.Store
	Commands *command.Registry
	Audit    *audit.Log
	Events   *eventlog.Log
	Schedule *schedule.Store
	Settings *setting.Store
	Invites  *invite.Store
	Support  *support.Store
	// AnnounceURLs are the tracker's public addresses with {announce-key} in them, in
	// the order in which clients are to try them.
	AnnounceURLs []string
	Interval     time.Duration // between two announces of a client
	IRC          IRCInfo
	Rates        *rates.Book
	Bans         *ban.Book // may be nil: nobody is banned
	UploadDir    string    // for files that are being uploaded; made where it is missing
	Clock        core.Clock
	Log          *slog.Logger
	Metrics      prometheus.Registerer
}

// IRCInfo tells members how to reach the IRC network.
type IRCInfo = web.IRCInfo

// Room serves the site.
type Room struct {
	config Config
	deps   Deps
	meters *web.Meters
}

var _ supervise.Room = (*Room)(nil)

// New makes the room. c must be valid.
func New(c Config, d Deps) *Room {
	return &Room{config: c, deps: d, meters: web.NewMeters(d.Metrics)}
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "site" }

// drainTime is how long running requests may take once the program ends.
const drainTime = 4 * time.Second

// Run serves until ctx ends and then lets running requests finish.
func (r *Room) Run(ctx context.Context, ready func()) error {
	handler, err := r.Handler()
	if err != nil {
		return err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", r.config.Listen)
	if err != nil {
		return fmt.Errorf("site: %w", err)
	}
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      web.AnswerTime,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(r.deps.Log.Handler(), slog.LevelDebug),
	}
	g, gctx := supervise.NewGroup(ctx)
	g.Go(func(context.Context) error {
		if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("site: %w", err)
		}
		return nil
	})
	g.Go(func(context.Context) error {
		<-gctx.Done()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		if err := srv.Shutdown(drain); err != nil {
			return errors.Join(fmt.Errorf("site: requests were cut off: %w", err), srv.Close())
		}
		return nil
	})
	ready()
	return g.Wait()
}

// Handler returns the whole site as one handler, for tests and for Run. It
// checks every template.
func (r *Room) Handler() (http.Handler, error) {
	s, err := r.site()
	if err != nil {
		return nil, err
	}
	return s.Handler()
}

// Routes lists every address of the site with what it needs, in the order in
// which they are mounted.
func (r *Room) Routes() ([]web.Route, error) {
	s, err := r.site()
	if err != nil {
		return nil, err
	}
	return s.Routes(), nil
}

// site puts the wings together.
func (r *Room) site() (*web.Site, error) {
	c, d := r.config, r.deps
	if err := c.Validate(); err != nil {
		return nil, err
	}
	shared := web.Config{Name: c.Name, URL: c.URL, IRC: d.IRC, TrustedProxies: c.TrustedProxies, KeyAttempts: c.LoginAttempts, APIRequests: c.APIRequests}
	trackers := web.Trackers(d.AnnounceURLs)
	uploads := dataset.Uploads{Catalog: d.Catalog, Limits: c.Limits()}
	personal := dataset.Personal{Catalog: d.Catalog, Members: d.Members, Trackers: trackers, TorrentKeys: c.TorrentKeys}
	return web.New(shared,
		web.Deps{Keys: d.Keys, Members: d.Members, Economy: d.Economy, Transfer: transfer.NewStore(d.DB), Permalink: d.Catalog.Permalink, Settings: d.Settings, ByMail: d.Recovery.ByMail, Clock: d.Clock, Log: d.Log, Meters: r.meters, Rates: d.Rates, Bans: d.Bans, UploadDir: d.UploadDir},
		home.New(home.Deps{Catalog: d.Catalog, Members: d.Members, Economy: d.Economy, Transfer: transfer.NewStore(d.DB), Pages: d.Pages, IRC: d.IRC, Interval: d.Interval, Clock: d.Clock}),
		account.New(account.Deps{Members: d.Members, Invites: d.Invites, Commands: d.Commands, Recovery: d.Recovery, Rates: d.Rates, Bans: d.Bans, Notices: d.Notices, Guard: d.Guard, Catalog: d.Catalog, Economy: d.Economy, Transfer: transfer.NewStore(d.DB), Trackers: trackers, IRC: d.IRC, Site: c.Name, Clock: d.Clock}),
		catalogwing.New(catalogwing.Deps{Catalog: d.Catalog, Economy: d.Economy, Uploads: uploads, Personal: personal, Commands: d.Commands, Uploaded: r.meters.Uploads, Clock: d.Clock}),
		swarm.New(swarm.Deps{DB: d.DB, Catalog: d.Catalog, Members: d.Members, Clients: d.Clients, Transfer: transfer.NewStore(d.DB), Interval: d.Interval, Clock: d.Clock}),
		pageswing.New(pageswing.Deps{Pages: d.Pages, Invites: d.Invites, Settings: d.Settings, Members: d.Members, Clients: d.Clients, Commands: d.Commands, Trackers: trackers, IRC: d.IRC, Site: c.Name, Base: shared.Base()}),
		contact.New(contact.Deps{Support: d.Support, Site: c.Name, Clock: d.Clock}),
		inbox.New(inbox.Deps{Notices: d.Notices}),
		economywing.New(economywing.Deps{Economy: d.Economy, Clock: d.Clock}),
		staff.New(staff.Deps{Support: d.Support, Members: d.Members, Recovery: d.Recovery, Commands: d.Commands, Audit: d.Audit, Events: d.Events, Schedule: d.Schedule, Settings: d.Settings, Transfer: transfer.NewStore(d.DB), Catalog: d.Catalog, Invites: d.Invites, Clock: d.Clock}),
		apiv1.New(apiv1.Deps{Catalog: d.Catalog, Members: d.Members, Notices: d.Notices, Economy: d.Economy, Uploads: uploads, Personal: personal, Base: shared.Base(), Uploaded: r.meters.Uploads, Clock: d.Clock}),
	)
}
