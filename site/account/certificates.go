package account

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

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
