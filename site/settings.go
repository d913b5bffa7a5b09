package site

import (
	"fmt"
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
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
	Errors   formErrors
	Name     string // of a token, as typed
	Scope    string
}

func (s *server) settings(v *visit) error { return s.showSettings(v, http.StatusOK, settingsPage{}) }

func (s *server) showSettings(v *visit, status int, p settingsPage) error {
	id := v.me.ID
	var err error
	if p.Passkey, err = s.Members.Passkey(v, id); err != nil {
		return err
	}
	if p.IRCKey, err = s.Members.IRCKey(v, id); err != nil {
		return err
	}
	if p.AuthKey, err = s.Members.AuthKey(v, id); err != nil {
		return err
	}
	if p.Tokens, err = s.Members.Tokens(v, id); err != nil {
		return err
	}
	if p.Sessions, err = s.Members.Sessions(v, id); err != nil {
		return err
	}
	p.Announce, p.Current, p.MayIRC = s.announceURLs(p.Passkey), v.session.ID, v.me.Can(core.IRCConnect)
	return render(s, v, status, settingsView, p)
}

func (s *server) newPasskey(v *visit) error {
	if _, err := s.Members.NewPasskey(v, v.me.ID); err != nil {
		return err
	}
	return s.seeOther(v, "/settings#passkey", "You have a new passkey. Download your .torrent files again: the old ones no longer announce.")
}

func (s *server) newIRCKey(v *visit) error {
	if _, err := s.Members.NewIRCKey(v, v.me.ID); err != nil {
		return err
	}
	return s.seeOther(v, "/settings#irc", "You have a new IRC key. Put it into your IRC client.")
}

// setPassphrase asks for the present one, so that a browser left open is not
// enough. It ends all sessions and starts a new one here.
func (s *server) setPassphrase(v *visit) error {
	_, err := s.prove(v, v.me.Name, v.PostForm("current"))
	if core.CodeOf(err) == core.Forbidden {
		return s.settingsAgain(v, core.FieldErrorf("current", "this is not your present passphrase"), settingsPage{})
	}
	if err != nil {
		return err
	}
	fresh := v.PostForm("password")
	if fresh != v.PostForm("again") {
		return s.settingsAgain(v, core.FieldErrorf("again", "this is not the same as the line above"), settingsPage{})
	}
	if err := s.Members.SetPassword(v, v.me.ID, fresh); err != nil {
		return s.settingsAgain(v, err, settingsPage{})
	}
	token, err := s.Members.NewSession(v, v.me.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	s.setCookie(v, sessionCookie, token, sessionAge)
	if _, v.session, err = s.Members.BySession(v, token); err != nil {
		return err
	}
	return s.seeOther(v, "/settings#passphrase", "Your passphrase is changed, and every other browser is logged out.")
}

func (s *server) settingsAgain(v *visit, err error, p settingsPage) error {
	var ok bool
	if p.Errors, ok = mistakes(err); !ok {
		return err
	}
	return s.showSettings(v, statusOf(err), p)
}

func (s *server) newToken(v *visit) error {
	p := settingsPage{Name: v.PostForm("name"), Scope: v.PostForm("scope")}
	token, err := s.Members.NewToken(v, v.me.ID, p.Name, member.Scope(p.Scope))
	if err != nil {
		return s.settingsAgain(v, err, p)
	}
	err = s.tell(v, flash{Good: "This is your new API token. It is shown this once.", Secrets: []flashSecret{{Label: p.Name, Value: token}}})
	if err != nil {
		return err
	}
	return redirectTo("/settings#tokens")
}

func (s *server) revokeToken(v *visit) error {
	if err := s.Members.RevokeToken(v, v.me.ID, number(v.Param("token"))); err != nil {
		return err
	}
	return s.seeOther(v, "/settings#tokens", "The token is revoked.")
}

func (s *server) endSession(v *visit) error {
	if err := s.Members.EndSessionByID(v, v.me.ID, number(v.Param("session"))); err != nil {
		return err
	}
	return s.seeOther(v, "/settings#sessions", "That browser is logged out.")
}

func tokenKey(t member.Token) string { return fmt.Sprintf("token %d", t.ID) }
