package account

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// act is something on the settings pages that can't be taken back. Its form says first
// what stops working, and does it once that is answered.
type act struct {
	title  string // a question
	button string
	back   string                               // the page with the form
	breaks func(v *web.Visit) ([]string, error) // what stops working, a sentence each
	do     web.Handler
}

const (
	sureField = "sure"
	sureYes   = "yes"
)

// asked is the handler of an act.
func asked(a act) web.Handler {
	return func(v *web.Visit) error {
		if v.Form(sureField) == sureYes {
			return a.do(v)
		}
		breaks, err := a.breaks(v)
		if err != nil {
			return err
		}
		known := url.Values{}
		maps.Copy(known, v.Request.PostForm)
		known.Set(sureField, sureYes)
		return web.Confirm(v, part.Confirm{Title: a.title, Preview: breaks, Action: v.Request.URL.Path, Button: a.button, Known: known, Back: a.back})
	}
}

// says is for acts that break always the same.
func says(lines ...string) func(*web.Visit) ([]string, error) {
	return func(*web.Visit) ([]string, error) { return lines, nil }
}

func (h handlers) askAnnounceKey() act {
	return act{title: "Make a new announce key?", button: "Make a new one", back: "/settings/keys#announce-key", do: h.newAnnounceKey,
		breaks: says("The old announce key ends at once, and with it every .torrent that you have downloaded here and every download link: your clients stop announcing.",
			"Download each .torrent again and put it into your clients, and give the new links to the programs that download for you.")}
}

func (h handlers) askIRCKey() act {
	return act{title: "Make a new IRC key?", button: "Make a new one", back: "/settings/irc#irc-key", do: h.newIRCKey,
		breaks: says("Every connection of yours to IRC ends at once, those of bots and bouncers too, and none can log in again until it has the new key.")}
}

func (h handlers) askToken() act {
	return act{title: "Revoke this API token?", button: "Revoke it", back: "/settings/keys#tokens", do: h.revokeToken,
		breaks: func(v *web.Visit) ([]string, error) {
			list, err := h.Members.Tokens(v.Context(), v.Me.ID)
			i := slices.IndexFunc(list, func(t member.Token) bool { return t.ID == web.Number(v.Param("token")) })
			if err == nil && i < 0 {
				err = web.NotFound("you have no such token; it may have been revoked already")
			}
			if err != nil {
				return nil, err
			}
			return []string{fmt.Sprintf("The program that uses the token %s is refused from now on. The token can't be brought back: you would have to make a new one.", list[i].Name)}, nil
		}}
}

func (h handlers) askSession() act {
	return act{title: "Log out this browser?", button: "Log it out", back: "/settings/security#sessions", do: h.endSession,
		breaks: func(v *web.Visit) ([]string, error) {
			list, err := h.Members.Sessions(v.Context(), v.Me.ID)
			i := slices.IndexFunc(list, func(s member.Session) bool { return s.ID == web.Number(v.Param("session")) })
			if err == nil && i < 0 {
				err = web.NotFound("there is no such browser; it may have been logged out already")
			}
			if err != nil {
				return nil, err
			}
			return []string{fmt.Sprintf("It is %s. Whoever uses it must log in again with your name and passphrase, and loses what they have not sent.", deviceName(list[i].Agent))}, nil
		}}
}

func (h handlers) askCertificate() act {
	return act{title: "Remove this certificate?", button: "Remove it", back: "/settings/irc", do: h.removeCertificate,
		breaks: func(v *web.Visit) ([]string, error) {
			list, err := h.Members.Certificates(v.Context(), v.Me.ID)
			i := slices.IndexFunc(list, func(c member.Certificate) bool { return c.Fingerprint == v.Param("fingerprint") })
			if err == nil && i < 0 {
				err = web.NotFound("you have no such certificate")
			}
			if err != nil {
				return nil, err
			}
			return []string{fmt.Sprintf("Connections to IRC that were made with the certificate %s %s end at once, and none can log in by it any more.", list[i].Fingerprint, list[i].Label)}, nil
		}}
}

func (h handlers) askNick() act {
	return act{title: "Give up this nick?", button: "Give it up", back: "/settings/irc#nicks", do: h.removeNick,
		breaks: func(v *web.Visit) ([]string, error) {
			return []string{fmt.Sprintf("Anybody else may register the nick %s from now on. If you use it at the moment, you are called %s again.", v.Param("nick"), v.Me.Name)}, nil
		}}
}

func (h handlers) askEnd() act {
	return act{title: "End these?", button: "End them", back: "/settings/security#end", do: h.endWays,
		breaks: func(v *web.Visit) ([]string, error) {
			held, err := h.chosen(v)
			if err != nil {
				return nil, err
			}
			return slices.Concat([]string{"These end at once, wherever they are used:"}, held.Words()), nil
		}}
}

// waysOf reads what is ticked.
func waysOf(v *web.Visit) member.Ways {
	return member.Ways{Sessions: v.Ticked("sessions"), Tokens: v.Ticked("tokens"), IRCKey: v.Ticked("irckey"),
		Certificates: v.Ticked("certificates"), AnnounceKey: v.Ticked("announcekey")}
}

// chosen is what the visitor has of what is ticked, besides this browser.
func (h handlers) chosen(v *web.Visit) (member.Held, error) {
	held, err := h.Members.Holds(v.Context(), v.Me.ID, waysOf(v), v.Session.ID)
	if err == nil && len(held.Words()) == 0 {
		err = core.Errorf(core.Invalid, "there is nothing of that to end; tick what you want to end")
	}
	return held, err
}

// endWays ends what is ticked, apart from this browser.
func (h handlers) endWays(v *web.Visit) error {
	if _, err := h.chosen(v); err != nil {
		return err
	}
	held, err := h.Members.End(v.Context(), v.Me.ID, waysOf(v), v.Session.ID)
	if err != nil {
		return err
	}
	return v.SeeOther("/settings/security#end", "Ended: "+strings.Join(held.Words(), "; ")+".")
}
