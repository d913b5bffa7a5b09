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

func (h handlers) settingsAgain(v *web.Visit, err error, p settingsPage) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	return h.showSettings(v, web.StatusOf(err), p)
}
