package cli

import (
	"fmt"
	"os"

	"github.com/caduceus-bio/caduceus/house"
)

type migrateCmd struct{}

// Run applies the migrations that are missing.
func (migrateCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignalOrDone(os.Stderr)
	defer stop()
	applied, err := house.Migrate(ctx, s)
	if err != nil {
		return err
	}
	if len(applied) == 0 {
		fmt.Println("The schema was up to date.")
		return nil
	}
	fmt.Printf("Applied migrations %v.\n", applied)
	return nil
}
