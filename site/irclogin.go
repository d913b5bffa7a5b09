package site

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// ircLoginPage is how a member logs in to IRC besides by the IRC key, and under
// which nicks.
type ircLoginPage struct {
	Certificates []member.Certificate
	Nicks        []member.Nick
	NickLimit    int
	Errors       formErrors
	Certificate  string // as typed
	Label        string
	Nick         string
}

// ourNetwork is a guard: on another network members log in as it demands.
func (s *server) ourNetwork(*visit) error {
	if s.IRC.Bot != "" {
		return core.Errorf(core.NotFound, "the IRC network of this site keeps its own accounts")
	}
	return nil
}

func (s *server) ircLogin(v *visit) error { return s.showIRCLogin(v, http.StatusOK, ircLoginPage{}) }

func (s *server) showIRCLogin(v *visit, status int, p ircLoginPage) error {
	var err error
	if p.Certificates, err = s.Members.Certificates(v, v.me.ID); err != nil {
		return err
	}
	if p.Nicks, err = s.Members.Nicks(v, v.me.ID); err != nil {
		return err
	}
	p.NickLimit = s.IRC.NickLimit
	return render(s, v, status, ircLoginView, p)
}

func (s *server) ircLoginAgain(v *visit, err error, p ircLoginPage) error {
	var ok bool
	if p.Errors, ok = mistakes(err); !ok {
		return err
	}
	return s.showIRCLogin(v, statusOf(err), p)
}

func (s *server) addCertificate(v *visit) error {
	p := ircLoginPage{Certificate: v.PostForm("certificate"), Label: v.PostForm("label")}
	if _, err := s.Members.AddCertificate(v, v.me.ID, p.Certificate, p.Label); err != nil {
		p.Certificate = "" // it may hold what must not be repeated
		return s.ircLoginAgain(v, err, p)
	}
	return s.seeOther(v, "/settings/irc", "You can log in to IRC with this certificate.")
}

func (s *server) removeCertificate(v *visit) error {
	if _, err := s.Members.RemoveCertificate(v, v.me.ID, v.Param("fingerprint")); err != nil {
		return err
	}
	return s.seeOther(v, "/settings/irc", "The certificate is removed, and connections by it end.")
}

func (s *server) addNick(v *visit) error {
	p := ircLoginPage{Nick: v.PostForm("nick")}
	if err := s.Members.AddNick(v, v.me.ID, p.Nick, s.IRC.NickLimit); err != nil {
		return s.ircLoginAgain(v, err, p)
	}
	return s.seeOther(v, "/settings/irc#nicks", "The nick "+p.Nick+" is yours.")
}

func (s *server) removeNick(v *visit) error {
	nick := v.Param("nick")
	if err := s.Members.RemoveNick(v, v.me.ID, nick); err != nil {
		return err
	}
	return s.seeOther(v, "/settings/irc#nicks", "The nick "+nick+" is free.")
}
