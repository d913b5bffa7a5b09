package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// ircLoginPage is how a member logs in to IRC besides by the IRC key, and under
// which nicks.
type ircLoginPage struct {
	Certificates []member.Certificate
	Nicks        []member.Nick
	NickLimit    int
	Errors       web.FormErrors
	Certificate  string // as typed
	Label        string
	Nick         string
}

var ircLoginView = web.NewView[ircLoginPage]("irc_login")

// ourNetwork is a guard: on another network members log in as it demands.
func ourNetwork(info web.IRCInfo) web.Guard {
	return web.Guard{Words: "the IRC network is our own", Check: func(*web.Visit) error {
		if info.Bot != "" {
			return core.Errorf(core.NotFound, "the IRC network of this site keeps its own accounts")
		}
		return nil
	}}
}

func (h handlers) ircLogin(v *web.Visit) error {
	return h.showIRCLogin(v, http.StatusOK, ircLoginPage{})
}

func (h handlers) showIRCLogin(v *web.Visit, status int, p ircLoginPage) error {
	var err error
	if p.Certificates, err = h.Members.Certificates(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.Nicks, err = h.Members.Nicks(v.Context(), v.Me.ID); err != nil {
		return err
	}
	p.NickLimit = h.IRC.NickLimit
	return ircLoginView.Render(v, status, p)
}

func (h handlers) ircLoginAgain(v *web.Visit, err error, p ircLoginPage) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	return h.showIRCLogin(v, web.StatusOf(err), p)
}

func (h handlers) addCertificate(v *web.Visit) error {
	p := ircLoginPage{Certificate: v.Form("certificate"), Label: v.Form("label")}
	if _, err := h.Members.AddCertificate(v.Context(), v.Me.ID, p.Certificate, p.Label); err != nil {
		p.Certificate = "" // it may hold what must not be repeated
		return h.ircLoginAgain(v, err, p)
	}
	return v.SeeOther("/settings/irc", "You can log in to IRC with this certificate.")
}

func (h handlers) removeCertificate(v *web.Visit) error {
	if _, err := h.Members.RemoveCertificate(v.Context(), v.Me.ID, v.Param("fingerprint")); err != nil {
		return err
	}
	return v.SeeOther("/settings/irc", "The certificate is removed, and connections by it end.")
}

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
