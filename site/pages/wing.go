// Package pages is the wing for what staff tell members in prose: help, rules, terms and
// news, with their history and the form in which they are written.
//
// Concurrency: handlers share nothing but the stores, which lock themselves.
package pages

import (
	"embed"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
)

//go:embed *.html
var templates embed.FS

// Deps is what the wing stands on.
type Deps struct {
	Pages    *pages.Store
	Settings *setting.Store
	Members  *member.Store
	Clients  *client.Store
	Invites  *invite.Store
	Commands *command.Registry
	Trackers web.Trackers
	IRC      web.IRCInfo
	Site     string // its name
	Base     string // its address, without a slash at its end
}

// handlers answer the wing's routes.
type handlers struct{ Deps }

// New makes the wing.
func New(d Deps) web.Wing {
	h := handlers{d}
	editors := web.Having(core.PageEdit)
	return web.Wing{
		Templates: templates,
		Views:     []web.Declared{aboutView, readView, newsView, listView, editView, historyView, diffView, acceptView},
		Routes: []web.Route{
			web.Page.Get("/help", web.Members, h.named("help")),
			web.Page.Get("/help/:page", web.Members, h.help),
			web.Page.Get("/about", web.Anyone, h.aboutSite),
			web.Page.Get("/rules", web.Anyone, h.named("rules")),
			web.Page.Get(web.AcceptRules, web.Owners, h.acceptForm),
			web.Page.Post(web.AcceptRules, web.Owners, web.Small, h.accept),
			web.Page.Get("/terms", web.Anyone, h.named("terms")),
			web.Page.Get("/news", web.Members, h.news),
			web.Page.Get("/news/:number", web.Members, h.item),
			web.Page.Get("/pages", editors, h.list),
			web.Page.Get("/pages/news", editors, h.newsForm),
			web.Page.Post("/pages/news", editors, web.Texts, h.saveNews),
			web.Page.Get("/pages/new", editors, h.newForm),
			web.Page.Post("/pages/new", editors, web.Texts, h.saveNew),
			web.Page.Get("/pages/:page/edit", editors, h.editForm),
			web.Page.Post("/pages/:page/edit", editors, web.Texts, h.save),
			web.Page.Get("/pages/:page/history", web.Members, h.history),
			web.Page.Get("/pages/:page/diff", web.Members, h.diff),
		},
	}
}
