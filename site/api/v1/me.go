package v1

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// MeAnswer is the token's owner; sizes are exact, in bytes.
type MeAnswer struct {
	ID         core.MemberID `json:"id"`
	Name       string        `json:"name"`
	Class      string        `json:"class"`
	Uploaded   core.Bytes    `json:"uploaded"`
	Downloaded core.Bytes    `json:"downloaded"`
	Ratio      *float64      `json:"ratio"` // null when nothing was downloaded
	Snatched   int           `json:"snatched"`
	Seeding    int           `json:"seeding"`
	Leeching   int           `json:"leeching"`
	Uploads    int           `json:"uploads"`
	Seedtime   int64         `json:"seedtime_seconds"`
	CanLeech   bool          `json:"can_leech"`
}

func (h handlers) me(v *web.Visit) error {
	p, err := h.Members.Profile(v.Context(), v.Me.ID, true)
	if err != nil {
		return err
	}
	out := MeAnswer{ID: v.Me.ID, Name: v.Me.Name, Class: v.Me.Class.Name, Uploaded: p.Uploaded, Downloaded: p.Downloaded,
		Snatched: p.Snatched, Seeding: p.Seeding, Leeching: p.Leeching, Uploads: p.Uploads,
		Seedtime: int64(p.Seedtime.Seconds()), CanLeech: v.Me.CanLeech}
	if r, ok := p.Ratio(); ok {
		out.Ratio = &r
	}
	return v.JSON(http.StatusOK, out)
}
