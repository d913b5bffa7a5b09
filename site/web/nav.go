package web

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/site/web/part"
)

// menuEntry is an entry of the menus. It is shown to whom its page is for, and not before
// the page is there.
type menuEntry struct {
	text    string
	address string
	within  []string // sections of the site that belong to it, besides its own
}

// The menus, in the order of their entries.
var (
	sections = []menuEntry{
		{text: "Browse", address: "/browse", within: []string{"/groups", "/torrents", "/endangered"}},
		{text: "Upload", address: "/upload"},
		{text: "Help", address: "/help", within: []string{"/rules", "/news", "/terms", "/freeleech"}},
	}
	own = []menuEntry{
		{text: "Profile", address: "/members/:name"},
		{text: "My torrents", address: "/me/torrents"},
		{text: "My announces", address: "/announces"},
		{text: "Freeleech", address: "/freeleech"},
		{text: "Settings", address: "/settings"},
	}
	staffPlaces = []menuEntry{
		{text: "Today", address: "/staff"},
		{text: "Members", address: "/staff/members", within: []string{"/staff/causes"}},
		{text: "Torrents", address: "/staff/torrents"},
		{text: "Tracker", address: "/staff/tracker"},
		{text: "IRC", address: "/staff/irc"},
		{text: "Applications", address: "/staff/applications"},
		{text: "Messages", address: "/staff/contact"},
		{text: "Bans", address: "/staff/bans"},
		{text: "Classes", address: "/staff/classes"},
		{text: "Jobs", address: "/staff/jobs"},
		{text: "Mail", address: "/staff/mail"},
		{text: "Limits", address: "/staff/limits"},
		{text: "Settings", address: "/staff/settings"},
		{text: "Approvals", address: "/staff/approvals"},
		{text: "Audit", address: "/staff/audit"},
		{text: "Pages", address: "/pages"},
	}
)

// needs are what the pages of the menus ask of their visitors, by address.
func needs(routes []Route) map[string]Need {
	out := map[string]Need{}
	for _, r := range routes {
		if r.Method == http.MethodGet && r.Kind == Page {
			out[r.Path] = r.Need
		}
	}
	return out
}

// menu is the entries that are for the visitor.
func (s *Site) menu(v *Visit, entries []menuEntry) []part.Link {
	var out []part.Link
	for _, e := range entries {
		need, there := s.needs[e.address]
		if !there || !v.In() || !need.has(v.Me) {
			continue
		}
		l := part.Link{Text: e.text, Address: e.address}
		if e.address == "/members/:name" {
			l.Address = MemberAddress(v.Me.Name)
		}
		l.Current = current(v.Request.URL.Path, l.Address, e.within)
		out = append(out, l)
	}
	return out
}

// current reports whether a page belongs to an entry. The first page of the staff holds
// no other.
func current(page, address string, also []string) bool {
	if address == "/staff" {
		return page == address
	}
	for _, a := range append(also, address) {
		if within(page, a) {
			return true
		}
	}
	return false
}
