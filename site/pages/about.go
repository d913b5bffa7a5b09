package pages

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// aboutPage is what the site says of itself to anybody: a text that staff write, and how
// people join now.
type aboutPage struct {
	Site      string
	Head      pages.Head
	Body      body
	MayEdit   bool
	Joining   joining
	Questions []invite.Question // that applicants are asked, if people apply
	MailAsked bool
}

// joining is how registration stands, in words.
type joining struct {
	State string // in a word or two
	Kind  part.Kind
	Text  string
	Way   part.Link // where one begins; the zero link where one can't
}

var aboutView = web.NewView[aboutPage]("about")

func (h handlers) aboutSite(v *web.Visit) error {
	p, err := h.Pages.Page(v.Context(), aboutSlug)
	if err != nil {
		return err
	}
	door, err := h.Invites.Door(v.Context())
	if err != nil {
		return err
	}
	out := aboutPage{Site: h.Site, Head: p.Head, MayEdit: v.Me.Can(core.PageEdit), Joining: joiningOf(door), MailAsked: door.Mail == setting.MailRequired}
	if out.Body, err = h.body(v, p); err != nil {
		return err
	}
	if door.Mode == setting.ModeApplication {
		if out.Questions, err = h.Invites.Questions(v.Context()); err != nil {
			return err
		}
	}
	return aboutView.OK(v, out)
}

const aboutSlug = "about"

// joiningOf says how people join.
func joiningOf(d invite.Door) joining {
	switch {
	case d.Mode == setting.ModeClosed:
		return joining{State: "Closed", Kind: part.Bad, Text: "Nobody can join at present."}
	case d.Full:
		return joining{State: "Full", Kind: part.Warn, Text: "As many people are members as the site takes. Places become free now and then."}
	case d.Mode == setting.ModeOpen:
		return joining{State: "Open", Kind: part.Good, Text: "Anybody can join.", Way: part.Link{Text: "Join", Address: "/join"}}
	case d.Mode == setting.ModeApplication:
		return joining{State: "By application", Kind: part.Info, Text: "You apply, and staff read what you write. If they let you in, you get an invite. Members can invite you, too.", Way: part.Link{Text: "Apply", Address: applyAddress}}
	}
	return joining{State: "By invitation", Kind: part.Info, Text: "A member invites you: you get a link from them, which lets one person in. If you know no member, there is no other way at present."}
}

// applyAddress is where one applies.
const applyAddress = "/apply"
