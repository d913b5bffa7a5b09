package staff

import (
	"net/http"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// commandPage is the form of one command.
type commandPage struct {
	Name string
	Form web.CommandForm
}

var commandView = web.NewView[commandPage]("command")

// resultPage is the answer of a command that changes nothing.
type resultPage struct {
	Name   string
	Blocks []web.Block
	Back   string
}

var resultView = web.NewView[resultPage]("result")

// theirs refuses a command that the visitor may not run. Of one that is to be run the
// engine says so, and writes down who tried.
func (h handlers) theirs() web.Guard {
	return web.Guard{Words: "the command is theirs to run", Check: func(v *web.Visit) error {
		if v.Request.Method == http.MethodPost {
			return nil
		}
		info, err := h.Commands.Named(v.Actor(), web.CommandName(v.Param("command")))
		if err == nil && info.Form != "" {
			err = web.RedirectTo(info.Form)
		}
		return err
	}}
}

// commandForm shows the form of a command. Arguments in the query are filled in.
func (h handlers) commandForm(v *web.Visit) error {
	info, err := h.Commands.Named(v.Actor(), web.CommandName(v.Param("command")))
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, a := range info.Args {
		given[a.Name] = v.Query(a.Name)
	}
	form, err := web.NewCommandForm(v, h.Commands, info, nil, given, web.LocalPath(v.Query("back")))
	if err != nil {
		return err
	}
	return commandView.OK(v, commandPage{Name: info.Name, Form: form})
}

// confirmSlug stands for the engine's own word: it runs what was shown before.
const confirmSlug = "confirm"

// runCommand runs a command with what its form has. Whether the visitor may is the
// engine's to say.
func (h handlers) runCommand(v *web.Visit) error {
	back := web.LocalPath(v.Form("back"))
	if v.Param("command") == confirmSlug {
		answer, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Line: command.Join([]string{confirmSlug, v.Form("code")})})
		if err != nil {
			return err
		}
		return h.show(v, v.Form("name"), answer, back)
	}
	info, err := h.Commands.Lookup(web.CommandName(v.Param("command")))
	if err != nil {
		return err
	}
	given := map[string]string{}
	for _, a := range info.Args {
		given[a.Name] = v.Form(a.Name)
	}
	answer, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Command: info.Name, Given: given})
	if err != nil {
		return h.again(v, info, given, back, err)
	}
	return h.show(v, info.Name, answer, back)
}

// again shows the form once more with what is wrong.
func (h handlers) again(v *web.Visit, info command.Info, given map[string]string, back string, err error) error {
	err = web.InCommandForm(err, info)
	wrong, ok := web.Mistakes(err)
	if !ok {
		return err
	}
	form, ferr := web.NewCommandForm(v, h.Commands, info, nil, given, back)
	if ferr != nil {
		return ferr
	}
	return commandView.Render(v, web.StatusOf(err), commandPage{Name: info.Name, Form: form.Wrong(wrong)})
}

// show is what comes of a command: a question whether to go ahead, an answer, or
// the page that it was asked on with a sentence and a way to undo it.
func (h handlers) show(v *web.Visit, name string, a command.Answer, back string) error {
	switch {
	case a.Pending != nil:
		return web.Confirm(v, part.Confirm{
			Title: "Please confirm", Preview: a.Pending.Preview, Action: "/commands/" + confirmSlug, Button: "Do it", Back: back, Ends: "a minute",
			Known: map[string][]string{"code": {a.Pending.Code}, "name": {name}, "back": {back}},
		})
	case a.Entry == 0:
		return resultView.OK(v, resultPage{Name: name, Blocks: web.Blocks(a.Blocks), Back: back})
	}
	f := web.Flash{Good: strings.Join(a.Lines, " ")}
	for _, b := range a.Blocks {
		switch b := b.(type) {
		case command.Secret:
			f.Secrets = append(f.Secrets, web.FlashSecret{Label: b.Label, Value: b.Value})
		case command.Line:
			if b.Private {
				f.Good += " " + b.Text
			}
		}
	}
	if a.Undo != "" {
		f.Undo, f.Back = a.Entry, back
	}
	if err := v.Tell(f); err != nil {
		return err
	}
	return web.RedirectTo(back)
}
