package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/hermes"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/ircd"
	"github.com/caduceus-bio/caduceus/jobs"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/tracker"
)

// allRooms in the order in which they are shown.
var allRooms = []string{"tracker", "site", "ircd", "hermes", "jobs"}

// drainLimit is how long a stop may take before the process just ends.
const drainLimit = 4500 * time.Millisecond

type serveCmd struct {
	Rooms []string `arg:"" optional:"" help:"Rooms to serve: tracker, site, ircd, hermes, jobs. All when none is named, without ircd where Hermes works on another network; some only on MariaDB."`
}

// Run serves the rooms until a signal comes.
func (c *serveCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	rooms, err := chooseRooms(c.Rooms, s)
	if err != nil {
		return err
	}
	if isTracker(rooms) && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(mostGarbage)
	}
	ctx, stop := untilSignal(os.Stderr)
	defer stop()
	return serve(ctx, s, rooms, os.Stdout, nil)
}

// isTracker reports whether rooms are the tracker alone, whose memory is tuned.
func isTracker(rooms []string) bool { return slices.Equal(rooms, []string{"tracker"}) }

// rooms are those that the site consists of: our IRC network is not started where
// Hermes works on another.
func (s Settings) rooms() []string {
	if s.Hermes.Enabled && s.Hermes.Foreign() {
		return slices.DeleteFunc(slices.Clone(allRooms), func(room string) bool { return room == "ircd" })
	}
	return allRooms
}

// isWhole reports whether rooms are all that the site consists of.
func (s Settings) isWhole(rooms []string) bool {
	for _, room := range s.rooms() {
		if !slices.Contains(rooms, room) {
			return false
		}
	}
	return true
}

func chooseRooms(asked []string, s Settings) ([]string, error) {
	for _, r := range asked {
		if !slices.Contains(allRooms, r) {
			return nil, core.Errorf(core.Invalid, "there is no room %q; there are %s", r, strings.Join(allRooms, ", "))
		}
	}
	if len(asked) == 0 {
		return s.rooms(), nil
	}
	asked = slices.Compact(slices.Sorted(slices.Values(asked)))
	if s.isWhole(asked) {
		return slices.DeleteFunc(slices.Clone(allRooms), func(room string) bool { return !slices.Contains(asked, room) }), nil
	}
	if s.Database.Engine == db.SQLite {
		return nil, core.Errorf(core.Invalid, "the embedded SQLite serves one process only; serve all rooms together, or set [database] engine to mariadb to run %s by itself", strings.Join(asked, ", "))
	}
	return asked, nil
}

// serve runs the rooms of one process until ctx ends, and tells out where they
// are once all of them are ready. Then it runs beside, if there is such a thing.
func serve(ctx context.Context, s Settings, rooms []string, out io.Writer, beside func(context.Context, *house) error) error {
	log := s.House.logger()
	whole := s.isWhole(rooms)
	unlock, err := lockDataDir(s)
	if err != nil {
		return err
	}
	defer unlock()
	h, err := openHouse(ctx, s, log, whole)
	if err != nil {
		return err
	}
	defer h.close()
	var first *firstAccount
	if whole {
		first, err = h.setUp(ctx)
	} else {
		err = h.checkSetUp(ctx)
	}
	if err != nil {
		return err
	}
	if first != nil {
		first.show(out) // at once: whatever happens next, it is shown only now
	}
	return h.run(ctx, rooms, whole, out, beside)
}

func (h *house) run(ctx context.Context, names []string, whole bool, out io.Writer, beside func(context.Context, *house) error) error {
	rooms := make([]supervise.Room, len(names))
	for i, name := range names {
		rooms[i] = h.room(name)
	}
	sup := supervise.New(h.log, rooms...)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if err := h.serveSides(ctx, &wg, sup, whole); err != nil {
		return err
	}
	wg.Go(func() { onHangup(ctx, rooms) })
	if isTracker(names) && os.Getenv("GOGC") == "" {
		wg.Go(func() { limitGarbage(ctx) })
	}
	wg.Go(func() {
		if sup.WaitReady(ctx) != nil {
			return
		}
		h.showAddresses(out, names)
		if isTracker(names) {
			if err := trim(); err != nil {
				h.log.Info("the program's own pages stay in memory", "err", err)
			}
		}
		if beside == nil {
			return
		}
		if err := beside(ctx, h); err != nil && ctx.Err() == nil {
			h.log.Error("what ran beside the rooms ended", "err", err)
		}
	})
	sup.Run(ctx)
	return nil
}

