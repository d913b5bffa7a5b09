package contact

import (
	"net/http"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// contactPage is the form by which staff are written to, with what was typed so far.
type contactPage struct {
	Site   string
	Kinds  []part.Link // the forms that there are
	Form   support.Form
	Action string // where the form goes to
	Trap   string // the name of the field that people don't see
	Stamp  string
	Sent   int64 // the number of what was just written; 0 for nothing
	Own    []support.Ticket
	Text   string // what is wrong that the form can't mend
	Errors web.FormErrors
}

// Takedown reports whether it is the form for demands.
func (p contactPage) Takedown() bool { return p.Form.Category == support.Takedown }

var contactView = web.NewView[contactPage]("contact")

// ownShown is how many of a member's own messages are listed.
const ownShown = 20

// addresses are where the forms are.
var addresses = map[support.Category]string{support.Question: "/contact", support.Takedown: "/contact/takedown"}

// page is the form, empty.
func (h handlers) page(v *web.Visit, c support.Category) contactPage {
	return contactPage{Site: h.Site, Form: support.Form{Category: c, Member: v.Me.ID}, Action: addresses[c], Trap: invite.TrapField, Stamp: h.Support.Stamps().Stamp(h.Clock()),
		Kinds: []part.Link{{Text: "A question", Address: addresses[support.Question], Current: c == support.Question},
			{Text: "A takedown", Address: addresses[support.Takedown], Current: c == support.Takedown}}}
}

// form shows one of the forms, and to a member what they wrote before.
func (h handlers) form(c support.Category) web.Handler {
	return func(v *web.Visit) (err error) {
		p := h.page(v, c)
		if v.In() {
			if p.Own, err = h.Support.Of(v.Context(), v.Me.ID, ownShown); err != nil {
				return err
			}
		}
		return contactView.OK(v, p)
	}
}

// send takes what was written.
func (h handlers) send(c support.Category) web.Handler {
	return func(v *web.Visit) error {
		p := h.page(v, c)
		f := &p.Form
		f.Subject, f.Text, f.Email = strings.TrimSpace(v.Form("subject")), strings.TrimSpace(v.Form("text")), strings.TrimSpace(v.Form("email"))
		f.Demand = support.Demand{Work: strings.TrimSpace(v.Form("work")), Where: strings.TrimSpace(v.Form("where")), Behalf: strings.TrimSpace(v.Form("behalf")),
			Name: strings.TrimSpace(v.Form("name")), True: v.Ticked("true")}
		f.Human, f.Place = invite.Human{Trap: v.Form(p.Trap), Stamp: v.Form("stamp")}, v.Address()
		t, err := h.Support.Open(v.Context(), *f)
		if err == nil {
			p.Sent = t.ID
			return contactView.OK(v, p)
		}
		var wrong bool
		if p.Errors, wrong = web.Mistakes(err); wrong {
			return contactView.Render(v, http.StatusUnprocessableEntity, p)
		}
		if core.CodeOf(err) != core.Unavailable {
			return err
		}
		p.Text = core.Sentence(err)
		return contactView.Render(v, v.Note(err), p)
	}
}

// threadPage is what a member wrote, with the answers.
type threadPage struct {
	support.Detail
	Me string
}

var threadView = web.NewView[threadPage]("contact_thread")

// thread shows to members what they wrote, also from a banned address. Strangers have none,
// and write again.
func (h handlers) thread(v *web.Visit) error {
	if !v.In() {
		return web.RedirectTo(addresses[support.Question])
	}
	d, err := h.Support.Own(v.Context(), web.Number(v.Param("number")), v.Me.ID)
	if err != nil {
		return err
	}
	return threadView.OK(v, threadPage{Detail: d, Me: v.Me.Name})
}
