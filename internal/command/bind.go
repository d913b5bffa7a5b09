package command

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// optionsEnd says that no option follows: what comes after it is meant as it is.
const optionsEnd = "--"

// dryRun is the option of every command that changes something: it is carried out and
// taken back, and the answer says what it would have been.
const dryRun = "dry-run"

// bound is what the words after a command's name mean.
type bound struct {
	given map[string]string // by argument, as text
	dry   bool
	doubt string // a word of the text that may be meant as an option; "" when there is none
}

// binder sorts words to the arguments of one command. Options may stand anywhere before
// a text has begun. In a text they are no options, but --dry-run is one everywhere: who
// writes it wants nothing to be done.
type binder struct {
	c        *command
	typed    bool   // a person wrote the line; the engine's own lines mean what they say
	prefix   string // how the asker begins a command, for usage
	actor    Actor
	classes  func() ([]string, error) // names of classes, which may have several words
	line     string
	words    []word
	position []Arg // what comes next
	literal  bool  // no option follows
	bound
}

// bind sorts the words of a line, from the first on, to arguments.
func (b *binder) bind(line typed, from int) (bound, error) {
	b.line, b.words = line.line, line.words[from:]
	b.given = map[string]string{}
	b.position = slices.DeleteFunc(slices.Clone(b.c.Args), func(a Arg) bool { return a.Flag })
	for len(b.words) > 0 {
		done, err := b.option()
		if err == nil && !done {
			err = b.argument()
		}
		if err != nil {
			return bound{dry: b.dry}, err
		}
	}
	return b.bound, b.complete(b.given)
}

// option takes the next word if it is an option, with its value.
func (b *binder) option() (bool, error) {
	w := b.words[0]
	if b.literal || w.quoted {
		return false, nil
	}
	if w.text == optionsEnd {
		b.literal, b.words = true, b.words[1:]
		return true, nil
	}
	o := b.c.optionIn(w.text)
	switch {
	case !o.likely():
		return false, nil
	case o.dry && b.c.Changes:
		b.dry, b.words = true, b.words[1:]
		return true, nil
	case o.arg != nil:
		return true, b.flag(o)
	case b.inText() && o.near == "" && (b.c.Changes || !b.c.hasFlags()):
		return false, nil // the text begins with it, and where that could do harm it is asked about
	case o.near != "":
		return false, b.wrong("there is no option %s; did you mean --%s?", text.Cut(w.text, 40), o.near)
	}
	return false, b.wrong("there is no option %s", text.Cut(w.text, 40))
}

// inText reports whether the next argument by position is a text.
func (b *binder) inText() bool { return len(b.position) > 0 && b.position[0].Type == TypeText }

func (b *binder) flag(o optionWord) error {
	if _, twice := b.given[o.arg.Name]; twice {
		return b.wrong("--%s is given twice", o.arg.Name)
	}
	b.words = b.words[1:]
	if o.inline {
		b.given[o.arg.Name] = b.extend(*o.arg, o.value)
		return nil
	}
	if len(b.words) == 0 {
		return b.wrong("--%s needs a value", o.arg.Name)
	}
	return b.value(*o.arg)
}

// argument takes the next words as the next argument by position.
func (b *binder) argument() error {
	if len(b.position) == 0 {
		return &excess{b.wrong("%q is too much", text.Cut(b.words[0].text, 40))}
	}
	arg := b.position[0]
	b.position = b.position[1:]
	if arg.Type == TypeText {
		return b.text(arg)
	}
	return b.value(arg)
}

// value takes the next word as an argument, and more where names have several words.
func (b *binder) value(arg Arg) error {
	w := b.words[0]
	if w.open {
		return errOpen()
	}
	b.words = b.words[1:]
	if w.quoted {
		b.given[arg.Name] = w.text
		return nil
	}
	b.given[arg.Name] = b.extend(arg, w.text)
	return nil
}

// extend adds to the first word of an argument those that belong to its name: as many
// as there is a class of that name. Where there is none, and nothing else is to come,
// all of them are taken for the name, so that the answer names what is wrong.
func (b *binder) extend(arg Arg, first string) string {
	if arg.Type != TypeClass || !b.typed || len(b.words) == 0 {
		return first
	}
	names, err := b.classes()
	if err != nil {
		return first // looking it up will fail in the same way, and say so
	}
	most := 0
	for most < len(b.words) && !b.words[most].quoted && b.c.optionIn(b.words[most].text).name == "" {
		most++
	}
	known := func(name string) bool {
		return slices.ContainsFunc(names, func(c string) bool { return strings.EqualFold(c, name) })
	}
	for n := most; n >= 0; n-- {
		if name := first + joined(b.words[:n]); known(name) {
			b.words = b.words[n:]
			return name
		}
	}
	if len(b.position) == 0 && !arg.Flag {
		first += joined(b.words[:most])
		b.words = b.words[most:]
	}
	return first
}

// joined writes words with a blank before each.
func joined(words []word) string {
	var s strings.Builder
	for _, w := range words {
		s.WriteString(" " + w.text)
	}
	return s.String()
}

