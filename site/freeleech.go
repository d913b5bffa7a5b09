package site

import (
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/economy"
)

// freeleechPage is the calendar and what holds now.
type freeleechPage struct {
	Active []economy.Window
	Coming []economy.Window
	Own    []economy.Window // of the visitor alone
	Now    time.Time
}

const calendarLength = 8

func (s *server) freeleech(v *visit) error {
	schedule, err := s.Economy.Schedule(v)
	if err != nil {
		return err
	}
	now := s.Clock()
	return okPage(s, v, freeleechView, freeleechPage{Active: schedule.Active(now), Coming: schedule.Upcoming(now, calendarLength),
		Own: schedule.Own(v.me.ID, now), Now: now})
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
func (s *server) freeleechJSON(v *visit) error {
	schedule, err := s.Economy.Schedule(v)
	if err != nil {
		return err
	}
	now := s.Clock().UTC().Truncate(time.Second)
	v.Header("Cache-Control", "public, max-age=60")
	v.JSON(http.StatusOK, freeleechAnswer{Now: now, Active: windowsJSON(schedule.Active(now)),
		Coming: windowsJSON(schedule.Upcoming(now, calendarLength))})
	return nil
}

func windowsJSON(ws []economy.Window) []windowJSON {
	out := make([]windowJSON, len(ws))
	for i, w := range ws {
		out[i] = windowJSON{Key: w.Key, Source: string(w.Source), State: string(w.State), Starts: w.Starts.UTC(), Ends: w.Ends.UTC(), Reason: w.Reason}
	}
	return out
}
