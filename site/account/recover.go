package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/site/web"
)

// How often links may be asked for: by one network, for one name or address, and by all.
var (
	fromNetwork = rates.Rate{N: 10, Per: time.Hour}
	forOne      = rates.Rate{N: 3, Per: time.Hour}
	byAll       = rates.Rate{N: 600, Per: time.Hour}
)

// limits are how often things may be asked for that cost others something.
type limits struct{ network, one, all, addresses *rates.Limit }

func newLimits(b *rates.Book) limits {
	return limits{network: b.Limit("links for a lost passphrase, by network", fromNetwork), one: b.Limit("links for a lost passphrase, for one account", forOne),
		all: b.Limit("links for a lost passphrase, altogether", byAll), addresses: b.Limit("letters to confirm an address", rates.Rate{N: 5, Per: 24 * time.Hour})}
}

// recoverPage is where somebody begins who has lost their passphrase.
type recoverPage struct {
	ByMail bool
	Sent   bool
	Who    string
	Code   codeForm
	Errors web.FormErrors
}

// codeForm is what was typed into the form for recovery codes; the code itself is kept from
// no page.
type codeForm struct {
	Name   string
	Errors web.FormErrors
}

var recoverView = web.NewView[recoverPage]("recover")

func (h handlers) recoverForm(v *web.Visit) error {
	return recoverView.OK(v, recoverPage{ByMail: h.Recovery.ByMail()})
}

// askRecovery leaves a request for a link. It says and does the same for every name and
// address, known or not.
func (h handlers) askRecovery(v *web.Visit) error {
	p := recoverPage{ByMail: h.Recovery.ByMail(), Who: strings.TrimSpace(v.Form("who"))}
	wrong := func(err error) error {
		var ok bool
		if p.Errors, ok = web.Mistakes(err); !ok {
			return err
		}
		return recoverView.Render(v, web.StatusOf(err), p)
	}
	who, err := h.Recovery.Typed(p.Who)
	if err != nil {
		return wrong(err)
	}
	for _, l := range []struct {
		limit *rates.Limit
		who   rates.Who
	}{{h.limits.network, rates.Who{By: rates.Network, Name: v.Address()}}, {h.limits.one, rates.Who{By: rates.Account, Name: who}}, {h.limits.all, rates.Who{By: rates.Network, Name: "everybody"}}} {
		if wait, _ := l.limit.Take(l.who); wait > 0 {
			return v.TooMany("recovery", wait, "too many links for lost passphrases were asked for")
		}
	}
	if err := h.Recovery.Ask(v.Context(), p.Who); err != nil {
		return wrong(err)
	}
	p.Sent = true
	return recoverView.OK(v, p)
}

// recoverByCode lets in whoever has a recovery code. Tries are counted with wrong passphrases.
func (h handlers) recoverByCode(v *web.Visit) error {
	p := recoverPage{ByMail: h.Recovery.ByMail(), Code: codeForm{Name: strings.TrimSpace(v.Form("name"))}}
	wrong := func(err error) error {
		var ok bool
		if p.Code.Errors, ok = web.Mistakes(err); !ok {
			return err
		}
		return recoverView.Render(v, web.StatusOf(err), p)
	}
	code, passphrase := v.Form("code"), v.Form("password")
	switch {
	case p.Code.Name == "":
		return wrong(core.FieldErrorf("name", "write your name on this site"))
	case strings.TrimSpace(code) == "":
		return wrong(core.FieldErrorf("code", "write one of your recovery codes"))
	case passphrase != v.Form("again"):
		return wrong(core.FieldErrorf("again", "this is not the same as the line above"))
	}
	err := h.Guard.Prove(v.Context(), guess.Try{Place: v.Address(), Account: p.Code.Name[:min(len(p.Code.Name), 64)]}, func(ctx context.Context) (bool, error) {
		_, err := h.Members.RecoverByCode(ctx, p.Code.Name, code, passphrase)
		return err == nil, err
	})
	var limited *guess.Limited
	switch {
	case errors.As(err, &limited):
		return v.TooMany("login", limited.Wait, "too many wrong passphrases and codes")
	case core.CodeOf(err) == core.Forbidden:
		return wrong(web.WithStatus(v.Note(err), &core.Error{Code: core.Invalid, Field: "code", Text: core.SafeText(err)}))
	case err != nil:
		return wrong(err)
	}
	return h.recovered(v)
}

// recovered tells somebody that they have a new passphrase, and where it is used.
func (h handlers) recovered(v *web.Visit) error {
	v.DropSession()
	return recoverLinkView.OK(v, linkPage{Done: true})
}

// linkPage is where somebody chooses a new passphrase by a link.
type linkPage struct {
	Name   string // of the account; "" where the link is no good
	Token  string
	Why    string // why it is no good
	Done   bool   // they have the new passphrase
	ByMail bool
	Errors web.FormErrors
}

var recoverLinkView = web.NewView[linkPage]("recover_link")

// recoverLink shows the form of a link. It uses nothing up: programs that look at mail
// follow every link.
func (h handlers) recoverLink(v *web.Visit) error {
	token := v.Param("token")
	m, err := h.Recovery.Look(v.Context(), token)
	if err != nil {
		return h.noLink(v, err)
	}
	return recoverLinkView.OK(v, linkPage{Name: m.Name, Token: token})
}

// noLink says why a link is no good, and what to do.
func (h handlers) noLink(v *web.Visit, err error) error {
	if code := core.CodeOf(err); code != core.NotFound && code != core.Conflict {
		return err
	}
	return recoverLinkView.Render(v, v.Note(err), linkPage{Why: core.Sentence(err), ByMail: h.Recovery.ByMail()})
}

// recoverByLink sets the passphrase that was chosen, and uses the link up.
func (h handlers) recoverByLink(v *web.Visit) error {
	p := linkPage{Token: v.Param("token")}
	m, err := h.Recovery.Look(v.Context(), p.Token)
	if err != nil {
		return h.noLink(v, err)
	}
	p.Name = m.Name
	if v.Form("password") != v.Form("again") {
		err = core.FieldErrorf("again", "this is not the same as the line above")
	} else {
		_, err = h.Recovery.ByLink(v.Context(), p.Token, v.Form("password"))
	}
	switch code := core.CodeOf(err); {
	case err == nil:
		return h.recovered(v)
	case code == core.NotFound || code == core.Conflict:
		return h.noLink(v, err)
	}
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	return recoverLinkView.Render(v, web.StatusOf(err), p)
}

// RecoveryCodes is how many codes a member gets, for the page.
func (recoverySettings) RecoveryCodes() int { return member.RecoveryCodes }
