package staff

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// subordinate finds the member of the address and refuses unless the visitor
// stands above them: nobody acts on themselves, their equals or their superiors.
func subordinate(store *member.Store) web.Guard {
	return web.TheMember(store).And("the member is of a lower class", func(v *web.Visit) error {
		if v.Me.ID != v.Found.Member.ID && v.Me.Outranks(v.Found.Member) {
			return nil
		}
		return core.Errorf(core.Forbidden, "you may only do this to members below your own class")
	})
}
