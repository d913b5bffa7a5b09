package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/caduceus-bio/caduceus/house"
)

type restoreCmd struct {
	Folder      string `arg:"" type:"path" help:"The folder of one backup."`
	Identity    string `short:"i" type:"path" placeholder:"FILE" help:"The file with the identity (secret key) of age, for an encrypted backup."`
	EndSessions bool   `help:"End everybody's log-ins on the site, for a backup that others may have read."`
}

// Run fills an empty place.
func (c *restoreCmd) Run(g *globals) error {
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	done, err := house.Restore(ctx, house.Return{Folder: c.Folder, Identity: c.Identity, Config: g.Config, EndSessions: c.EndSessions})
	if err != nil {
		return err
	}
	fmt.Printf("The site is as it was at %s: %d rows, %d files.\n", done.Label.Made.Format(time.RFC3339), done.Rows, done.Files)
	if done.Again {
		fmt.Println("What an interrupted restore had left was replaced.")
	}
	if len(done.Upgraded) > 0 {
		fmt.Printf("Applied migrations %v, which the backup did not have.\n", done.Upgraded)
	}
	for _, note := range done.Notes {
		fmt.Println("- " + note)
	}
	return nil
}
