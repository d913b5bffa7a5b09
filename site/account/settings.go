package account

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// section is one of the settings' pages.
type section string

// The sections, by their addresses below /settings.
const (
	accountSection    section = ""
	securitySection   section = "security"
	recoverySection   section = "recovery"
	keysSection       section = "keys"
	ircSection        section = "irc"
	appearanceSection section = "appearance"
	noticesSection    section = "notifications"
	privacySection    section = "privacy"
	invitesSection    section = "invites"
)

// settings is what the settings' pages share.
type settings struct {
	Section section
	MayIRC  bool
	Invites bool // there is something to say about invites
	Errors  web.FormErrors
}

func settingsOf(v *web.Visit, s section) settings {
	_, withheld := v.Me.Withheld(core.InviteSend)
	return settings{Section: s, MayIRC: v.Me.Can(core.IRCConnect), Invites: withheld || v.Me.Can(core.InviteSend) || s == invitesSection}
}

// accountPage is the account itself, and its passphrase.
type accountPage struct{ settings }

var settingsView = web.NewView[accountPage]("settings")

func (h handlers) settings(v *web.Visit) error {
	return settingsView.OK(v, accountPage{settingsOf(v, accountSection)})
}

// accountAgain shows the account with what is wrong in its form.
func (h handlers) accountAgain(v *web.Visit, err error) error {
	p := accountPage{settingsOf(v, accountSection)}
	return again(err, &p.settings, func(status int) error { return settingsView.Render(v, status, p) })
}

// again shows a page of the settings once more with what is wrong in a form. An error
// that is none of the form's is returned.
func again(err error, s *settings, show func(status int) error) error {
	var ok bool
	if s.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	return show(web.StatusOf(err))
}
