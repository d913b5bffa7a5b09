// Package hermes is room 3 of the house: the bot that tells IRC what happens on
// the site, and that members and staff talk to. It is an ordinary IRC client (on
// girc) and does its work on our network or on any other with SASL.
//
// New torrents are announced from the event log: each once, in order, never
// before the tracker serves it, and an announce counts as made only when the
// server has acknowledged the line. What people ask for goes to package command,
// with the asker's services account as the only identity.
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

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Deps are what the room works with.
type Deps struct {
	Events   *eventlog.Log
	Commands *command.Registry
	Members  *member.Store
	Catalog  *catalog.Store
	Economy  *economy.Store
	SiteURL  string // without a slash at its end
	Clock    core.Clock
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Room is the bot.
type Room struct {
	cfg     Config
	deps    Deps
	metrics *metrics
}

// New makes the room. It registers its metrics.
func New(c Config, d Deps) *Room {
	return &Room{cfg: c, deps: d, metrics: newMetrics(d.Metrics)}
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
	key, err := readKey(r.cfg.KeyFile)
	if err != nil {
		return err
	}
	inbox := newInbox(r.cfg, r.deps, r.metrics)
	link := newLink(r.cfg, key, r.deps, r.metrics, inbox.put, ready)

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
	work.Go(newNotices(r.cfg, r.deps, r.metrics, link, topics.look).run)
	work.Go(topics.run)
	for _, w := range inbox.workers {
		work.Go(func(ctx context.Context) error { return w.run(ctx, link) })
	}
	err = work.Wait()
	leave()
	err = errors.Join(err, connection.Wait())
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // something was cut short, as it was asked to be
	}
	return err
}

func readKey(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("IRC key of the bot: %w", err)
	}
	key := strings.TrimSpace(string(raw))
	if key == "" || strings.ContainsAny(key, " \r\n\x00") {
		return "", fmt.Errorf("IRC key of the bot: %s must hold one word", path)
	}
	return key, nil
}
