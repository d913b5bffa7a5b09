package staff

import (
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
)

// settingsPage lists what staff may change while the site runs, each with its forms.
type settingsPage struct {
	Rows []settingRow
}

type settingRow struct {
	setting.Current
	Shown string // its value, cut where it is long
	Acts  []web.CommandForm
}

var settingsView = web.NewView[settingsPage]("settings_site")

const (
	settingsAddress = "/staff/settings"
	longestShown    = 200 // bytes of a value
	longestLabel    = 30  // bytes of one on a button
)

func (h handlers) settings(v *web.Visit) error {
	list, err := h.Settings.List(v.Context())
	if err != nil {
		return err
	}
	var p settingsPage
	for _, s := range list {
		row := settingRow{Current: s, Shown: text.Cut(s.Value, longestShown)}
		if row.Acts, err = h.settingForms(v, s); err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	return settingsView.OK(v, p)
}

// settingForms change one setting: a list word by word, anything else by its new value.
func (h handlers) settingForms(v *web.Visit, s setting.Current) (out []web.CommandForm, err error) {
	names, labels := []string{"setting set"}, []string{"Change"}
	if s.Kind == setting.KindWords {
		names, labels = []string{"setting add", "setting remove"}, []string{"Add", "Take off"}
	}
	if s.Changed {
		names, labels = append(names, "setting reset"), append(labels, "Back to "+text.Cut(s.Default, longestLabel))
	}
	for i, name := range names {
		info, err := h.Commands.Named(v.Actor(), name)
		if err != nil {
			return nil, err
		}
		form, err := web.NewCommandForm(v, h.Commands, info, map[string]string{"name": s.Name}, map[string]string{"value": s.Value}, settingsAddress)
		if err != nil {
			return nil, err
		}
		form.Label = labels[i]
		for j := range form.Fields {
			form.Fields[j].Hint = s.Allowed
			for _, c := range s.Choices {
				form.Fields[j].Choices = append(form.Fields[j].Choices, web.Choice{Value: c, Text: c})
			}
		}
		out = append(out, form)
	}
	return out, nil
}
