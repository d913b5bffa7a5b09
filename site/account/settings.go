package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// settingsPage is what members keep in order themselves.
type settingsPage struct {
	Passkey  string
	Announce []string
	IRCKey   string
	MayIRC   bool
	AuthKey  string
	Tokens   []member.Token
	Sessions []member.Session
	Current  int64 // the session of this browser
	Errors   web.FormErrors
	Name     string // of a token, as typed
	Scope    string
}

var settingsView = web.NewView[settingsPage]("settings")

func (h handlers) settings(v *web.Visit) error {
	return h.showSettings(v, http.StatusOK, settingsPage{})
}

func (h handlers) showSettings(v *web.Visit, status int, p settingsPage) error {
	id := v.Me.ID
	var err error
	if p.Passkey, err = h.Members.Passkey(v.Context(), id); err != nil {
		return err
	}
	if p.IRCKey, err = h.Members.IRCKey(v.Context(), id); err != nil {
		return err
	}
	if p.AuthKey, err = h.Members.AuthKey(v.Context(), id); err != nil {
		return err
	}
	if p.Tokens, err = h.Members.Tokens(v.Context(), id); err != nil {
		return err
	}
	if p.Sessions, err = h.Members.Sessions(v.Context(), id); err != nil {
		return err
	}
	p.Announce, p.Current, p.MayIRC = h.Trackers.For(p.Passkey), v.Session.ID, v.Me.Can(core.IRCConnect)
	return settingsView.Render(v, status, p)
}

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

func (h handlers) settingsAgain(v *web.Visit, err error, p settingsPage) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	return h.showSettings(v, web.StatusOf(err), p)
}

func (h handlers) newToken(v *web.Visit) error {
	p := settingsPage{Name: v.Form("name"), Scope: v.Form("scope")}
	token, err := h.Members.NewToken(v.Context(), v.Me.ID, p.Name, member.Scope(p.Scope))
	if err != nil {
		return h.settingsAgain(v, err, p)
	}
	err = v.Tell(web.Flash{Good: "This is your new API token. It is shown this once.", Secrets: []web.FlashSecret{{Label: p.Name, Value: token}}})
	if err != nil {
		return err
	}
	return web.RedirectTo("/settings#tokens")
}

func (h handlers) revokeToken(v *web.Visit) error {
	if err := h.Members.RevokeToken(v.Context(), v.Me.ID, web.Number(v.Param("token"))); err != nil {
		return err
	}
	return v.SeeOther("/settings#tokens", "The token is revoked.")
}

func (h handlers) endSession(v *web.Visit) error {
	if err := h.Members.EndSessionByID(v.Context(), v.Me.ID, web.Number(v.Param("session"))); err != nil {
		return err
	}
	return v.SeeOther("/settings#sessions", "That browser is logged out.")
}
