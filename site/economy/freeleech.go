package economy

import (
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
)

// freeleechPage is the calendar and what holds now.
type freeleechPage struct {
	Active []economy.Window
	Coming []economy.Window
	Own    []economy.Window // of the visitor alone
	Now    time.Time
}

var freeleechView = web.NewView[freeleechPage]("freeleech")

const calendarLength = 8

func (h handlers) freeleech(v *web.Visit) error {
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	now := h.Clock()
	return freeleechView.OK(v, freeleechPage{Active: schedule.Active(now), Coming: schedule.Upcoming(now, calendarLength),
		Own: schedule.Own(v.Me.ID, now), Now: now})
}

// windowJSON is a window of freeleech for programs; times are RFC 3339.
type windowJSON struct {
	Key    string    `json:"key"`
	Source string    `json:"source"`
	State  string    `json:"state"`
	Starts time.Time `json:"starts"`
	Ends   time.Time `json:"ends"`
	Reason string    `json:"reason"`
}

type freeleechAnswer struct {
	Now    time.Time    `json:"now"`
	Active []windowJSON `json:"active"`
	Coming []windowJSON `json:"coming"`
}

// freeleechJSON is the calendar for programs. It tells only of windows that
// concern the whole site.
func (h handlers) freeleechJSON(v *web.Visit) error {
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	now := h.Clock().UTC().Truncate(time.Second)
	v.SetHeader("Cache-Control", "public, max-age=60")
	return v.JSON(http.StatusOK, freeleechAnswer{Now: now, Active: windowsJSON(schedule.Active(now)),
		Coming: windowsJSON(schedule.Upcoming(now, calendarLength))})
}

func windowsJSON(ws []economy.Window) []windowJSON {
	out := make([]windowJSON, len(ws))
	for i, w := range ws {
		out[i] = windowJSON{Key: w.Key, Source: string(w.Source), State: string(w.State), Starts: w.Starts.UTC(), Ends: w.Ends.UTC(), Reason: w.Reason}
	}
	return out
}
