package account

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

func (h handlers) endSession(v *web.Visit) error {
	if err := h.Members.EndSessionByID(v.Context(), v.Me.ID, web.Number(v.Param("session"))); err != nil {
		return err
	}
	return v.SeeOther("/settings/security#sessions", "That browser is logged out.")
}