// serveSides serves what belongs to no room: health and metrics, and the control
// socket where this process has all rooms.
func (h *house) serveSides(ctx context.Context, wg *sync.WaitGroup, sup *supervise.Supervisor, whole bool) error {
	var lc net.ListenConfig
	if addr := h.settings.Ops.Listen; addr != "" {
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("[ops] listen: %w", err)
		}
		wg.Go(func() {
			if err := serveOps(ctx, l, h.db.Ping, sup, h.metrics); err != nil {
				h.log.Error("health and metrics ended", "err", err)
			}
		})
	}
	if !whole {
		return nil
	}
	l, err := command.Listen(ctx, h.settings.House.socket())
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	wg.Go(func() {
		if err := command.Serve(ctx, l, h.commands, h.log); err != nil {
			h.log.Error("control socket ended", "err", err)
		}
	})
	return nil
}

// room makes one room with what it needs from the house.
func (h *house) room(name string) supervise.Room {
	s := h.settings
	log := h.log.With("room", name)
	clock := core.Clock(time.Now)
	switch name {
	case "tracker":
		return tracker.New(s.Tracker, tracker.Deps{DB: h.db, Events: h.events, Members: h.members, Torrents: h.catalog,
			Clients: h.clients, Economy: h.economy, Clock: clock, Log: log, Metrics: h.metrics})
	case "site":
		return site.New(s.Site, site.Deps{DB: h.db, Keys: h.keys, Members: h.members, Guard: h.guard, Catalog: h.catalog, Economy: h.economy,
			Clients: h.clients, AnnounceURLs: s.announceURLs(), IRC: s.ircInfo(), Clock: clock, Log: log, Metrics: h.metrics})
	case "ircd":
		return ircd.New(s.IRC, ircd.Deps{Members: h.members, Guard: h.guard, Events: h.events, Channels: h.irc,
			History: irc.NewHistory(h.db, h.events, clock, s.IRC.Retention()), Audit: command.NewAudit(h.db, clock), Reload: s.ircAgain, Clock: clock, Log: log,
			CloakKey: h.keys.MAC("irc cloak", "guests"), Metrics: h.metrics, SiteName: s.Site.Name, Version: "caduceus-" + version, DataDir: s.House.DataDir})
	case "hermes":
		return hermes.New(s.Hermes, hermes.Deps{Events: h.events, Commands: h.commands, Members: h.members, Guard: h.guard, Catalog: h.catalog,
			Economy: h.economy, Channels: h.irc, SiteURL: s.siteURL(), Clock: clock, Log: log, Metrics: h.metrics})
	default:
		return jobs.New(s.Jobs, jobs.Deps{DB: h.db, Events: h.events, Schedule: h.schedule, Freeleech: h.economy, Sessions: h.members,
			Clock: clock, Log: log, Metrics: h.metrics})
	}
}

// untilSignal returns a context that ends at the first SIGINT or SIGTERM. The
// second one, or drainLimit after the first, ends the process at once.
func untilSignal(errOut io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		_, _ = fmt.Fprintln(errOut, "Stopping; once more stops at once.")
		cancel()
		select {
		case <-signals:
		case <-time.After(drainLimit):
			_, _ = fmt.Fprintln(errOut, "Draining took too long.")
		}
		os.Exit(130)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// rehasher is a room that can read its configuration anew.
type rehasher interface{ Rehash() }

// onHangup lets the rooms that can read their configuration anew at each SIGHUP, until
// ctx ends. Without one of them the signal means what it did, and from a terminal, where it
// says that nobody is there any more.
func onHangup(ctx context.Context, rooms []supervise.Room) {
	var can []rehasher
	for _, room := range rooms {
		if r, ok := room.(rehasher); ok {
			can = append(can, r)
		}
	}
	if len(can) == 0 || isTerminal(os.Stdin) {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			for _, r := range can {
				r.Rehash()
			}
		}
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// lockDataDir makes sure that one process at a time uses an embedded database.
// The lock ends with the process, however it ends.
func lockDataDir(s Settings) (func(), error) {
	if s.Database.Engine != db.SQLite {
		return func() {}, os.MkdirAll(s.House.DataDir, 0o750)
	}
	if err := os.MkdirAll(s.House.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(s.House.path("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(core.Errorf(core.Conflict, "another caduceus uses %s already; stop it first (commands reach it through: caduceus do …)", s.House.DataDir), f.Close())
	}
	return func() { _ = f.Close() }, nil // closing gives up the lock; nothing was written
}
