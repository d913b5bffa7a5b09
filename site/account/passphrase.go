package account

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// setPassphrase asks for the present one, so that a browser left open is not
// enough. It ends all sessions and starts a new one here.
func (h handlers) setPassphrase(v *web.Visit) error {
	_, err := h.prove(v, v.Me.Name, v.Form("current"))
	if core.CodeOf(err) == core.Forbidden {
		return h.accountAgain(v, core.FieldErrorf("current", "this is not your present passphrase"))
	}
	if err != nil {
		return err
	}
	fresh := v.Form("password")
	if fresh != v.Form("again") {
		return h.accountAgain(v, core.FieldErrorf("again", "this is not the same as the line above"))
	}
	token, _, err := h.Members.ChangePassphrase(v.Context(), v.Me, fresh, v.Request.UserAgent())
	if err != nil {
		return h.accountAgain(v, err)
	}
	if err := h.begin(v, token); err != nil {
		return err
	}
	return v.SeeOther("/settings/security#end", "Your passphrase is changed, and every other browser is logged out. If somebody else knew the old one, end below what they may hold besides.")
}

// begin lets the browser hold the token of a session that has just begun.
func (h handlers) begin(v *web.Visit, token string) (err error) {
	if _, v.Session, err = h.Members.BySession(v.Context(), token); err == nil {
		v.KeepSession(token)
	}
	return err
}
