package account

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/web"
)

// securityPage is the security log of the visitor's own account.
type securityPage struct {
	Entries []security.Entry
	Next    string // the address of older ones, "" where there are none
}

var securityView = web.NewView[securityPage]("security")

const entriesPerPage = 30

func (h handlers) security(v *web.Visit) error {
	list, err := h.Members.Security().Page(v.Context(), v.Me.ID, web.Number(v.Query("before")), entriesPerPage+1)
	if err != nil {
		return err
	}
	p := securityPage{Entries: list}
	if len(list) > entriesPerPage {
		p.Entries = list[:entriesPerPage]
		p.Next = fmt.Sprintf("/settings/security?before=%d", p.Entries[entriesPerPage-1].ID)
	}
	return securityView.OK(v, p)
}
