package account

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

func (h handlers) addNick(v *web.Visit) error {
	p := ircLoginPage{Nick: v.Form("nick")}
	if err := h.Members.AddNick(v.Context(), v.Me.ID, p.Nick, h.IRC.NickLimit); err != nil {
		return h.ircLoginAgain(v, err, p)
	}
	return v.SeeOther("/settings/irc#nicks", "The nick "+p.Nick+" is yours.")
}

func (h handlers) removeNick(v *web.Visit) error {
	nick := v.Param("nick")
	if err := h.Members.RemoveNick(v.Context(), v.Me.ID, nick); err != nil {
		return err
	}
	return v.SeeOther("/settings/irc#nicks", "The nick "+nick+" is free.")
}
