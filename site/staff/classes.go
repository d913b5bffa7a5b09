package staff

import (
	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// classesPage is the matrix of classes and permissions, with what of it was changed.
type classesPage struct {
	Classes []classColumn
	Rows    []permissionRow
	Acts    []web.CommandForm
	History []part.Event
	Edits   bool // the visitor may change classes
}

type classColumn struct {
	member.Class
	Asks string
	Mine bool // the visitor may change it
}

type permissionRow struct {
	Name, Words string
	Cells       []matrixCell
}

// matrixCell says whether a class has a permission, and how the visitor would change that.
type matrixCell struct {
	Class string
	Has   bool
	Slug  string // of the command that changes it; "" if the visitor may not
}

var classesView = web.NewView[classesPage]("classes")

// classes shows what each class may do, as a matrix of buttons to those who may change it.
func (h handlers) classes(v *web.Visit) error {
	list, err := h.Members.Classes(v.Context())
	if err != nil {
		return err
	}
	p := classesPage{Edits: v.Me.Can(core.ClassManage)}
	for _, c := range list {
		p.Classes = append(p.Classes, classColumn{c, c.Asks.Words(), p.Edits && v.Me.MayGive(c)})
	}
	for _, info := range core.AllPermissions() {
		row := permissionRow{Name: string(info.Name), Words: info.Description}
		for _, c := range p.Classes {
			cell := matrixCell{Class: c.Name, Has: c.Permissions.Has(info.Name)}
			if c.Mine && v.Me.Can(info.Name) && info.Name != core.IRCAnnounce {
				cell.Slug = "class-permit"
				if cell.Has {
					cell.Slug = "class-forbid"
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		p.Rows = append(p.Rows, row)
	}
	if p.Acts, err = h.familyForms(v, "/staff/classes", "class"); err != nil {
		return err
	}
	if v.Me.Can(core.AuditRead) {
		entries, _, err := h.Audit.Search(v.Context(), audit.Filter{Command: "class", Outcome: audit.Done}, lastActs)
		if err != nil {
			return err
		}
		p.History = timeline(entries)
	}
	return classesView.OK(v, p)
}
