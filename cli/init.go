package cli

import (
	"fmt"
	"os"

	"github.com/caduceus-bio/caduceus/house"
)

type initCmd struct{}

// Run makes what a first start makes, and ends.
func (initCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignalOrDone(os.Stderr)
	defer stop()
	h, err := house.Open(ctx, s, true)
	if err != nil {
		return err
	}
	defer h.Close()
	isNew, err := h.Found(ctx, os.Stdout, os.Stderr)
	if err == nil && !isNew {
		fmt.Println("Everything was there already; nothing was changed.")
	}
	return err
}
