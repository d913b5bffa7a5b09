// Package staff is the wing for those who look after members: accounts, what they
// are allowed, and making new ones.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package staff

import (
	"embed"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Members  *member.Store
	Commands *command.Registry
}

// commandTime is how long a command may take: some touch much.
const commandTime = 30 * time.Second

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	theMember := web.TheMember(d.Members)
	staff := web.Having(core.MemberCreate, core.MemberDisable, core.MemberClass)
	theirs := web.Members.About(h.theirs())
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{staffMembersView, staffMemberView, commandView, confirmView, resultView},
		Routes: []web.Route{
			web.Page.Get("/staff/members", staff, h.staffMembers),
			web.Page.Get("/staff/members/:name", staff.About(theMember), h.staffMember),
			web.Page.Get("/commands/:command", theirs, h.commandForm),
			web.Page.Post("/commands/:command", theirs, web.Small, h.runCommand).Within(commandTime),
		},
	}
}
