// Package hermes is room 3 of the house: the bot that tells IRC what happens on the site,
// and that answers members and staff. It is an ordinary IRC client (on girc) and works on
// our network, on any other whose accounts are the site's members, and on plain InspIRCd
// and ngIRCd servers: see foreign.
//
// New torrents are announced from the event log: each once, in order, and never before the
// tracker serves it. An announce counts as made only when the server has acknowledged the
// line. What people ask for goes to package command, with the asker's account as the only
// identity.
//
// Concurrency: each run of the room has one link, which holds at most one
// session (one connection). girc calls a session's handler for one event at a
// time; it changes the session's state under its lock and never waits.
// Goroutines that want to say something wait for a session that is ready, and
// write through its outbox, which keeps the order and the pace. A handful of
// workers answers commands, the same worker for the same person.
package hermes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Deps are what the room works with.
type Deps struct {
	Events   *eventlog.Log
	Commands *command.Registry
	Members  *member.Store
	Guard    *guess.Guard
	Catalog  *catalog.Store
	Economy  *economy.Store
	Channels Channels // needed on a foreign network only
	SiteURL  string   // without a slash at its end
	Writes   Writes   // nil: nobody looks whether the database takes changes
	Rates    *rates.Book
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Room is the bot.
type Room struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	pace    time.Duration // between two looks at the database

	mu   sync.Mutex
	link *link // of the last run; nil before it
}

var (
	_ supervise.Room       = (*Room)(nil)
	_ supervise.Complainer = (*Room)(nil)
)

// New makes the room. It registers its metrics.
func New(c Config, d Deps) *Room {
	return &Room{cfg: c, deps: d, metrics: newMetrics(d.Metrics), pace: watchEvery}
}

// Complaint implements supervise.Complainer.
func (r *Room) Complaint() string {
	r.mu.Lock()
	link := r.link
	r.mu.Unlock()
	if link == nil {
		return ""
	}
	return link.complaint()
}

// Name implements supervise.Room.
func (r *Room) Name() string { return "hermes" }

// Run keeps the bot on IRC until ctx ends; then what is being said is finished
// and the bot leaves. It is ready once it has entered the announce channel.
func (r *Room) Run(ctx context.Context, ready func()) error {
	if !r.cfg.Enabled {
		ready()
		<-ctx.Done()
		return nil
	}
	keys, err := readKeys(r.cfg)
	if err != nil {
		return err
	}
	var doors *doors // nil on our own network
	if r.cfg.Foreign() {
		doors = newDoors(r.cfg, r.deps)
		doors.operKey = keys.oper
		if err := doors.begin(ctx); err != nil {
			return err
		}
	}
	inbox := newInbox(r.cfg, r.deps, r.metrics, doors)
	link := newLink(r.cfg, keys, doors, r.deps, r.metrics, inbox.put, ready)
	r.mu.Lock()
	r.link = link
	r.mu.Unlock()

	// The connection outlives the work, so that what is on its way when the
	// program ends is still acknowledged.
	online, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	working, stop := context.WithCancel(ctx)
	defer stop()
	connection, _ := supervise.NewGroup(online)
	connection.Go(func(ctx context.Context) error {
		defer stop()
		link.keep(ctx)
		return nil
	})

	topics := newTopics(r.cfg, r.deps, link)
	work, _ := supervise.NewGroup(working)
	work.Go(newAnnouncer(r.cfg, r.deps, r.metrics, link).run)
	work.Go(newNotices(r.cfg, r.deps, r.metrics, link, topics.look, inbox.offers).run)
	work.Go(topics.run)
	work.Go(newWatch(r.cfg, r.deps, link, r.pace).run)
	if doors != nil {
		doors.link = link
		work.Go(doors.run)
		work.Go(doors.follow)
	}
	for _, w := range inbox.workers {
		work.Go(func(ctx context.Context) error { return w.run(ctx, link) })
	}
	for _, p := range inbox.porters {
		work.Go(func(ctx context.Context) error { return p.run(ctx, link) })
	}
	err = work.Wait()
	leave()
	err = errors.Join(err, connection.Wait())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // something was cut short because we are to stop
	}
	return err
}

// keys are the bot's secrets; what the network doesn't ask for is "".
type keys struct{ account, server, oper string }

func readKeys(c Config) (k keys, err error) {
	foreign := c.Foreign()
	for _, file := range []struct {
		what, path string
		needed     bool
		into       *string
	}{
		{"IRC key of the bot", c.KeyFile, !foreign, &k.account},
		{"password of the IRC server", c.ServerPasswordFile, c.ServerPasswordFile != "", &k.server},
		{"operator's password", c.OperPasswordFile, foreign && c.OperName != "", &k.oper},
	} {
		if !file.needed {
			continue
		}
		raw, err := os.ReadFile(file.path)
		if err != nil {
			return k, fmt.Errorf("%s: %w", file.what, err)
		}
		*file.into = strings.TrimSpace(string(raw))
		if *file.into == "" || strings.ContainsAny(*file.into, " \r\n\x00") {
			return k, fmt.Errorf("%s: %s must hold one word", file.what, file.path)
		}
	}
	return k, nil
}
