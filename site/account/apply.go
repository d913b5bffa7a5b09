package account

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// applyPage is the form of applicants, or says why there is none.
type applyPage struct {
	Site   string
	Open   bool
	Says   string // why there is no form
	Ways   []part.Link
	Door   invite.Door
	ByMail bool // the site sends letters
	Stamp  string
	Trap   string
	Name   string
	Email  string
	Asked  []web.Field // the questions
	Text   string      // what is wrong that concerns no field
	Errors web.FormErrors

	questions []invite.Question
}

// MailRequired reports whether a mail address must be given.
func (p applyPage) MailRequired() bool { return p.Door.Mail == setting.MailRequired }

var applyView = web.NewView[applyPage]("apply")

// applyForm shows what applicants are asked.
func (h handlers) applyForm(v *web.Visit) error {
	p, err := h.applyPage(v)
	if err != nil {
		return err
	}
	return applyView.OK(v, p.draw(nil))
}

// applyPage is the page as the door stands now.
func (h handlers) applyPage(v *web.Visit) (p applyPage, err error) {
	p = applyPage{Site: h.Site, ByMail: h.Recovery.ByMail(), Stamp: h.stamp(v), Trap: invite.TrapField}
	if p.Door, err = h.Invites.Door(v.Context()); err != nil {
		return p, err
	}
	follow := part.Link{Text: "Follow an application", Address: invite.StatePath}
	switch mode := p.Door.Mode; {
	case v.In():
		p.Says, p.Ways = "You are a member already.", []part.Link{{Text: "To the front page", Address: "/"}}
	case mode == setting.ModeApplication:
		p.Open = true
		p.questions, err = h.Invites.Questions(v.Context())
	case mode == setting.ModeOpen:
		p.Says, p.Ways = "Nobody needs to apply here: anybody may join.", []part.Link{{Text: "Join", Address: invite.JoinPath}}
	case mode == setting.ModeClosed:
		p.Says, p.Ways = "No applications are taken now: registration is closed.", []part.Link{follow}
	default:
		p.Says, p.Ways = "No applications are taken now: people join by the invite of a member.", []part.Link{follow}
	}
	return p, err
}

// stamp is the signed time of a form. One that comes back with a mistake keeps its own, so
// that nobody waits who mends it quickly.
func (h handlers) stamp(v *web.Visit) string {
	now := h.Clock()
	if old := v.Form("stamp"); old != "" && h.Invites.Stamps().Check(old, now) == nil {
		return old
	}
	return h.Invites.Stamps().Stamp(now)
}

// draw fills in the fields of the questions.
func (p applyPage) draw(answers map[int64]string) applyPage {
	for i, q := range p.questions {
		f := web.Field{Name: q.Field(), Label: fmt.Sprintf("%d. %s", i+1, q.Text), Value: answers[q.ID], Error: p.Errors.For(q.Field()), Rows: 4, Max: invite.MaxAnswer, Required: !q.Optional}
		p.Asked = append(p.Asked, f)
	}
	return p
}

// apply takes an application. What is typed is kept until it is in order.
func (h handlers) apply(v *web.Visit) error {
	p, err := h.applyPage(v)
	if err != nil {
		return err
	}
	if !p.Open {
		return applyView.Render(v, http.StatusForbidden, p)
	}
	p.Name, p.Email = strings.TrimSpace(v.Form("name")), strings.TrimSpace(v.Form("email"))
	answers := map[int64]string{}
	for _, q := range p.questions {
		answers[q.ID] = v.Form(q.Field())
	}
	_, code, err := h.Invites.Apply(v.Context(), invite.ApplyForm{Name: p.Name, Email: p.Email, Answers: answers,
		Human: invite.Human{Trap: v.Form(p.Trap), Stamp: v.Form("stamp")}, Place: v.Address()})
	if err == nil {
		return web.RedirectTo(invite.StatePath + "/" + code)
	}
	if list, isForm := web.Mistakes(err); isForm {
		p.Errors = list
		return applyView.Render(v, http.StatusUnprocessableEntity, p.draw(answers))
	}
	if c := core.CodeOf(err); c != core.Unavailable && c != core.Forbidden {
		return err
	}
	p.Text = core.Sentence(err)
	return applyView.Render(v, v.Note(err), p.draw(answers))
}

