// Package staff is the wing for those who look after members: accounts, what they
// are allowed, and making new ones.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package staff

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Members *member.Store
	Audit   *web.Audit
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	theMember := web.TheMember(d.Members)
	staff := web.Having(core.MemberCreate, core.MemberDisable, core.MemberClass)
	below := func(p core.Permission) web.Need { return web.Having(p).About(subordinate(d.Members)) }
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{staffMembersView, staffMemberView, newMemberView},
		Routes: []web.Route{
			web.Page.Get("/staff/members", staff, h.staffMembers),
			web.Page.Get("/staff/members/new", web.Having(core.MemberCreate), h.newMemberForm),
			web.Page.Post("/staff/members/new", web.Having(core.MemberCreate), web.Small, h.newMember),
			web.Page.Get("/staff/members/:name", staff.About(theMember), h.staffMember),
			web.Page.Post("/staff/members/:name/state", below(core.MemberDisable), web.Small, h.setState),
			web.Page.Post("/staff/members/:name/leech", below(core.MemberDisable), web.Small, h.setCanLeech),
			web.Page.Post("/staff/members/:name/class", below(core.MemberClass), web.Small, h.setClass),
		},
	}
}
