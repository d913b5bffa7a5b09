package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// openToBanned are the addresses that answer whoever comes from a banned address, too: how
// to reach staff, and what pages are drawn with. All others are closed.
var openToBanned = []string{contactPath, "/assets/*name", "/favicon.ico", "/robots.txt"}

const contactPath = "/contact"

// OpenToBanned reports whether the route answers whoever comes from a banned address.
func (r Route) OpenToBanned() bool {
	return slices.Contains(openToBanned, r.Path) || strings.HasPrefix(r.Path, contactPath+"/")
}

// bannedError is the refusal of whoever comes from a banned address.
type bannedError struct{ ban ban.Ban }

func (e *bannedError) Error() string { return "banned" }

// refuseBanned refuses a visitor from a banned address. It is asked first, of what is kept
// in memory: before anybody is looked up, and before a form is read.
func (s *Site) refuseBanned(v *Visit, r Route) error {
	b, banned := s.Bans.Set().Address(v.origin.Address, ban.Site, s.Clock())
	if !banned || r.OpenToBanned() {
		return nil
	}
	if v.Request.ContentLength != 0 {
		v.SetHeader("Connection", "close") // the body is not waited for
	}
	text := "your address is banned from this site, " + b.Until() + ": " + b.Reason
	if to := s.contact(); to != "" {
		text += ". You can write to staff at " + s.config.Base() + to
	}
	return WithStatus(http.StatusForbidden, &core.Error{Code: core.Forbidden, Text: text, Cause: &bannedError{b}})
}

// contact is the page by which strangers reach staff, "" where there is none.
func (s *Site) contact() string {
	if _, there := s.needs[contactPath]; there {
		return contactPath
	}
	return ""
}

// bannedPage is what a visitor from a banned address reads.
type bannedPage struct {
	Ban     ban.Ban
	Contact string // where to write to staff; "" where that is not possible
	IRC     string // the host of the network, where staff are and the ban does not reach; may be ""
}

func (s *Site) bannedPage(b ban.Ban) bannedPage {
	p := bannedPage{Ban: b, Contact: s.contact()}
	if b.Reach&ban.IRC == 0 {
		p.IRC = s.config.IRC.Host
	}
	return p
}

var bannedView = NewView[bannedPage]("banned")
