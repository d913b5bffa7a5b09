package v1

import (
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
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
	LeechOff   *LeechOff     `json:"leech_off"` // null when the owner may download
}

// LeechOff says why the token's owner may not download.
type LeechOff struct {
	Reason string     `json:"reason"`
	Since  *time.Time `json:"since"` // null when that was not recorded
	Until  *time.Time `json:"until"` // null when no end is set
}

func leechOff(m member.Member) *LeechOff {
	c, off := m.DownloadsOff()
	if !off {
		return nil
	}
	out := &LeechOff{Reason: c.Told()}
	if !c.Starts.IsZero() {
		out.Since = &c.Starts
	}
	if !c.Ends.IsZero() {
		out.Until = &c.Ends
	}
	return out
}

func (h handlers) me(v *web.Visit) error {
	p, err := h.Members.Own(v.Context(), v.Me)
	if err != nil {
		return err
	}
	out := MeAnswer{ID: v.Me.ID, Name: v.Me.Name, Class: v.Me.Class.Name, Uploaded: p.Uploaded().Value, Downloaded: p.Downloaded().Value,
		Snatched: p.Snatched().Value, Seeding: p.Seeding().Value, Leeching: p.Leeching().Value, Uploads: p.Uploads().Value,
		Seedtime: int64(p.Seedtime().Value.Seconds()), CanLeech: v.Me.MayDownload(), LeechOff: leechOff(v.Me)}
	if r := p.Ratio().Value; r.Any {
		out.Ratio = &r.Value
	}
	return v.JSON(http.StatusOK, out)
}