// statePage is where an applicant follows theirs; without an application it asks for the code.
type statePage struct {
	invite.Followed
	Code    string
	Steps   part.Steps
	Again   bool // they may apply once more now
	Applies bool // the site takes applications
	ByMail  bool
	Errors  web.FormErrors
}

// Has reports whether there is an application to show.
func (p statePage) Has() bool { return p.ID != 0 }

// JoinAddress is where the invite lets them in.
func (p statePage) JoinAddress() string { return invite.Address(p.Token) }

var stateView = web.NewView[statePage]("application")

// stateForm asks for the code.
func (h handlers) stateForm(v *web.Visit) error {
	p, err := h.statePage(v)
	if err != nil {
		return err
	}
	return stateView.OK(v, p)
}

// statePage is the page without an application.
func (h handlers) statePage(v *web.Visit) (statePage, error) {
	door, err := h.Invites.Door(v.Context())
	return statePage{Applies: door.Mode == setting.ModeApplication, ByMail: h.Recovery.ByMail()}, err
}

// findState leads to the application of the code that was typed.
func (h handlers) findState(v *web.Visit) error {
	code := strings.TrimSpace(v.Form("code"))
	if _, err := h.follow(v, code); err != nil {
		return h.noApplication(v, err)
	}
	return web.RedirectTo(invite.StatePath + "/" + code)
}

func (h handlers) follow(v *web.Visit, code string) (invite.Followed, error) {
	if err := invite.CheckCode(code); err != nil {
		return invite.Followed{}, err
	}
	return h.Invites.Follow(v.Context(), code, v.Address())
}

// noApplication asks for the code once more. The code itself is not shown again.
func (h handlers) noApplication(v *web.Visit, err error) error {
	var limited *guess.Limited
	if errors.As(err, &limited) {
		return v.TooMany("login", limited.Wait, "too many codes and links that there are not were tried from your address")
	}
	code := core.CodeOf(err)
	if code != core.Invalid && code != core.NotFound {
		return err
	}
	p, perr := h.statePage(v)
	if perr != nil {
		return perr
	}
	p.Errors = web.FormErrors{{Field: "code", Text: core.Sentence(err)}}
	return stateView.Render(v, v.Note(err), p)
}

// state shows how far an application is.
func (h handlers) state(v *web.Visit) error {
	f, err := h.follow(v, v.Param("token"))
	if err != nil {
		return h.noApplication(v, err)
	}
	p, err := h.statePage(v)
	if err != nil {
		return err
	}
	p.Followed, p.Code = f, v.Param("token")
	p.Steps = part.Steps{Names: []string{"Received", "Staff look at it", "Decided"}, Now: 1}
	if f.Stage == invite.Passed || f.Stage == invite.Refused {
		p.Steps.Now = 3
	}
	over := f.WaitUntil.IsZero() || !h.Clock().Before(f.WaitUntil)
	p.Again = p.Applies && (f.Stage == invite.Withdrawn || f.Stage == invite.Refused && over || f.Stage == invite.Passed && (f.Link == invite.Expired || f.Link == invite.Revoked))
	return stateView.OK(v, p)
}

// withdraw ends an application for the applicant, once they are sure.
func (h handlers) withdraw(v *web.Visit) error {
	code := v.Param("token")
	back := invite.StatePath + "/" + code
	f, err := h.follow(v, code)
	if err != nil {
		return h.noApplication(v, err)
	}
	if !f.Stage.Waits() {
		return web.RedirectTo(back) // the page says what came of it
	}
	if v.Form(sureField) != sureYes {
		return web.Confirm(v, part.Confirm{Title: "Withdraw your application?", Preview: []string{"Nobody looks at it any more, and your place in the queue is gone. You can apply again at any time."},
			Action: back + "/withdraw", Button: "Withdraw it", Known: map[string][]string{sureField: {sureYes}}, Back: back})
	}
	if _, err := h.Invites.Withdraw(v.Context(), code, v.Address()); err != nil && core.CodeOf(err) != core.Conflict {
		return err
	}
	return web.RedirectTo(back)
}