// text takes all that is left as a text. A reason is kept as it was written, quotation
// marks within it included; of what is only looked for they are taken off.
func (b *binder) text(arg Arg) error {
	words := b.words
	b.words = nil
	if words[0].open {
		return errOpen()
	}
	if len(words) == 1 && words[0].quoted {
		b.given[arg.Name] = words[0].text
		return nil
	}
	var said strings.Builder
	for i, w := range words {
		if !b.literal && !w.quoted && b.typed {
			o := b.c.optionIn(w.text)
			if o.dry && b.c.Changes {
				b.dry = true
				continue
			}
			if err := b.weigh(o, w); err != nil {
				return err
			}
		}
		end := len(b.line)
		if i+1 < len(words) {
			end = words[i+1].at
		}
		if b.c.Changes {
			said.WriteString(b.line[w.at:end])
		} else {
			said.WriteString(w.text + " ")
		}
	}
	b.given[arg.Name] = strings.TrimSpace(said.String())
	return nil
}

// weigh looks at a word of a text. What may be meant as an option is asked about where
// something would be changed; a question is answered, unless the option is one of its own.
func (b *binder) weigh(o optionWord, w word) error {
	switch {
	case !o.likely():
	case b.c.Changes:
		if b.doubt == "" {
			b.doubt = w.text
		}
	case o.arg != nil:
		return b.wrong("--%s must stand before the text", o.arg.Name)
	}
	return nil
}

// excess says that there are more words than arguments.
type excess struct{ error }

func (e *excess) Unwrap() error { return e.error }

// fields takes over what a form has: only arguments that there are, and none that
// were left empty.
func fields(c *command, form map[string]string) (map[string]string, error) {
	b := binder{c: c, actor: Shell()}
	given := map[string]string{}
	for name, v := range form {
		if !slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Name == name }) {
			return nil, b.wrong("there is no argument %s", name)
		}
		if v = strings.TrimSpace(v); v != "" {
			given[name] = v
		}
	}
	return given, b.complete(given)
}

// complete makes sure that nothing is missing.
func (b *binder) complete(given map[string]string) error {
	for _, a := range b.c.Args {
		if !a.Optional && strings.TrimSpace(given[a.Name]) == "" {
			return inArgument(b.wrong("%s is missing", a.Name), a)
		}
	}
	return nil
}

func (b *binder) wrong(format string, args ...any) error {
	e := core.Errorf(core.Invalid, format, args...)
	e.Text += "; usage: " + b.prefix + b.c.UsageFor(b.actor)
	return e
}

func (c *command) hasFlags() bool {
	return slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Flag })
}

// line writes the arguments of a command so that bind reads the same again. With
// redact the secret ones are left out, for the audit log.
func (c *command) line(given map[string]string, redact bool) string {
	var flags, words, all []string
	dashes := false // a word that could be taken for an option
	for _, a := range c.Args {
		v, ok := given[a.Name]
		if !ok {
			continue
		}
		plain := v
		switch {
		case a.Redact && redact:
			v = "(left out)"
		case a.Type == TypeDocument && redact:
			v = fmt.Sprintf("(%d characters)", utf8.RuneCountInString(v))
		case a.Type == TypeText:
			v = text.QuoteRest(v)
		default:
			v = text.Quote(v)
		}
		if a.Flag {
			between := " "
			if !redact && v == plain { // so that no value is taken for an option
				between = "="
			}
			v = "--" + a.Name + between + v
			flags = append(flags, v)
		} else {
			words = append(words, v)
			dashes = dashes || c.optionIn(v).likely() || v == optionsEnd
		}
		all = append(all, v)
	}
	if dashes {
		all = slices.Concat(flags, []string{optionsEnd}, words)
	}
	return strings.Join(all, " ")
}

// lineOf writes an invocation as a line.
func (r *Registry) lineOf(i Invocation) (string, error) {
	c := r.byName[i.Name]
	v := reflect.ValueOf(i.Args)
	if c == nil || !v.IsValid() || v.Type() != c.args {
		return "", fmt.Errorf("there is no command %q that takes a %T", i.Name, i.Args)
	}
	given := map[string]string{}
	for _, a := range c.Args {
		if s := format(v.Field(a.field)); s != "" {
			given[a.Name] = s
		}
	}
	return strings.TrimSpace(c.Name + " " + c.line(given, false)), nil
}

// format writes the value of an argument as a person would; "" when it was not
// given.
func format(v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	switch x := v.Interface().(type) {
	case member.Member:
		return x.Name
	case member.Class:
		return x.Name
	case catalog.Torrent:
		return fmt.Sprint(int64(x.ID))
	case time.Duration:
		if x == 0 {
			return ""
		}
		return fmt.Sprintf("%dm", max(1, int64(x.Round(time.Minute)/time.Minute)))
	case ID:
		if x == 0 {
			return ""
		}
		return fmt.Sprint(int64(x))
	}
	return text.Clean(v.String()) // all else is a string
}
