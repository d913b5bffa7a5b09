package account

import (
	"net/http"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
)

// noticesPage is what the member is told, and by which ways.
type noticesPage struct {
	settings
	Ways []notify.Way // that the site has
	Mail bool         // mail is one of them
	Rows []noticeRow
}

// noticeRow is a kind of notification.
type noticeRow struct {
	Words string
	Cells []noticeCell
}

// noticeCell is a kind by one way.
type noticeCell struct {
	Name  string // of the field
	Way   notify.Way
	On    bool
	Fixed bool // it can't be switched off
}

var noticesView = web.NewView[noticesPage]("notices")

func (h handlers) notices(v *web.Visit) error {
	chosen, err := h.Notices.Choices(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	return noticesView.Render(v, http.StatusOK, h.noticesPage(v, chosen))
}

func (h handlers) noticesPage(v *web.Visit, chosen notify.Choices) noticesPage {
	p := noticesPage{settings: settingsOf(v, noticesSection), Ways: h.Notices.Ways()}
	for _, i := range notify.Kinds() {
		if i.Needs != "" && !v.Me.Can(i.Needs) {
			continue
		}
		row := noticeRow{Words: i.Words}
		for _, w := range p.Ways {
			p.Mail = p.Mail || w == notify.Mail
			row.Cells = append(row.Cells, noticeCell{Name: fieldOf(i.Kind, w), Way: w, On: chosen.Wants(i, w), Fixed: i.Fixed(w)})
		}
		p.Rows = append(p.Rows, row)
	}
	return p
}

// fieldOf is the name of the box of a kind by a way.
func fieldOf(k notify.Kind, w notify.Way) string { return string(w) + "/" + string(k) }

// asking is the field that names the boxes that a form had: an empty box is not sent.
const asking = "asked"

// maxAsked bounds how many boxes a form may name.
const maxAsked = 500

func (h handlers) setNotices(v *web.Visit) error {
	choices := notify.Choices{}
	names := v.Request.PostForm[asking]
	for _, name := range names[:min(len(names), maxAsked)] {
		way, kind, _ := strings.Cut(name, "/")
		choices[notify.Pair{Kind: notify.Kind(kind), Way: notify.Way(way)}] = v.Ticked(name)
	}
	if err := h.Notices.Choose(v.Context(), v.Me.ID, choices); err != nil {
		p := h.noticesPage(v, choices)
		return again(err, &p.settings, func(status int) error { return noticesView.Render(v, status, p) })
	}
	return v.SeeOther("/settings/notifications", "Saved.")
}
