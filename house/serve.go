package house

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// Process is what one process serves.
type Process struct {
	Settings Settings
	Rooms    []string  // see ChooseRooms
	Version  string    // of the program
	Out      io.Writer // is told where the rooms are, once all of them are ready
	// Beside, if it is set, runs beside the rooms from then on.
	Beside func(context.Context, *House) error
}

// Serve runs the rooms until ctx ends.
func (p Process) Serve(ctx context.Context) error {
	s := p.Settings
	whole := s.isWhole(p.Rooms)
	if isTracker(p.Rooms) && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(mostGarbage)
	}
	if err := makeDataDir(s); err != nil {
		return err
	}
	h, err := Open(ctx, s, whole)
	if err != nil {
		return err
	}
	defer h.Close()
	if whole {
		_, err = h.Found(ctx, p.Out, os.Stderr)
	} else {
		err = h.CheckSetUp(ctx)
	}
	if err != nil {
		return err
	}
	return p.run(ctx, h, whole)
}

func (p Process) run(ctx context.Context, h *House, whole bool) error {
	if slices.Contains(p.Rooms, "site") {
		if err := p.Settings.checkUploads(ctx, h.DB); err != nil {
			h.Log.Error("large uploads will fail", "err", err)
		}
	}
	if text := p.Settings.IRC.Caution(); text != "" && slices.Contains(p.Rooms, "ircd") {
		h.Log.Warn(text)
	}
	h.whole = whole
	h.probe = db.NewProbe(h.DB, strings.Join(p.Rooms, "+"), time.Now)
	rooms := make([]supervise.Room, len(p.Rooms))
	for i, name := range p.Rooms {
		var err error
		if rooms[i], err = h.room(name, p.Version); err != nil {
			return err
		}
	}
	sup := supervise.New(h.Log, rooms...)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if err := h.keepBans(ctx, &wg, p.Rooms); err != nil {
		return err
	}
	if err := h.serveSides(ctx, &wg, sup, whole); err != nil {
		return err
	}
	wg.Go(func() { onHangup(ctx, rooms) })
	wg.Go(func() { h.refusals.Report(ctx, h.rates, strings.Join(p.Rooms, "+"), h.Log) })
	wg.Go(func() { h.refusals.Obey(ctx, h.rates, h.Log) })
	if isTracker(p.Rooms) && os.Getenv("GOGC") == "" {
		wg.Go(func() { limitGarbage(ctx) })
	}
	wg.Go(func() {
		if sup.WaitReady(ctx) != nil {
			return
		}
		h.showAddresses(p.Out, p.Rooms)
		debug.FreeOSMemory() // what only the start needed: hashing the first passphrase alone takes 19 MiB
		if isTracker(p.Rooms) {
			if err := trim(); err != nil {
				h.Log.Info("the program's own pages stay in memory", "err", err)
			}
		}
		if p.Beside == nil {
			return
		}
		if err := p.Beside(ctx, h); err != nil && ctx.Err() == nil {
			h.Log.Error("what ran beside the rooms ended", "err", err)
		}
	})
	sup.Run(ctx)
	return nil
}

// keepBans keeps in memory who is banned, for the rooms that ask there: nobody is answered
// before it is known.
func (h *House) keepBans(ctx context.Context, wg *sync.WaitGroup, rooms []string) error {
	if !slices.Contains(rooms, "site") && !slices.Contains(rooms, "tracker") {
		return nil
	}
	if err := h.banned.Start(ctx, h.Log); err != nil {
		return err
	}
	wg.Go(func() { h.banned.Follow(ctx, h.Log) })
	return nil
}

// serveSides serves what belongs to no room: health and metrics, and the control
// socket where this process has all rooms.
func (h *House) serveSides(ctx context.Context, wg *sync.WaitGroup, sup *supervise.Supervisor, whole bool) error {
	var lc net.ListenConfig
	if addr := h.Settings.Ops.Listen; addr != "" {
		l, err := lc.Listen(ctx, "tcp", addr)
		if err != nil {
			return fmt.Errorf("[ops] listen: %w", err)
		}
		wg.Go(func() {
			if err := serveOps(ctx, l, h.probe.Look, sup, h.metrics); err != nil {
				h.Log.Error("health and metrics ended", "err", err)
			}
		})
	}
	if !whole {
		return nil
	}
	l, err := command.Listen(ctx, h.Settings.House.Socket())
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	wg.Go(func() {
		if err := command.Serve(ctx, l, h.Commands, h.Log); err != nil {
			h.Log.Error("control socket ended", "err", err)
		}
	})
	return nil
}
