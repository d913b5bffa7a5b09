package swarm

import (
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/site/web"
)

// clientsPage is the whitelist as the tracker applies it.
type clientsPage struct{ Rules []client.Rule }

var clientsView = web.NewView[clientsPage]("clients")

func (h handlers) clients(v *web.Visit) error {
	rules, err := h.Clients.Rules(v.Context())
	if err != nil {
		return err
	}
	return clientsView.OK(v, clientsPage{Rules: rules})
}
