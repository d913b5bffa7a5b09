package pages

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/web"
)

// acceptPage shows what has changed in the rules, for a member who is to accept them anew.
type acceptPage struct {
	Asked   bool  // else there is nothing to accept
	Since   int64 // the revision that they accepted; 0 is what the program ships
	Any     bool  // they have accepted one
	Now     pages.Head
	Changes []pages.Line
	Body    body
	Next    string
	Errors  web.FormErrors
}

var acceptView = web.NewView[acceptPage]("accept")

func (h handlers) acceptForm(v *web.Visit) error {
	p, err := h.acceptPage(v, v.Query("next"))
	if err != nil {
		return err
	}
	return acceptView.OK(v, p)
}

func (h handlers) acceptPage(v *web.Visit, next string) (p acceptPage, err error) {
	p.Next = web.LocalPath(next)
	values, err := h.Settings.Values(v.Context())
	if err != nil {
		return p, err
	}
	if p.Asked = invite.Asks(values, v.Session.Accepted); !p.Asked {
		return p, nil
	}
	p.Since, p.Any = max(v.Session.Accepted, 0), v.Session.Accepted >= 0
	now, err := h.Pages.Current(v.Context(), "rules")
	if err != nil {
		return p, err
	}
	p.Now = now.Head
	if p.Any {
		was, err := h.Pages.Revision(v.Context(), "rules", p.Since)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return p, err
		}
		if err == nil {
			p.Changes = pages.Compare(was.Source, now.Source)
		}
	}
	whole, err := h.Pages.Page(v.Context(), "rules")
	if err != nil {
		return p, err
	}
	p.Body, err = h.body(v, whole)
	return p, err
}

// accept notes that the visitor has accepted the revision that the form showed.
func (h handlers) accept(v *web.Visit) error {
	next := web.LocalPath(v.Form("next"))
	var err error
	if !v.Ticked("accepts") {
		err = core.FieldErrorf("accepts", "tick this to accept the rules; or log out")
	} else {
		err = h.Invites.Accept(v.Context(), v.Me.ID, shownRevision(v.Form("revision")))
	}
	if err == nil {
		return v.SeeOther(next, "Thank you: you have accepted the rules.")
	}
	list, isForm := web.Mistakes(err)
	if !isForm {
		return err
	}
	p, perr := h.acceptPage(v, next)
	if perr != nil {
		return perr
	}
	if !p.Asked {
		return web.RedirectTo(next)
	}
	p.Errors = list
	return acceptView.Render(v, web.StatusOf(err), p)
}

// shownRevision reads the number of a revision; what is none is -1, which never holds.
func shownRevision(text string) int64 {
	if n := web.Number(text); n > 0 || text == "0" {
		return n
	}
	return -1
}
