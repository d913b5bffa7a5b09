package site

import (
	"fmt"
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// profilePage is a member as others see them, or as they see themselves.
type profilePage struct {
	Profile member.Profile
	Own     bool
	Figures bool // the visitor may see transfer and activity
	Staff   bool // the visitor may see state and keys' page
	Uploads []torrentRow
	Next    string
}

const uploadsPerPage = 20

func (s *server) profile(v *visit) error {
	m := v.found.member
	p := profilePage{Own: m.ID == v.me.ID, Staff: v.me.Can(core.MemberSeePrivate)}
	p.Figures = p.Own || v.me.Can(core.StatsRead)
	var err error
	if p.Profile, err = s.Members.Profile(v, m.ID, p.Own || v.me.Can(core.TorrentSeeHidden)); err != nil {
		return err
	}
	uploads, err := s.Catalog.Uploads(v, v.viewer(), m.ID, core.TorrentID(number(v.Query("before"))), uploadsPerPage+1)
	if err != nil {
		return err
	}
	if len(uploads) > uploadsPerPage {
		uploads = uploads[:uploadsPerPage]
		p.Next = fmt.Sprintf("%s?before=%d", memberAddress(m.Name), uploads[uploadsPerPage-1].ID)
	}
	schedule, err := s.Economy.Schedule(v)
	if err != nil {
		return err
	}
	p.Uploads = s.rows(v, schedule, uploads)
	return okPage(s, v, profileView, p)
}

func memberAddress(name string) string { return "/members/" + url.PathEscape(name) }

// Share is uploaded as a part of all transfer, in whole per cent, for the bar.
func (p profilePage) Share() int {
	all := float64(p.Profile.Uploaded) + float64(p.Profile.Downloaded)
	if all <= 0 {
		return 50
	}
	return int(100 * float64(p.Profile.Uploaded) / all)
}
