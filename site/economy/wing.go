// Package economy is the wing for what counts: freeleech, as a page and for
// programs.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package economy

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Economy *economy.Store
	Clock   core.Clock
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{freeleechView},
		Routes: []web.Route{
			web.Page.Get("/freeleech", web.Members, h.freeleech),
			web.Page.Get("/freeleech.json", web.Anyone, h.freeleechJSON),
		},
	}
}
