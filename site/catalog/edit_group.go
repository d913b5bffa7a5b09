package catalog

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// editGroupPage is the form for a dataset's description.
type editGroupPage struct {
	Group      catalog.Group
	Values     dataset.GroupValues
	Revision   string
	Categories []catalog.Category
	Rules      catalog.Rules
	Errors     web.FormErrors
	Conflict   bool // somebody else edited it in the meantime
}

var editGroupView = web.NewView[editGroupPage]("edit_group")

func (h handlers) editGroupForm(v *web.Visit) error {
	g := v.Found.Group
	return h.showEditGroup(v, http.StatusOK, editGroupPage{Values: dataset.GroupValuesOf(g.GroupForm), Revision: strconv.FormatInt(g.Revision, 10)})
}

func (h handlers) showEditGroup(v *web.Visit, status int, p editGroupPage) error {
	var err error
	p.Group, p.Rules = v.Found.Group, h.Catalog.Rules()
	if p.Categories, err = h.Catalog.Categories(v.Context()); err != nil {
		return err
	}
	return editGroupView.Render(v, status, p)
}

func (h handlers) editGroup(v *web.Visit) error {
	g := v.Found.Group
	p := editGroupPage{Values: dataset.ReadGroup(v), Revision: v.Form(dataset.FormRevision)}
	form := p.Values.Form(web.Number(p.Values.Category))
	err := h.Catalog.Edit(v.Context(), catalog.Edit{Group: g.ID, Revision: web.Number(p.Revision), GroupForm: &form, By: v.Me.ID})
	if err == nil {
		return v.SeeOther(fmt.Sprintf("/groups/%d", g.ID), "Your changes are saved.")
	}
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	if p.Conflict = core.CodeOf(err) == core.Conflict; p.Conflict {
		p.Revision = strconv.FormatInt(g.Revision, 10) // sent again, it replaces what is there now
	}
	return h.showEditGroup(v, web.StatusOf(err), p)
}

// Fields is for the template.
func (p editGroupPage) Fields() groupFields {
	return groupFields{V: p.Values, Rules: p.Rules, Errors: p.Errors}
}

// CategoryChoices is for the template.
func (p editGroupPage) CategoryChoices() []web.Choice {
	out := make([]web.Choice, len(p.Categories))
	for i, c := range p.Categories {
		out[i] = web.Choice{Value: strconv.FormatInt(c.ID, 10), Text: c.Name}
	}
	return out
}
