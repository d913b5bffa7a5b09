package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/caduceus-bio/caduceus/house"
)

type initCmd struct{}

// Run makes what a first start makes, and ends.
func (initCmd) Run(g *globals) error {
	return withHouse(g, func(ctx context.Context, h *house.House) error {
		first, err := h.SetUp(ctx)
		if err != nil {
			return err
		}
		if first == nil {
			fmt.Println("Everything was there already; nothing was changed.")
			return nil
		}
		first.Show(os.Stdout)
		return nil
	})
}

// withHouse opens the house for a command that ends by itself.
func withHouse(g *globals, do func(ctx context.Context, h *house.House) error) error {
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
	return do(ctx, h)
}
