package account

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

var loginView = web.NewView[web.LoginFields]("login")

func (h handlers) loginForm(v *web.Visit) error {
	if v.In() {
		return web.RedirectTo(web.LocalPath(v.Query("next")))
	}
	return loginView.OK(v, web.LoginFields{Next: web.LocalPath(v.Query("next"))})
}

// login checks name and passphrase. Wrong ones are counted for the address and for
// the account, together with wrong IRC keys.
func (h handlers) login(v *web.Visit) error {
	name, next := strings.TrimSpace(v.Form("name")), web.LocalPath(v.Form("next"))
	m, err := h.prove(v, name, v.Form("password"))
	if code := core.CodeOf(err); code == core.Forbidden || code == core.Unavailable {
		again := web.LoginFields{Name: name, Next: next, Text: core.Sentence(err)}
		if m.ID != 0 && !m.Enabled() {
			again.Mend = h.appeal()
		}
		return loginView.Render(v, v.Note(err), again)
	}
	if err != nil {
		return err
	}
	token, err := h.Members.NewSession(v.Context(), m.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	if err := h.begin(v, token); err != nil {
		return err
	}
	notice, err := h.Members.TakeNotice(v.Context(), m.ID)
	if err != nil {
		return err
	}
	if notice != "" {
		notice += " Your security log has the details: Settings, Security log."
	}
	return v.SeeOther(next, notice)
}

// appeal says what somebody can do whose account is disabled. They can read no page but
// this one, so it says where staff are.
func (h handlers) appeal() string {
	switch {
	case h.IRC.Host == "":
		return "Only staff can open it again: ask one of them."
	case h.IRC.Bot != "":
		return "Only staff can open it again: ask them on IRC, at " + h.IRC.Host + "."
	}
	return "Only staff can open it again: ask them on IRC, at " + h.IRC.Host + ". Log in there with your IRC key, and you come into a channel for this, which only staff read."
}

// logout ends the session at once, wherever its token went.
func (h handlers) logout(v *web.Visit) error {
	if token := v.SessionToken(); token != "" {
		if err := h.Members.EndSession(v.Context(), token); err != nil {
			return err
		}
	}
	v.DropSession()
	v.SetHeader("Clear-Site-Data", `"cache"`)
	return web.RedirectTo("/")
}
