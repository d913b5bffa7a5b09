package web

import (
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// frame is what every page has around its own data.
type frame struct {
	Site   siteInfo
	Me     member.Member
	Path   string
	Words  string      // what was searched for
	Kept   []keptField // what a search from the bar keeps of the one before
	Theme  string      // "light", "dark" or "", which leaves it to the browser
	Zone   string      // in which times are told
	Banner banner
	Unread int           // notifications in the visitor's inbox
	Held   []part.Notice // what keeps the visitor from taking part
	Flash  Flash
	Page   any

	Sections, Own, Staff []part.Link // the menus
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

// frame is what stands around a page for a visitor.
func (s *Site) frame(v *Visit) frame {
	f := frame{Site: siteInfo{Name: s.config.Name, URL: s.config.Base(), IRC: s.config.IRC}, Me: v.Me,
		Path: v.Request.URL.Path, Flash: v.flash, Theme: v.theme(), Zone: zoneName(v.Zone(), s.Clock()),
		Sections: s.menu(v, sections), Own: s.menu(v, own), Staff: s.menu(v, staffPlaces)}
	if !v.In() {
		return f
	}
	f.Unread = v.Session.Unread
	if f.Path == "/browse" {
		f.Words, f.Kept = v.Query("q"), kept(v.Request.URL.Query())
	}
	b, err := s.banner(v)
	if err != nil {
		s.Log.Error("the freeleech banner failed", "err", err) // the page itself is fine
	}
	f.Banner, f.Held = b, s.held(v)
	return f
}

// held is what keeps a visitor from taking part, with the reason and what to do.
func (s *Site) held(v *Visit) (out []part.Notice) {
	for _, c := range v.Me.Holding {
		if c.Effect != member.Granted {
			out = append(out, heldBy(c))
		}
	}
	if v.Session.MailFails && s.ByMail() {
		out = append(out, part.Notice{Title: "Letters to you come back.", Text: "Nothing is sent to your mail address any more, and you can't get back in by mail if you lose your passphrase.",
			Action: part.Link{Text: "Mend it", Address: "/settings/recovery#mail"}})
	}
	if !v.Session.Refused { // read with the session, so that it costs no statement of its own
		return out
	}
	refused, found, err := s.Transfer.Refused(v.Context(), v.Me.ID, transfer.Facts{Now: s.Clock()})
	if err != nil {
		s.Log.Error("the notice of refused clients failed", "err", err) // the page itself is fine
	}
	if found {
		out = append(out, clientRefused(refused))
	}
	return out
}

// keptField is a hidden field of the bar's form.
type keptField struct{ Name, Value string }

// filters are what a search for other words keeps.
var filters = []string{"category", "format", "license", "platform", "subject", "free", "seeded", "tag", "creator", "sort", "order"}

func kept(query url.Values) (out []keptField) {
	for _, name := range filters {
		if value := query.Get(name); value != "" && len(value) <= 255 {
			out = append(out, keptField{name, value})
		}
	}
	return out
}
