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
		return h.settingsAgain(v, core.FieldErrorf("current", "this is not your present passphrase"), settingsPage{})
	}
	if err != nil {
		return err
	}
	fresh := v.Form("password")
	if fresh != v.Form("again") {
		return h.settingsAgain(v, core.FieldErrorf("again", "this is not the same as the line above"), settingsPage{})
	}
	if err := h.Members.SetPassword(v.Context(), v.Me.ID, fresh); err != nil {
		return h.settingsAgain(v, err, settingsPage{})
	}
	token, err := h.Members.NewSession(v.Context(), v.Me.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	v.KeepSession(token)
	if _, v.Session, err = h.Members.BySession(v.Context(), token); err != nil {
		return err
	}
	return v.SeeOther("/settings#passphrase", "Your passphrase is changed, and every other browser is logged out.")
}
