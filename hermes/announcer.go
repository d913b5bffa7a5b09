package hermes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// announceCursor is the name of the consumer that announces. The names of trackers'
// cursors are trackerCursor or begin with it.
const (
	announceCursor = "hermes"
	trackerCursor  = "tracker"
)

// announcer announces each new torrent once, in order. Its place in the event log moves
// line by line, each time the server has acknowledged one.
type announcer struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	link    *link
}

func newAnnouncer(c Config, d Deps, m *metrics, l *link) *announcer {
	return &announcer{cfg: c, deps: d, metrics: m, link: l}
}

func (a *announcer) run(ctx context.Context) error {
	return a.deps.Events.Consume(ctx, eventlog.Consumer{
		Name: announceCursor, Handlers: []eventlog.Handler{eventlog.On(a.torrentAdded)}, Log: a.deps.Log,
	})
}

// torrentAdded returns nil once the torrent is announced or needs no announce.
func (a *announcer) torrentAdded(ctx context.Context, e eventlog.Event, added eventlog.TorrentAdded) error {
	if age := a.deps.Clock().Sub(e.At); age > a.cfg.Backlog.Duration {
		a.deps.Log.Warn("an upload is too old to be announced", "torrent", added.Torrent, "age", age.Round(time.Hour))
		a.metrics.skipped.WithLabelValues("old").Inc()
		return nil
	}
	if err := a.deps.Events.WaitFor(ctx, trackerCursor, e.ID); err != nil {
		return fmt.Errorf("wait for the tracker: %w", err)
	}
	s, err := a.link.await(ctx, a.cfg.AnnounceChannel, 0)
	if err != nil {
		return err
	}
	if s.announcedBefore(added.Torrent) {
		a.deps.Log.Info("an announce was delivered just before the connection ended", "torrent", added.Torrent)
		a.metrics.announced.Inc()
		return nil
	}
	line, err := a.compose(ctx, added.Torrent, maxMessage-s.overhead(a.cfg.AnnounceChannel))
	if core.CodeOf(err) == core.NotFound {
		a.metrics.skipped.WithLabelValues("deleted").Inc()
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.say(ctx, announces, girc.PRIVMSG, a.cfg.AnnounceChannel, line); err != nil {
		if !errors.Is(err, context.Canceled) {
			a.metrics.undelivered.Inc()
		}
		return fmt.Errorf("announce torrent %d: %w", added.Torrent, err)
	}
	a.metrics.announced.Inc()
	a.metrics.lag.Set(a.deps.Clock().Sub(e.At).Seconds())
	return nil
}

// compose writes the line as things are now. A torrent that was deleted is
// NotFound.
func (a *announcer) compose(ctx context.Context, id core.TorrentID, limit int) (string, error) {
	nobody := catalog.Viewer{} // sees what every member sees
	t, err := a.deps.Catalog.Torrent(ctx, nobody, id)
	if err != nil {
		return "", err
	}
	g, err := a.deps.Catalog.Group(ctx, nobody, t.Group)
	if err != nil {
		return "", err
	}
	schedule, err := a.deps.Economy.Schedule(ctx)
	if err != nil {
		return "", err
	}
	counts := schedule.Effective(t.Leech, t.ID, 0, a.deps.Clock())
	return AnnounceLine(Announce{
		Title: g.Title, Year: g.Year, Category: g.CategoryName, Format: t.Format, Archive: t.Archive, License: t.License,
		Size: t.Size, Uploader: t.Uploader.String(), Freeleech: counts.State == core.LeechFree,
		Group: t.Group, Torrent: t.ID, Tags: g.Tags, SiteURL: a.deps.SiteURL,
	}, limit), nil
}
