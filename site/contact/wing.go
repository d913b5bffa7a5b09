// Package contact is the wing by which anybody reaches staff: members, strangers, and those
// who can't log in or come from a banned address.
//
// Concurrency: handlers share nothing but the store, which locks itself.
package contact

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Support *support.Store
	Site    string // its name
	Clock   core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// longest is how large a form may be, in bytes: its texts have some 6000 characters, and a
// character takes up to twelve bytes.
const longest = 96 << 10

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{contactView, threadView},
		Routes: []web.Route{
			web.Page.Get("/contact", web.Anyone, h.form(support.Question)),
			web.Page.Post("/contact", web.Anyone, longest, h.send(support.Question)),
			web.Page.Get("/contact/takedown", web.Anyone, h.form(support.Takedown)),
			web.Page.Post("/contact/takedown", web.Anyone, longest, h.send(support.Takedown)),
			web.Page.Get("/contact/:number", web.Anyone, h.thread),
		},
	}
}
