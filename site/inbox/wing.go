// Package inbox is the wing for what members are told: their inbox, and the links in
// letters that switch a kind of letter off.
//
// Concurrency: handlers share nothing but the store, which locks itself.
package inbox

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct{ Notices *notify.Store }

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{inboxView, unsubscribeView},
		Routes: []web.Route{
			web.Page.Get("/inbox", web.Owners, h.inbox),
			web.Page.Post("/inbox/read", web.Owners, web.Small, h.readAll),
			web.Page.Post("/inbox/:id/read", web.Owners, web.Small, h.read),
			web.Page.Get("/unsubscribe/:token", web.Anyone, h.ask),
			// Mail programs post here without a session (RFC 8058); the token is the right to.
			web.Page.Post("/unsubscribe/:token", web.Anyone, web.Small, h.switchOff),
		},
	}
}
