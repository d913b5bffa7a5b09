package pages

import (
	"fmt"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// historyPage lists the revisions of a page, newest first.
type historyPage struct {
	Top     part.Head
	Head    pages.Head // as it is now
	List    []revision
	Shipped bool   // below the list stands the text that comes with the program
	Next    string // the address of older ones, "" where there are none
	MayEdit bool
}

// revision is a line of the history.
type revision struct {
	pages.Head
	Revert []web.CommandForm // the button that goes back to it; none at the one that is shown
}

var historyView = web.NewView[historyPage]("page_history")

// diffPage tells how one revision of a page became another.
type diffPage struct {
	Top      part.Head
	From, To pages.Revision
	Lines    []pages.Line
}

var diffView = web.NewView[diffPage]("page_diff")

const revisionsPerPage = 20

func (h handlers) history(v *web.Visit) error {
	slug := v.Param("page")
	now, err := h.current(v, slug)
	if err != nil {
		return err
	}
	list, next, err := h.Pages.History(v.Context(), slug, web.Number(v.Query("before")), revisionsPerPage)
	if err != nil {
		return err
	}
	p := historyPage{Top: part.Head{Title: "History: " + called(now.Head), Crumbs: way(now.Head, false)}, Head: now.Head, MayEdit: v.Me.Can(core.PageEdit), Shipped: next == 0 && pages.IsShipped(slug)}
	for _, one := range list {
		r := revision{Head: one}
		if p.MayEdit && one.Revision != now.Revision {
			if r.Revert, err = h.revert(v, one); err != nil {
				return err
			}
		}
		p.List = append(p.List, r)
	}
	if p.MayEdit {
		p.Top.Action = part.Link{Text: "Edit", Address: "/pages/" + slug + "/edit"}
	}
	if next > 0 {
		p.Next = fmt.Sprintf("/pages/%s/history?before=%d", slug, next)
	}
	return historyView.OK(v, p)
}

// current is the revision of a page that is shown. What was taken away has a history for
// those alone who may bring it back.
func (h handlers) current(v *web.Visit, slug string) (pages.Revision, error) {
	now, err := h.Pages.Current(v.Context(), slug)
	if err == nil && now.Gone && (now.Revision == 0 || !v.Me.Can(core.PageEdit)) {
		err = core.Errorf(core.NotFound, "there is no such page")
	}
	return now, err
}

// revert is the button that goes back to a revision.
func (h handlers) revert(v *web.Visit, to pages.Head) ([]web.CommandForm, error) {
	info, err := h.Commands.Named(v.Actor(), "page revert")
	if err != nil {
		return nil, err
	}
	known := map[string]string{"page": to.Slug, "revision": strconv.FormatInt(to.Revision, 10)}
	f, err := web.NewCommandForm(v, h.Commands, info, known, nil, "/pages/"+to.Slug+"/history")
	f.Label, f.Note = fmt.Sprintf("Go back to revision %d", to.Revision), ""
	return []web.CommandForm{f}, err
}

// diff compares a revision with the one before it, or with the one that the query names.
func (h handlers) diff(v *web.Visit) error {
	slug := v.Param("page")
	now, err := h.current(v, slug)
	if err != nil {
		return err
	}
	to := now.Revision
	if v.Query("to") != "" {
		to = web.Number(v.Query("to"))
	}
	from := max(to-1, 0)
	if v.Query("from") != "" {
		from = web.Number(v.Query("from"))
	}
	p := diffPage{Top: part.Head{Title: "What changed: " + called(now.Head), Crumbs: way(now.Head, true)}}
	if p.From, err = h.Pages.Revision(v.Context(), slug, from); err != nil {
		return err
	}
	if p.To, err = h.Pages.Revision(v.Context(), slug, to); err != nil {
		return err
	}
	p.Lines = pages.Compare(p.From.Source, p.To.Source)
	return diffView.OK(v, p)
}
