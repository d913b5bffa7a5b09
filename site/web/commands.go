package web

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// CommandForm is a button, or a small form, for a command of the registry, as the
// part "command" draws it.
type CommandForm struct {
	Slug   string // in the address: its name with dashes
	Label  string // of the button
	Note   string // what else its summary says
	Fields []Field
	Known  []Choice // arguments that the page fills in: names and values
	Back   string   // the page to show after it
	Asks   bool     // it says first what it would do
	Errors FormErrors
}

// longText is the longest text of several lines in the form of a command, in characters. The
// route of commands takes twelve bytes of each.
const longText = 1500

// CommandAddress is the page of a command. Slugs are its name with dashes.
func CommandAddress(name string) string { return "/commands/" + slugOf(name) }

func slugOf(name string) string { return strings.ReplaceAll(name, " ", "-") }

// CommandName is the name that belongs to a slug.
func CommandName(slug string) string { return strings.ReplaceAll(slug, "-", " ") }

// Actor is the visitor as commands know who asks.
func (v *Visit) Actor() command.Actor { return command.Of(v.Me, audit.ViaSite) }

// CommandForms draws what the visitor may do to a subject. back is the page that
// shows it.
func CommandForms(v *Visit, r *command.Registry, s command.Subject, back string) ([]CommandForm, error) {
	var out []CommandForm
	for _, info := range r.About(v.Actor(), s) {
		f, err := NewCommandForm(v, r, info, map[string]string{info.First().Name: s.Value()}, nil, back)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// NewCommandForm draws the form of one command: known arguments are filled in and
// not shown, the others have the values given so far.
func NewCommandForm(v *Visit, r *command.Registry, info command.Info, known, given map[string]string, back string) (CommandForm, error) {
	label, note, _ := strings.Cut(info.Summary, ";")
	if info.Button != "" {
		label = info.Button
	}
	f := CommandForm{Slug: slugOf(info.Name), Label: capital(label), Note: capital(strings.TrimSpace(note)), Back: back, Asks: info.Confirms}
	scope := strings.ReplaceAll(info.Name, " ", "-") + "-"
	for _, value := range known { // of several torrents on one page
		scope += url.PathEscape(value) + "-"
	}
	for _, a := range info.Args {
		if value, ok := known[a.Name]; ok {
			f.Known = append(f.Known, Choice{Value: value, Text: a.Name})
			continue
		}
		options, err := r.Options(v.Context(), v.Actor(), a)
		if err != nil {
			return f, err
		}
		field := Field{Name: a.Name, Label: capital(a.Name), Value: given[a.Name], Hint: a.Hint, Type: "text", Required: !a.Optional, Max: cmp.Or(a.Max, 255), Scope: scope}
		if len(options) > 0 && a.Optional {
			field.Empty = "as it is by default"
		}
		for _, o := range options {
			field.Choices = append(field.Choices, Choice{Value: o, Text: o})
		}
		switch {
		case a.Long:
			field.Type, field.Rows, field.Max = "textarea", 6, cmp.Or(a.Max, longText)
		case a.Type == command.TypeDuration && field.Hint == "":
			field.Hint = "Such as 90m, 24h, 3d or 2w"
		case a.Type == command.TypeTorrent || a.Type == command.TypeID:
			field.Mode = "numeric"
		}
		f.Fields = append(f.Fields, field)
	}
	return f, nil
}

// Wrong shows what is wrong with the form: beside the fields, and above them all what
// is wrong with none of them.
func (f CommandForm) Wrong(list FormErrors) CommandForm {
	f.Errors = nil
	for _, e := range list {
		i := slices.IndexFunc(f.Fields, func(field Field) bool { return field.Name == e.Field })
		if i < 0 {
			e.Field = ""
		} else {
			e.scope, f.Fields[i].Error = f.Fields[i].Scope, cmp.Or(f.Fields[i].Error, e.Text)
		}
		f.Errors = append(f.Errors, e)
	}
	return f
}

// InCommandForm is err as the form of a command answers it. What an argument names and is
// not there is a mistake in the form, and no missing page: in the argument that the error
// names, or in the first, which is what a command is about.
func InCommandForm(err error, info command.Info) error {
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.NotFound {
		return err
	}
	missing := *e
	missing.Code = core.Invalid
	named := func(a command.Arg) bool { return a.Name == e.Field }
	if !slices.ContainsFunc(info.Args, named) { // it may name one of the act that was to be undone
		missing.Field = info.First().Name
	}
	return &missing
}

// Choose reports whether the field is drawn as a list.
func (f Field) Choose() bool { return len(f.Choices) > 0 }

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}
