package cli

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/house"
)

type migrateCmd struct{}

// Run applies the migrations that are missing.
func (migrateCmd) Run(g *globals) error {
	return withHouse(g, func(ctx context.Context, h *house.House) error {
		applied, err := h.DB.Migrate(ctx)
		if err != nil {
			return err
		}
		if len(applied) == 0 {
			fmt.Println("The schema was up to date.")
			return nil
		}
		fmt.Printf("Applied migrations %v.\n", applied)
		return nil
	})
}
