package account

import (
	"fmt"
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/web"
)

// securityPage is where the visitor is logged in, and the security log of their account.
type securityPage struct {
	settings
	Sessions []browser
	Entries  []security.Entry
	Next     string // the address of older ones, "" where there are none
}

// browser is a session with what its browser seems to be.
type browser struct {
	member.Session
	Device  string
	Present bool // it is the one that asks
}

var securityView = web.NewView[securityPage]("security")

const entriesPerPage = 30

func (h handlers) security(v *web.Visit) error {
	p := securityPage{settings: settingsOf(v, securitySection)}
	sessions, err := h.Members.Sessions(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	for _, s := range sessions {
		p.Sessions = append(p.Sessions, browser{Session: s, Device: deviceName(s.Agent), Present: s.ID == v.Session.ID})
	}
	list, err := h.Members.Security().Page(v.Context(), v.Me.ID, web.Number(v.Query("before")), entriesPerPage+1)
	if err != nil {
		return err
	}
	if p.Entries = list; len(list) > entriesPerPage {
		p.Entries = list[:entriesPerPage]
		p.Next = fmt.Sprintf("/settings/security?before=%d#log", p.Entries[entriesPerPage-1].ID)
	}
	return securityView.Render(v, http.StatusOK, p)
}
