package inbox

import (
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
)

// unsubscribePage asks whether a kind of letter is to be switched off, or says that it is.
type unsubscribePage struct {
	notify.Info
	Way   notify.Way
	Token string
	Done  bool
}

var unsubscribeView = web.NewView[unsubscribePage]("unsubscribe")

// ask shows what a link would switch off. Mail programs look at links by themselves, so
// looking changes nothing.
func (h handlers) ask(v *web.Visit) error {
	u, err := h.Notices.ReadToken(v.Param("token"))
	if err != nil {
		return err
	}
	return unsubscribeView.OK(v, unsubscribePage{Info: u.Info, Way: u.Way, Token: v.Param("token")})
}

// switchOff does what a link says. The answer is no redirect, which mail programs need
// not follow.
func (h handlers) switchOff(v *web.Visit) error {
	u, err := h.Notices.ReadToken(v.Param("token"))
	if err != nil {
		return err
	}
	if err := h.Notices.SwitchOff(v.Context(), u); err != nil {
		return err
	}
	return unsubscribeView.OK(v, unsubscribePage{Info: u.Info, Way: u.Way, Done: true})
}
