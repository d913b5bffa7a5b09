package cli

import (
	"fmt"
)

type checkCmd struct{}

// Run reads the configuration and touches nothing else.
func (checkCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	_, err = fmt.Printf("The configuration is fine.\n  site      %s, listening on %s\n  tracker   %s, listening on %v\n  database  %s\n  data      %s\n",
		s.Site.URL, s.Site.Listen, s.Tracker.AnnounceURL, s.Tracker.Listen, s.Database.Engine, s.House.DataDir)
	return err
}
