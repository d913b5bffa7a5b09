package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker"
)

type shareCmd struct {
	Parts []string `arg:"" name:"name:slots:folder" help:"Every tracker there was or will be, with its journal's folder. One without slots gives its torrents away and is retired."`
}

// Run moves clients with their counters between the folders of trackers.
func (c *shareCmd) Run(g *globals) error {
	var parts []tracker.Part
	for _, text := range c.Parts {
		p, err := tracker.ParsePart(text)
		if err != nil {
			return err
		}
		parts = append(parts, p)
	}
	s, err := g.settings()
	if err != nil {
		return err
	}
	if s.Database.Engine == db.SQLite {
		return core.Errorf(core.Invalid, "on SQLite there is one tracker: several need MariaDB, see deploy/README.md")
	}
	ctx, stop := untilSignal(os.Stderr)
	defer stop()
	moved, err := share(ctx, s, parts)
	if err != nil {
		return err
	}
	for _, m := range moved {
		name := "the tracker without a name"
		if m.Name != "" {
			name = "tracker " + m.Name
		}
		if m.Slots == "" {
			fmt.Printf("%s is retired: nothing in %s is needed any more.\n", name, m.Dir)
			continue
		}
		fmt.Printf("%s serves slots %s: %d clients, of which %d have moved in.\n", name, m.Slots, m.Stays, m.Clients)
	}
	return nil
}

// share needs no secrets, so that the trackers' own user can run it.
func share(ctx context.Context, s Settings, parts []tracker.Part) (_ []tracker.Moved, err error) {
	log, clock := s.House.logger(), core.Clock(time.Now)
	d, err := db.Open(ctx, s.Database, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	events := eventlog.New(d, clock)
	return tracker.Move(ctx, s.Tracker, tracker.Deps{DB: d, Events: events, Clock: clock, Log: log,
		Torrents: catalog.NewStore(d, events, clock, catalog.Options{SiteName: s.Site.Name, SiteURL: s.siteURL()})}, parts)
}
