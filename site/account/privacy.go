package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// privacyPage is what others see of the member, and the switches for it.
type privacyPage struct {
	settings
	Preset   string // "" for a choice of one's own
	Presets  []member.Preset
	Switches []privacySwitch
	Others   member.View // the member as any other sees them
}

type privacySwitch struct {
	member.Switch
	Shown bool
}

var privacyView = web.NewView[privacyPage]("privacy")

func (h handlers) privacy(v *web.Visit) error {
	return h.showPrivacy(v, http.StatusOK, privacyPage{settings: settingsOf(v, privacySection)})
}

func (h handlers) showPrivacy(v *web.Visit, status int, p privacyPage) (err error) {
	hides := v.Me.Hides()
	if one, ok := member.PresetOf(hides); ok {
		p.Preset = one.Name
	}
	p.Presets = member.Presets()
	for _, s := range member.Switches() {
		p.Switches = append(p.Switches, privacySwitch{s, !hides.Has(s.Bit)})
	}
	if p.Others, err = h.Members.See(v.Context(), member.Others(), v.Me); err != nil {
		return err
	}
	return privacyView.Render(v, status, p)
}

// setPrivacy takes a preset, or the boxes of what is shown: two forms, so that neither says
// something about the other.
func (h handlers) setPrivacy(v *web.Visit) error {
	var hides member.Hides
	var err error
	if v.Form("form") == "switches" {
		shown := v.Request.PostForm["shown"]
		for _, s := range member.Switches() {
			hides |= s.Bit
		}
		for _, name := range shown {
			s, wrong := member.SwitchNamed(name)
			if err = wrong; err != nil {
				break
			}
			hides &^= s.Bit
		}
	} else {
		hides, err = member.ReadHides(v.Form("preset"))
	}
	if err == nil {
		err = h.Members.SetHides(v.Context(), v.Me.ID, hides)
	}
	if err != nil {
		p := privacyPage{settings: settingsOf(v, privacySection)}
		return again(err, &p.settings, func(status int) error { return h.showPrivacy(v, status, p) })
	}
	return v.SeeOther("/settings/privacy", "Saved.")
}
