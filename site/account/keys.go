package account

import (
	"github.com/caduceus-bio/caduceus/site/web"
)

func (h handlers) newPasskey(v *web.Visit) error {
	if _, err := h.Members.NewPasskey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings#passkey", "You have a new passkey. Download your .torrent files again: the old ones no longer announce.")
}

func (h handlers) newIRCKey(v *web.Visit) error {
	if _, err := h.Members.NewIRCKey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings#irc", "You have a new IRC key. Put it into your IRC client.")
}
