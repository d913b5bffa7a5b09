package account

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// profilePage is a member as others see them, or as they see themselves.
type profilePage struct {
	Profile member.Profile
	Own     bool
	Figures bool // the visitor may see transfer and activity
	Staff   bool // the visitor may see state and keys' page
	Uploads []web.TorrentRow
	Next    string
}

var profileView = web.NewView[profilePage]("profile")

const uploadsPerPage = 20

func (h handlers) profile(v *web.Visit) error {
	m := v.Found.Member
	p := profilePage{Own: m.ID == v.Me.ID, Staff: v.Me.Can(core.MemberSeePrivate)}
	p.Figures = p.Own || v.Me.Can(core.StatsRead)
	var err error
	if p.Profile, err = h.Members.Profile(v.Context(), m.ID, p.Own || v.Me.Can(core.TorrentSeeHidden)); err != nil {
		return err
	}
	uploads, err := h.Catalog.Uploads(v.Context(), v.Viewer(), m.ID, core.TorrentID(web.Number(v.Query("before"))), uploadsPerPage+1)
	if err != nil {
		return err
	}
	if len(uploads) > uploadsPerPage {
		uploads = uploads[:uploadsPerPage]
		p.Next = fmt.Sprintf("%s?before=%d", web.MemberAddress(m.Name), uploads[uploadsPerPage-1].ID)
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p.Uploads = web.Rows(v, schedule, uploads, h.Clock())
	return profileView.OK(v, p)
}

// Share is uploaded as a part of all transfer, in whole per cent, for the bar.
func (p profilePage) Share() int {
	all := float64(p.Profile.Uploaded) + float64(p.Profile.Downloaded)
	if all <= 0 {
		return 50
	}
	return int(100 * float64(p.Profile.Uploaded) / all)
}
