package web

import (
	"cmp"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// FieldError is one mistake in a form, for the summary at its top and for the
// field itself.
type FieldError struct {
	Field string // "" concerns the whole form
	Text  string
	after string // Text as it stands after a label; "" where that is the same
	scope string // of the field, where several forms of a page have one of its name
}

// Anchor is the id of the field in its page.
func (e FieldError) Anchor() string { return Field{Scope: e.scope, Name: e.Field}.Anchor() }

// Summary is the mistake with the field's label before it, for the list on top.
func (e FieldError) Summary() string {
	label, ok := fieldLabels[e.Field]
	if !ok {
		return e.Text
	}
	return label + ": " + cmp.Or(e.after, e.Text)
}

// fieldLabels are what the forms call their fields.
var fieldLabels = map[string]string{
	catalog.FieldCategory: "Category", catalog.FieldTitle: "Title", catalog.FieldSubject: "Organism", catalog.FieldObject: "Strain or variety",
	catalog.FieldCreators: "Authors", catalog.FieldWorkgroup: "Department or lab", catalog.FieldLocation: "Institution or place",
	catalog.FieldYear: "Year", catalog.FieldIdentifier: "Accession number", catalog.FieldTags: "Tags", catalog.FieldPicture: "Preview picture",
	catalog.FieldLiterature: "Publications", catalog.FieldDescription: "Description", catalog.FieldPlatform: "Instrument or tool",
	catalog.FieldFormat: "File format", catalog.FieldArchive: "Packing", catalog.FieldScope: "Resolution", catalog.FieldLicense: "Licence",
	catalog.FieldVersion: "Version", catalog.FieldMirrors: "Mirrors", catalog.FieldSeqhash: "Seqhash",
	catalog.FieldTorrentDescription: "Notes on this torrent", catalog.FieldTorrent: "The .torrent file", catalog.FieldReason: "Reason",
	"name": "Name", "email": "E-mail", "class": "Class", "current": "Present passphrase", "password": "New passphrase",
	"again": "New passphrase, once more",
}

// FormErrors are the mistakes in a form.
type FormErrors []FieldError

// For returns what is wrong with one field, or "".
func (e FormErrors) For(field string) string {
	for _, f := range e {
		if f.Field == field {
			return f.Text
		}
	}
	return ""
}

// Mistakes returns what the visitor can mend in a form; ok is false for any
// other error, which is then answered as such.
func Mistakes(err error) (FormErrors, bool) {
	var out FormErrors
	for _, e := range flatten(err) {
		code := core.CodeOf(e)
		if code != core.Invalid && code != core.Conflict {
			return nil, false
		}
		text := core.SafeText(e)
		sentence := core.Sentence(e)
		out = append(out, FieldError{Field: core.FieldOf(e), Text: sentence, after: text + strings.Repeat(".", max(0, utf8.RuneCountInString(sentence)-utf8.RuneCountInString(text)))})
	}
	return out, len(out) > 0
}

// flatten takes joined errors apart, down to those with a text to show.
func flatten(err error) []error {
	for e := err; e != nil; {
		switch x := any(e).(type) { // each step of the chain is looked at in turn
		case *core.Error:
			return []error{x}
		case interface{ Unwrap() []error }:
			var out []error
			for _, part := range x.Unwrap() {
				out = append(out, flatten(part)...)
			}
			return out
		case interface{ Unwrap() error }:
			e = x.Unwrap()
		default:
			return []error{err}
		}
	}
	if err == nil {
		return nil
	}
	return []error{err}
}
