package cli

import (
	"fmt"
	"os"

	"github.com/caduceus-bio/caduceus/house"
)

type reshardCmd struct {
	Parts []string `arg:"" name:"name:slots:folder" help:"Every tracker there was or will be, with its journal's folder. One without slots gives its torrents away and is retired."`
}

// Run moves clients with their counters between the folders of trackers.
func (c *reshardCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	moved, err := house.Reshard(ctx, s, c.Parts)
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
