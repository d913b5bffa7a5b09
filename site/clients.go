package site

import "github.com/caduceus-bio/caduceus/internal/client"

// clientsPage is the whitelist as the tracker applies it.
type clientsPage struct{ Rules []client.Rule }

func (s *server) clients(v *visit) error {
	rules, err := s.Clients.Rules(v)
	if err != nil {
		return err
	}
	return okPage(s, v, clientsView, clientsPage{Rules: rules})
}
