package cli

import (
	"os"

	"github.com/caduceus-bio/caduceus/house"
)

type serveCmd struct {
	Rooms []string `arg:"" optional:"" help:"Rooms to serve: tracker, site, ircd, hermes, jobs. All when none is named, without ircd where Hermes works on another network; some only on MariaDB."`
}

// Run serves the rooms until a signal comes.
func (c *serveCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	rooms, err := house.ChooseRooms(c.Rooms, s)
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	return house.Process{Settings: s, Rooms: rooms, Version: g.version, Out: os.Stdout}.Serve(ctx)
}
