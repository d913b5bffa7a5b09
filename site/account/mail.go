package account

import (
	"errors"
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/recovery"
	"github.com/caduceus-bio/caduceus/site/web"
)

// recoverySettings is how the visitor gets back in: their mail address and their codes.
type recoverySettings struct {
	settings
	ByMail   bool
	Mail     member.Email
	Until    time.Time // until when the new address can be confirmed
	Over     bool      // it is too late for that
	Typed    string
	Left     int
	Made     time.Time
	CodesBad string   // what is wrong with the form for codes
	Codes    []string // shown this once
}

var recoverySettingsView = web.NewView[recoverySettings]("settings_recovery")

func (h handlers) recoverySettings(v *web.Visit) error {
	return h.showRecovery(v, http.StatusOK, recoverySettings{settings: settingsOf(v, recoverySection)})
}

func (h handlers) showRecovery(v *web.Visit, status int, p recoverySettings) (err error) {
	p.ByMail = h.Recovery.ByMail()
	if p.Mail, err = h.Members.Email(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.Left, p.Made, err = h.Members.RecoveryCodesLeft(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.Mail.New != "" {
		p.Until = p.Mail.NewAt.Add(recovery.ConfirmTime)
		p.Over = !core.Lasts(h.Clock(), p.Until, recovery.ConfirmTime)
	}
	if p.Typed == "" && p.Mail.New == "" && p.Mail.ConfirmedAt.IsZero() {
		p.Typed = p.Mail.Address
	}
	return recoverySettingsView.Render(v, status, p)
}

// setMail takes an address that the visitor gives. It asks for the passphrase: with the
// address one can get into the account.
func (h handlers) setMail(v *web.Visit) error {
	p := recoverySettings{settings: settingsOf(v, recoverySection), Typed: v.Form("email")}
	err := h.presentPassphrase(v)
	if err == nil {
		if wait, _ := h.limits.addresses.Take(rates.Who{By: rates.Account, Name: v.Me.Name}); wait > 0 {
			return v.TooMany("addresses", wait, "you have asked for many letters")
		}
		err = h.mailAllowed(p.Typed)
	}
	if err == nil {
		err = h.Recovery.AskEmail(v.Context(), v.Me.ID, p.Typed)
	}
	if err != nil {
		return again(err, &p.settings, func(status int) error { return h.showRecovery(v, status, p) })
	}
	return v.SeeOther("/settings/recovery", "A letter is on its way to the address. Follow the link in it, and the address is yours here.")
}

// mailAllowed refuses addresses that staff have banned.
func (h handlers) mailAllowed(address string) error {
	if b, banned := h.Bans.Set().Mail(address, h.Clock()); banned {
		return core.FieldErrorf("email", "addresses like this one are not taken here: %s", b.Reason)
	}
	return nil
}

// presentPassphrase makes sure that it is the visitor who asks: a browser left open is not
// enough.
func (h handlers) presentPassphrase(v *web.Visit) error {
	_, err := h.prove(v, v.Me.Name, v.Form("current"))
	if core.CodeOf(err) == core.Forbidden {
		return core.FieldErrorf("current", "this is not your present passphrase")
	}
	return err
}

// newCodes makes new recovery codes and shows them this once.
func (h handlers) newCodes(v *web.Visit) error {
	p := recoverySettings{settings: settingsOf(v, recoverySection)}
	err := h.presentPassphrase(v)
	if err == nil {
		p.Codes, err = h.Members.NewRecoveryCodes(v.Context(), v.Me.ID)
	}
	var e *core.Error
	if errors.As(err, &e) && e.Field == "current" {
		p.CodesBad = e.Text
		return h.showRecovery(v, http.StatusUnprocessableEntity, p)
	}
	if err != nil {
		return err
	}
	return h.showRecovery(v, http.StatusOK, p)
}

// confirmPage is where somebody confirms their address by a link.
type confirmPage struct {
	Name    string // of the account; "" where the link is no good
	Address string
	Token   string
	Why     string // why it is no good
	Done    bool
}

var confirmMailView = web.NewView[confirmPage]("confirm_mail")

// confirmLink shows what a link confirms, and confirms nothing.
func (h handlers) confirmLink(v *web.Visit) error {
	p := confirmPage{Token: v.Param("token")}
	m, address, err := h.Recovery.LookConfirm(v.Context(), p.Token)
	if err != nil {
		return h.noConfirmation(v, err)
	}
	p.Name, p.Address = m.Name, address
	return confirmMailView.OK(v, p)
}

func (h handlers) confirmByLink(v *web.Visit) error {
	id, err := h.Recovery.Confirm(v.Context(), v.Param("token"))
	if err != nil {
		return h.noConfirmation(v, err)
	}
	if v.Me.ID == id {
		return v.SeeOther("/settings/recovery", "Your address is confirmed.")
	}
	return confirmMailView.OK(v, confirmPage{Done: true})
}

func (h handlers) noConfirmation(v *web.Visit, err error) error {
	if code := core.CodeOf(err); code != core.NotFound && code != core.Conflict {
		return err
	}
	return confirmMailView.Render(v, v.Note(err), confirmPage{Why: core.Sentence(err)})
}

// toRecovery is where the address is looked for by its name.
func toRecovery(*web.Visit) error { return web.RedirectTo("/settings/recovery#mail") }
