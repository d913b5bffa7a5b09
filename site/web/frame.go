package web

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// frame is what every page has around its own data.
type frame struct {
	Site   siteInfo
	Me     member.Member
	Path   string
	Banner banner
	Flash  Flash
	Page   any
}

// siteInfo is what pages say about the site itself.
type siteInfo struct {
	Name string
	URL  string
	IRC  IRCInfo
}

// In reports whether somebody is logged in.
func (f frame) In() bool { return f.Me.ID != 0 }

// Can reports whether the visitor has one of some permissions.
func (f frame) Can(any ...core.Permission) bool {
	for _, p := range any {
		if f.In() && f.Me.Can(p) {
			return true
		}
	}
	return false
}

// Staff reports whether the visitor has anything to do on the staff pages.
func (f frame) Staff() bool { return f.Can(core.MemberCreate, core.MemberDisable, core.MemberClass) }
