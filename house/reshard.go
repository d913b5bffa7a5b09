package house

import (
	"context"
	"errors"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/tracker"
)

// Reshard moves clients with their counters between the folders of trackers, each
// written as name:slots:folder. It needs no secrets, so that the trackers' own user
// can run it.
func Reshard(ctx context.Context, s Settings, texts []string) (_ []tracker.Moved, err error) {
	var parts []tracker.Part
	for _, text := range texts {
		p, err := tracker.ParsePart(text)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if s.Database.Engine == db.SQLite {
		return nil, core.Errorf(core.Invalid, "on SQLite there is one tracker: several need MariaDB, see deploy/README.md")
	}
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
