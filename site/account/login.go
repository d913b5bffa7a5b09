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
		return loginAgain(v, name, next, err)
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

// loginAgain shows the form with what was wrong.
func loginAgain(v *web.Visit, name, next string, err error) error {
	status := v.Note(err)
	return loginView.Render(v, status, web.LoginFields{Name: name, Next: next, Text: core.Sentence(err)})
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
