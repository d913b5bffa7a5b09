package account

import (
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// appearancePage is how the member sees the site.
type appearancePage struct {
	settings
	Zone   string
	Theme  member.Theme
	Zones  []string // to choose from; any other may be typed
	Themes []web.Choice
	Now    time.Time // in the zone of the member
}

var appearanceView = web.NewView[appearancePage]("appearance")

// someZones are where many people live.
var someZones = []string{"UTC", "Africa/Cairo", "Africa/Johannesburg", "Africa/Lagos", "Africa/Nairobi", "America/Argentina/Buenos_Aires", "America/Bogota",
	"America/Chicago", "America/Denver", "America/Halifax", "America/Lima", "America/Los_Angeles", "America/Mexico_City", "America/New_York",
	"America/Santiago", "America/Sao_Paulo", "America/Toronto", "Asia/Bangkok", "Asia/Dhaka", "Asia/Dubai", "Asia/Hong_Kong", "Asia/Jakarta",
	"Asia/Jerusalem", "Asia/Karachi", "Asia/Kolkata", "Asia/Manila", "Asia/Seoul", "Asia/Shanghai", "Asia/Singapore", "Asia/Tehran", "Asia/Tokyo",
	"Australia/Melbourne", "Australia/Perth", "Australia/Sydney", "Europe/Amsterdam", "Europe/Athens", "Europe/Berlin", "Europe/Dublin", "Europe/Helsinki",
	"Europe/Istanbul", "Europe/Lisbon", "Europe/London", "Europe/Madrid", "Europe/Moscow", "Europe/Oslo", "Europe/Paris", "Europe/Prague", "Europe/Rome",
	"Europe/Stockholm", "Europe/Vienna", "Europe/Warsaw", "Europe/Zurich", "Pacific/Auckland", "Pacific/Honolulu"}

func (h handlers) appearance(v *web.Visit) error {
	a := v.Me.Appearance
	return h.showAppearance(v, http.StatusOK, appearancePage{settings: settingsOf(v, appearanceSection), Zone: a.Zone, Theme: a.Theme})
}

func (h handlers) showAppearance(v *web.Visit, status int, p appearancePage) error {
	p.Zones, p.Now = someZones, h.Clock().In(v.Me.Appearance.Location())
	p.Themes = []web.Choice{{Value: "", Text: "as my machine is set"}, {Value: string(member.ThemeLight), Text: "light"}, {Value: string(member.ThemeDark), Text: "dark"}}
	return appearanceView.Render(v, status, p)
}

func (h handlers) setAppearance(v *web.Visit) error {
	p := appearancePage{settings: settingsOf(v, appearanceSection), Zone: v.Form("zone"), Theme: member.Theme(v.Form("theme"))}
	if err := h.Members.SetAppearance(v.Context(), v.Me.ID, member.Appearance{Zone: p.Zone, Theme: p.Theme}); err != nil {
		return again(err, &p.settings, func(status int) error { return h.showAppearance(v, status, p) })
	}
	return v.SeeOther("/settings/appearance", "Saved.")
}
