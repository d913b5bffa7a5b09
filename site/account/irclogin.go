package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
	"github.com/caduceus-bio/caduceus/site/web/recipe"
)

// ircLoginPage is how a member logs in to IRC: by the IRC key, and where the network is
// our own by certificates, and under which nicks.
type ircLoginPage struct {
	settings
	Network      recipe.Network
	Key          part.Key
	Certificates []member.Certificate
	Nicks        []member.Nick
	NickLimit    int
	Certificate  string // as typed
	Label        string
	Nick         string
}

var ircLoginView = web.NewView[ircLoginPage]("irc_login")

// ourNetwork is a guard: on another network members log in as it demands.
func ourNetwork(info web.IRCInfo) web.Guard {
	return web.Guard{Words: "the IRC network is our own", Check: func(*web.Visit) error {
		if info.Bot != "" {
			return core.Errorf(core.NotFound, "the IRC network of this site keeps its own accounts")
		}
		return nil
	}}
}

func (h handlers) ircLogin(v *web.Visit) error {
	return h.showIRCLogin(v, http.StatusOK, ircLoginPage{settings: settingsOf(v, ircSection)})
}

func (h handlers) showIRCLogin(v *web.Visit, status int, p ircLoginPage) error {
	var err error
	if p.Network, err = recipe.Of(v.Context(), h.IRC, h.Site, v.Me.Name); err != nil {
		return err
	}
	p.NickLimit = h.IRC.NickLimit
	if p.Key, err = h.ircKey(v); err != nil {
		return err
	}
	if !p.Network.Own() {
		return ircLoginView.Render(v, status, p)
	}
	if p.Certificates, err = h.Members.Certificates(v.Context(), v.Me.ID); err != nil {
		return err
	}
	if p.Nicks, err = h.Members.Nicks(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return ircLoginView.Render(v, status, p)
}

func (h handlers) ircLoginAgain(v *web.Visit, err error, p ircLoginPage) error {
	p.settings = settingsOf(v, ircSection)
	return again(err, &p.settings, func(status int) error { return h.showIRCLogin(v, status, p) })
}
