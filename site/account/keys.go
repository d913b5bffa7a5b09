package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// keysPage holds the announce key and the tokens of programs.
type keysPage struct {
	settings
	AnnounceKey string
	Announce    []string
	LinkKey     string
	Tokens      []member.Token
	Name        string // of a token, as typed
	Scope       string
}

var keysView = web.NewView[keysPage]("keys")

func (h handlers) keys(v *web.Visit) error {
	return h.showKeys(v, http.StatusOK, keysPage{settings: settingsOf(v, keysSection)})
}

func (h handlers) showKeys(v *web.Visit, status int, p keysPage) error {
	var err error
	if p.AnnounceKey, err = h.Members.Passkey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.LinkKey, err = h.Members.AuthKey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.Tokens, err = h.Members.Tokens(v.Context(), v.Me.ID); err != nil {
		return err
	}
	p.Announce = h.Trackers.For(p.AnnounceKey)
	return keysView.Render(v, status, p)
}

func (h handlers) newPasskey(v *web.Visit) error {
	if _, err := h.Members.NewPasskey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings/keys#announce-key", "You have a new announce key. Download your .torrent files again: the old ones no longer announce.")
}

func (h handlers) newIRCKey(v *web.Visit) error {
	if _, err := h.Members.NewIRCKey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings/irc#irc-key", "You have a new IRC key. Put it into your IRC client.")
}
