package pages

import (
	"fmt"
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// listPage lists all pages, for those who write them.
type listPage struct{ Heads []pages.Head }

var listView = web.NewView[listPage]("pages")

// editPage is the form in which a page is written.
type editPage struct {
	Top          part.Head
	Action       string // where the form goes
	Back         string // the page itself
	Named        bool   // it is there already, so its name stands
	News         bool
	Slug         string
	Base         int64
	Title        string
	Text         string
	Summary      string
	Errors       web.FormErrors
	Preview      []pages.Segment // of what was typed; nil before
	Theirs       []pages.Line    // what somebody else has changed in the meantime
	TheirsSince  int64           // the revision before that
	Placeholders []pages.Placeholder
	Acts         []web.CommandForm
}

var editView = web.NewView[editPage]("page_edit")

func (h handlers) list(v *web.Visit) error {
	heads, err := h.Pages.List(v.Context())
	if err != nil {
		return err
	}
	return listView.OK(v, listPage{Heads: heads})
}

func (h handlers) newsForm(v *web.Visit) error {
	return h.show(v, http.StatusOK, editPage{Action: "/pages/news", Back: "/news", News: true})
}

func (h handlers) newForm(v *web.Visit) error {
	return h.show(v, http.StatusOK, editPage{Action: "/pages/new", Back: "/pages"})
}

func (h handlers) editForm(v *web.Visit) error {
	now, err := h.current(v, v.Param("page"))
	if err != nil {
		return err
	}
	p := editPage{Base: now.Revision, Title: now.Title, Text: now.Source}
	h.about(&p, now.Head)
	if p.Acts, err = h.acts(v, now.Head); err != nil {
		return err
	}
	return h.show(v, http.StatusOK, p)
}

// about fills in what follows from the page that is edited.
func (h handlers) about(p *editPage, head pages.Head) {
	p.Named, p.Slug, p.News = true, head.Slug, head.News > 0
	p.Top.Crumbs = way(head, true)
	p.Action, p.Back = "/pages/"+head.Slug+"/edit", pages.Address(head.Slug)
	if head.Gone {
		p.Back = "/pages"
	}
}

// acts are the buttons for what else may be done with a page.
func (h handlers) acts(v *web.Visit, head pages.Head) ([]web.CommandForm, error) {
	if head.Shipped || head.Gone {
		return nil, nil
	}
	back := pages.Address(head.Slug)
	reset, known, label := "page reset", map[string]string{"page": head.Slug}, "Go back to the text that comes with the program"
	switch {
	case head.News > 0:
		reset, known, back, label = "news remove", map[string]string{"number": fmt.Sprint(head.News)}, "/news", "Take this item away"
	case !pages.IsShipped(head.Slug):
		back, label = "/pages", "Take this page away" // and its address with it
	}
	f, err := h.act(v, reset, known, back)
	if err != nil {
		return nil, err
	}
	f.Label, f.Note = label, ""
	out := []web.CommandForm{f}
	if head.Slug == "rules" { // what was changed in substance is to be accepted again
		if f, err = h.act(v, "rules require", nil, back); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// act is the form of a command.
func (h handlers) act(v *web.Visit, name string, known map[string]string, back string) (web.CommandForm, error) {
	info, err := h.Commands.Named(v.Actor(), name)
	if err != nil {
		return web.CommandForm{}, err
	}
	return web.NewCommandForm(v, h.Commands, info, known, nil, back)
}

func (h handlers) show(v *web.Visit, status int, p editPage) error {
	p.Placeholders = pages.Placeholders()
	switch {
	case p.Named:
		p.Top.Title = "Edit: " + p.Title
	case p.News:
		p.Top = part.Head{Title: "Add news", Crumbs: []part.Link{{Text: "News", Address: "/news"}}}
	default:
		p.Top = part.Head{Title: "Write a page", Crumbs: []part.Link{{Text: "Pages", Address: "/pages"}}}
	}
	return editView.Render(v, status, p)
}

// typed is the form as it was sent.
func typed(v *web.Visit) editPage {
	return editPage{Slug: v.Form("page"), Base: web.Number(v.Form("base")), Title: v.Form("title"), Text: v.Form("text"), Summary: v.Form("summary")}
}

func (h handlers) saveNews(v *web.Visit) error {
	p := typed(v)
	p.Action, p.Back, p.News = "/pages/news", "/news", true
	return h.run(v, p, "news add", map[string]string{"title": p.Title, "text": p.Text})
}

func (h handlers) saveNew(v *web.Visit) error {
	p := typed(v)
	p.Action, p.Back, p.Base = "/pages/new", "/pages", 0
	return h.run(v, p, "page edit", p.given())
}

func (p editPage) given() map[string]string {
	return map[string]string{"page": p.Slug, "base": fmt.Sprint(p.Base), "title": p.Title, "summary": p.Summary, "text": p.Text}
}

func (h handlers) save(v *web.Visit) error {
	now, err := h.current(v, v.Param("page"))
	if err != nil {
		return err
	}
	p := typed(v)
	h.about(&p, now.Head)
	return h.run(v, p, "page edit", p.given())
}

// run shows what was typed as it would look, or has the command save it.
func (h handlers) run(v *web.Visit, p editPage, name string, given map[string]string) error {
	if v.Form("do") == "preview" {
		rendered, err := pages.Render(p.Text)
		if err != nil {
			return h.again(v, p, err)
		}
		p.Preview = pages.Segments(rendered.Page(), h.value(v))
		return h.show(v, http.StatusOK, p)
	}
	answer, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Command: name, Given: given})
	if err != nil {
		return h.again(v, p, err)
	}
	f, back := web.Flash{Undo: answer.Entry}, p.Back
	for _, b := range answer.Blocks {
		if line, ok := b.(command.Line); ok {
			f.Good = line.Text
		}
	}
	if !p.News && p.Slug != "" {
		back = pages.Address(p.Slug)
	}
	if f.Back = back; !p.Named && !p.News {
		f.Back = "/pages" // where the page is none after it
	}
	if err := v.Tell(f); err != nil {
		return err
	}
	return web.RedirectTo(back)
}

// again shows the form once more with what is wrong. Where somebody else has saved in the
// meantime, it shows what they changed, and the next try rests on that.
func (h handlers) again(v *web.Visit, p editPage, err error) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	if core.CodeOf(err) == core.Conflict && p.Slug != "" {
		if err := h.theirs(v, &p); err != nil {
			return err
		}
	}
	return h.show(v, web.StatusOf(err), p)
}

func (h handlers) theirs(v *web.Visit, p *editPage) error {
	now, err := h.Pages.Current(v.Context(), p.Slug)
	if err != nil || now.Revision == p.Base {
		return err
	}
	base, err := h.Pages.Revision(v.Context(), p.Slug, p.Base)
	switch {
	case core.CodeOf(err) == core.NotFound: // what they say that they have edited, there never was
	case err != nil:
		return err
	default:
		p.Theirs, p.TheirsSince = pages.Compare(base.Source, now.Source), p.Base
	}
	p.Base = now.Revision
	return nil
}
