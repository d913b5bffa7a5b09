package pages

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
	"github.com/caduceus-bio/caduceus/site/web/recipe"
)

// readPage is a page to be read.
type readPage struct {
	Top     part.Head
	Head    pages.Head
	Body    body
	MayEdit bool
}

var readView = web.NewView[readPage]("read")

// body is the text of a page with what its placeholders stand for.
type body struct {
	Segments []pages.Segment
	Staff    []member.StaffClass
	Clients  []client.Rule
	Network  recipe.Network
}

// newsPage is the news, newest first.
type newsPage struct {
	Items   []item
	Next    string // the address of older ones, "" where there are none
	MayEdit bool
}

// item is one item of news.
type item struct {
	Head pages.Head
	Body body
}

var newsView = web.NewView[newsPage]("news")

const newsPerPage = 10

// named shows the page of a name.
func (h handlers) named(slug string) web.Handler {
	return func(v *web.Visit) error { return h.read(v, slug) }
}

// help shows a page of help. Those that have an address of their own have no other.
func (h handlers) help(v *web.Visit) error {
	slug := v.Param("page")
	if to := pages.Address(slug); to != "/help/"+slug {
		return web.NotFound("there is no such page")
	}
	return h.read(v, slug)
}

func (h handlers) read(v *web.Visit, slug string) error {
	p, err := h.Pages.Page(v.Context(), slug)
	if err != nil {
		return err
	}
	out := readPage{Top: part.Head{Title: p.Title, Crumbs: above(p.Head)}, Head: p.Head, MayEdit: v.Me.Can(core.PageEdit)}
	if out.Body, err = h.body(v, p); err != nil {
		return err
	}
	return readView.OK(v, out)
}

// above is the way to a page from what it lies in.
func above(h pages.Head) []part.Link {
	switch address := h.Address(); {
	case h.News > 0:
		return []part.Link{{Text: "News", Address: "/news"}}
	case strings.HasPrefix(address, "/help/"):
		return []part.Link{{Text: "Help", Address: "/help"}}
	}
	return nil
}

// way is the way to a page about a page, for those who write and those who compare.
func way(h pages.Head, history bool) []part.Link {
	out := above(h)
	if !h.Gone {
		out = append(out, part.Link{Text: h.Title, Address: h.Address()})
	}
	if history {
		out = append(out, part.Link{Text: "History", Address: "/pages/" + h.Slug + "/history"})
	}
	return out
}

// called is what to call a page that may be gone.
func called(h pages.Head) string { return cmp.Or(h.Title, h.Slug) }

// body puts into a page what its placeholders stand for, and reads no more than that.
func (h handlers) body(v *web.Visit, p pages.Page) (body, error) {
	b := body{Segments: pages.Segments(p.Text.Page(), h.value(v))}
	var err error
	for _, s := range b.Segments {
		switch s.Block {
		case "staff-list":
			b.Staff, err = h.Members.Staff(v.Context())
		case "client-list":
			b.Clients, err = h.Clients.Rules(v.Context())
		case "irc-facts", "irc-recipes":
			b.Network, err = recipe.Of(v.Context(), h.IRC, h.Site, h.value(v)("name"))
		}
		if err != nil {
			return body{}, err
		}
	}
	return b, nil
}

// value is the text that a placeholder stands for. None of them is a secret.
func (h handlers) value(v *web.Visit) func(name string) string {
	return func(name string) string {
		switch name {
		case "site":
			return h.Site
		case "address":
			return h.Base
		case "name":
			if v.In() {
				return v.Me.Name
			}
			return "your name here"
		case "announce":
			return strings.Join(h.Trackers.For("YOUR_ANNOUNCE_KEY"), " ")
		case "irc-host":
			return orNone(h.IRC.Host)
		case "irc-port":
			if h.IRC.TLSPort == 0 {
				return orNone("")
			}
			return fmt.Sprint(h.IRC.TLSPort)
		}
		return ""
	}
}

func orNone(s string) string {
	if s == "" {
		return "(there is none here)"
	}
	return s
}

func (h handlers) item(v *web.Visit) error {
	return h.read(v, pages.NewsSlug(web.Number(v.Param("number"))))
}

func (h handlers) news(v *web.Visit) error {
	list, next, err := h.Pages.News(v.Context(), web.Number(v.Query("before")), newsPerPage)
	if err != nil {
		return err
	}
	p := newsPage{MayEdit: v.Me.Can(core.PageEdit)}
	for _, one := range list {
		b, err := h.body(v, one)
		if err != nil {
			return err
		}
		p.Items = append(p.Items, item{Head: one.Head, Body: b})
	}
	if next > 0 {
		p.Next = fmt.Sprintf("/news?before=%d", next)
	}
	return newsView.OK(v, p)
}
