package web

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
)

// Field is one field of a form as the templates "input", "textarea", "select"
// and "check" draw it: label, hint, what was typed and what is wrong with it.
type Field struct {
	Name, Label, Value, Error string
	Hint                      string
	Type                      string // of an input; "text" by default
	Rows, Max                 int
	Required                  bool
	Placeholder, Auto, Mode   string // placeholder, autocomplete, inputmode
	Empty                     string // the first choice of a select
	List                      string // id of a datalist
	Families                  []catalog.Family
	Choices                   []Choice
	Scope                     string // set where several forms of a page have a field of this name
}

// Anchor is the id of the field in its page.
func (f Field) Anchor() string { return "f-" + f.Scope + f.Name }

// Choice is one entry of a select.
type Choice struct{ Value, Text string }

// newField makes a field in a template. Each option is a word ("required") or
// "key=value".
func newField(name, label, value, problem string, options ...string) (Field, error) {
	f := Field{Name: name, Label: label, Value: value, Error: problem, Type: "text", Rows: 4}
	for _, o := range options {
		key, text, _ := strings.Cut(o, "=")
		var err error
		switch key {
		case "required":
			f.Required = true
		case "hint":
			f.Hint = text
		case "type":
			f.Type = text
		case "rows":
			f.Rows, err = strconv.Atoi(text)
		case "max":
			f.Max, err = strconv.Atoi(text)
		case "placeholder":
			f.Placeholder = text
		case "auto":
			f.Auto = text
		case "mode":
			f.Mode = text
		case "empty":
			f.Empty = text
		case "list":
			f.List = text
		default:
			err = fmt.Errorf("there is no option %q", key)
		}
		if err != nil {
			return f, fmt.Errorf("field %s: %w", name, err)
		}
	}
	return f, nil
}

// Of gives a select the terms of a vocabulary.
func (f Field) Of(families []catalog.Family) Field {
	f.Families = families
	return f
}

// From gives a select a flat list of choices.
func (f Field) From(choices []Choice) Field {
	f.Choices = choices
	return f
}

// In puts a field into a scope: for pages with several forms that have one of its name.
func (f Field) In(scope string) Field {
	f.Scope = scope
	return f
}

// Known reports whether the value is among the terms; what is not is kept as a
// choice of its own, so that nothing typed is lost.
func (f Field) Known() bool {
	if f.Value == "" {
		return true
	}
	for _, fam := range f.Families {
		for _, t := range fam.Terms {
			if t.Name == f.Value {
				return true
			}
		}
	}
	for _, c := range f.Choices {
		if c.Value == f.Value {
			return true
		}
	}
	return false
}

// Describe lists the ids of the hint and the error for aria-describedby.
func (f Field) Describe() string {
	var ids []string
	if f.Error != "" {
		ids = append(ids, f.Anchor()+"-error")
	}
	if f.Hint != "" {
		ids = append(ids, f.Anchor()+"-hint")
	}
	return strings.Join(ids, " ")
}
