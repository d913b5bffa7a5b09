package account

import (
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

func (h handlers) newToken(v *web.Visit) error {
	p := keysPage{settings: settingsOf(v, keysSection), Name: v.Form("name"), Scope: v.Form("scope")}
	token, err := h.Members.NewToken(v.Context(), v.Me.ID, p.Name, member.Scope(p.Scope))
	if err != nil {
		return again(err, &p.settings, func(status int) error { return h.showKeys(v, status, p) })
	}
	err = v.Tell(web.Flash{Good: "This is your new API token. It is shown this once.", Secrets: []web.FlashSecret{{Label: p.Name, Value: token}}})
	if err != nil {
		return err
	}
	return web.RedirectTo("/settings/keys#tokens")
}

func (h handlers) revokeToken(v *web.Visit) error {
	if err := h.Members.RevokeToken(v.Context(), v.Me.ID, web.Number(v.Param("token"))); err != nil {
		return err
	}
	return v.SeeOther("/settings/keys#tokens", "The token is revoked.")
}
