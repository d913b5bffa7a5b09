package account

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// profilePage is a member as others see them, or as they see themselves.
type profilePage struct {
	View    member.View
	Staff   bool // the visitor may see state and keys' page
	Uploads []web.TorrentRow
	Next    string
}

var profileView = web.NewView[profilePage]("profile")

const uploadsPerPage = 20

func (h handlers) profile(v *web.Visit) error {
	m := v.Found.Member
	view, err := h.Members.See(v.Context(), v.Me.Viewer(), m)
	if err != nil {
		return err
	}
	p := profilePage{View: view, Staff: v.Me.Can(core.MemberSeePrivate)}
	if !view.Shows(member.HideUploads) {
		return profileView.OK(v, p)
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
