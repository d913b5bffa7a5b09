package house

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
	for _, p := range parts {
		// A folder that is only misspelt would give nothing away, and be made.
		dir := p.Dir
		if p.Slots != "" {
			dir = filepath.Dir(dir) // the tracker is new, and its folder is made in this one
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, core.Errorf(core.NotFound, "there is no folder %s, so nothing was done: name the journal's folder of each tracker there was, and make the one that a new tracker's is to lie in", dir)
		}
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
