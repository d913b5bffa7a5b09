package account

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
)

// joinPage offers to join, or says how one can.
type joinPage struct {
	Site    string
	Open    bool   // there is a form
	Says    string // why there is none
	Apply   bool   // one can apply instead
	Door    invite.Door
	Address string // where the form goes to
	Stamp   string
	Trap    string // the name of the field that people don't see
	Name    string
	Email   string
	Accepts bool
	Errors  web.FormErrors
}

// MailRequired reports whether a mail address must be given.
func (p joinPage) MailRequired() bool { return p.Door.Mail == setting.MailRequired }

var joinView = web.NewView[joinPage]("join")

// joinForm shows the form of a link, or of a site that anybody may join. It uses nothing up.
func (h handlers) joinForm(v *web.Visit) error {
	p, err := h.joinPage(v)
	if err != nil {
		return err
	}
	token := v.Param("token")
	if token != "" && p.Open {
		_, mail, err := h.Invites.Look(v.Context(), invite.Ticket(token), v.Address())
		if err != nil {
			return h.noEntry(v, p, err)
		}
		p.Email = mail
	}
	return joinView.OK(v, p)
}

// joinPage is the page as the door stands now.
func (h handlers) joinPage(v *web.Visit) (joinPage, error) {
	door, err := h.Invites.Door(v.Context())
	if err != nil {
		return joinPage{}, err
	}
	token := v.Param("token")
	p := joinPage{Site: h.Site, Door: door, Address: invite.JoinPath, Stamp: h.stamp(v), Trap: invite.TrapField}
	if token != "" {
		p.Address = invite.Address(token)
	}
	switch {
	case v.In():
		p.Says = "You are a member already. Log out first if this link is for somebody else who sits here."
	case door.Mode == setting.ModeClosed:
		p.Says = "Nobody can join now: registration is closed. A link that you have stays good until it expires."
	case door.Full:
		p.Says = "The site is full for now. A link that you have stays good until it expires."
	case token == "" && door.Mode == setting.ModeApplication:
		p.Says, p.Apply = "People join here by an application, which staff read, or by the invite of a member.", true
	case token == "" && door.Mode != setting.ModeOpen:
		p.Says = "People join by invitation here. Ask a member for a link, and open it in this browser."
	default:
		p.Open = true
	}
	return p, nil
}

// noEntry shows why a link lets nobody in.
func (h handlers) noEntry(v *web.Visit, p joinPage, err error) error {
	if core.CodeOf(err) == core.Internal {
		return err
	}
	p.Open, p.Says, p.Apply = false, core.Sentence(err), p.Door.Mode == setting.ModeApplication
	return joinView.Render(v, v.Note(err), p)
}

// join makes the account.
func (h handlers) join(v *web.Visit) error {
	p, err := h.joinPage(v)
	if err != nil {
		return err
	}
	p.Name, p.Email, p.Accepts = strings.TrimSpace(v.Form("name")), strings.TrimSpace(v.Form("email")), v.Ticked("rules")
	if !p.Open {
		return joinView.Render(v, http.StatusForbidden, p)
	}
	if v.Form("password") != v.Form("again") {
		return h.joinAgain(v, p, core.FieldErrorf("again", "this is not the same as the line above"))
	}
	revision, err := strconv.ParseInt(v.Form("revision"), 10, 64)
	if err != nil {
		revision = -1 // of no rules: they are shown again
	}
	made, err := h.Invites.Join(v.Context(), invite.Ticket(v.Param("token")), invite.Form{Name: p.Name, Password: v.Form("password"), Email: p.Email,
		Rules: revision, Accepts: p.Accepts, Human: invite.Human{Trap: v.Form(p.Trap), Stamp: v.Form("stamp")}, Place: v.Address()})
	if err != nil {
		return h.joinAgain(v, p, err)
	}
	if err := h.Members.SetMark(v.Context(), made.Member.ID, member.RulesRead); err != nil {
		v.Note(err) // the first steps ask them to read the rules once more, then
	}
	token, err := h.Members.NewSession(v.Context(), made.Member.ID, v.Request.UserAgent())
	if err != nil {
		return err
	}
	if err := h.begin(v, token); err != nil {
		return err
	}
	w := welcomePage{Site: h.Site, Email: made.Email, Confirm: made.Confirm}
	if made.Proven {
		if _, err = h.Members.AskEmail(v.Context(), made.Member.ID, made.Email); err == nil {
			err = h.Members.ConfirmEmail(v.Context(), made.Member.ID, made.Email)
		}
	} else if made.Email != "" && (made.Confirm || h.Recovery.ByMail()) {
		err = h.Recovery.AskEmail(v.Context(), made.Member.ID, made.Email)
		w.Asked = err == nil
	}
	if err != nil { // the account is there all the same, and the address can be given again
		v.Note(err)
		w.MailFailed = true
	}
	return h.welcome(v, made.Member, w)
}

// welcomePage is what somebody sees who has just joined, and never again.
type welcomePage struct {
	Site       string
	Codes      []string // of recovery; none where they could not be made
	Email      string
	Asked      bool // a letter with a link is on its way to the address
	Confirm    bool // nothing else can be done before that link is followed
	MailFailed bool // the address could not be taken
}

var welcomeView = web.NewView[welcomePage]("welcome")

// welcome shows a newcomer their recovery codes, as the answer to the form itself: so they
// travel once, and lie nowhere.
func (h handlers) welcome(v *web.Visit, m member.Member, p welcomePage) error {
	var err error
	if p.Codes, err = h.Members.NewRecoveryCodes(v.Context(), m.ID); err != nil {
		v.Note(err)
	}
	v.Me = m
	return welcomeView.OK(v, p)
}

// joinAgain shows the form with what is wrong in it. A link that is not good any more has no
// form.
func (h handlers) joinAgain(v *web.Visit, p joinPage, err error) error {
	list, isForm := web.Mistakes(err)
	var limited *guess.Limited
	switch code := core.CodeOf(err); {
	case isForm && (code != core.Conflict || core.FieldOf(err) != ""): // the link itself can have been used meanwhile
		p.Errors = list
		if p.Errors.For("rules") != "" {
			p.Accepts = false
		}
		return joinView.Render(v, http.StatusUnprocessableEntity, p)
	case errors.As(err, &limited), code == core.Unavailable:
		p.Errors = web.FormErrors{{Text: core.Sentence(err)}}
		return joinView.Render(v, v.Note(err), p)
	}
	return h.noEntry(v, p, err)
}
