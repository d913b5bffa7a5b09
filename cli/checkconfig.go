package cli

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/house"
)

type checkCmd struct{}

// Run reads the configuration, and asks MariaDB, if that answers, whether it fits. It
// changes nothing.
func (checkCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	notes, err := house.Check(context.Background(), s)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("The configuration is fine.\n  site      %s, listening on %s\n  tracker   %s, listening on %v\n  database  %s\n  data      %s\n",
		s.Site.URL, s.Site.Listen, s.Tracker.AnnounceURL, s.Tracker.Listen, s.Database.Engine, s.House.DataDir)
	for _, note := range notes {
		if err == nil {
			_, err = fmt.Printf("Note: %s.\n", note)
		}
	}
	return err
}
