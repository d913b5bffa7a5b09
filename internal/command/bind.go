package command

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// optionsEnd says that no option follows, so that the next word may begin with
// two dashes.
const optionsEnd = "--"

// bind sorts words to the arguments of c, as text. Flags may stand anywhere before
// a text has begun.
func bind(c *command, words []string) (map[string]string, error) {
	given := map[string]string{}
	flags := c.hasFlags()
	position := slices.DeleteFunc(slices.Clone(c.Args), func(a Arg) bool { return a.Flag })
	for len(words) > 0 {
		word := words[0]
		if flags && word == optionsEnd {
			flags, words = false, words[1:]
			continue
		}
		if flags && strings.HasPrefix(word, "--") {
			rest, err := bindFlag(c, words, given)
			if err != nil {
				return nil, err
			}
			words = rest
			continue
		}
		if len(position) == 0 {
			return nil, c.wrong("%q is too much", word)
		}
		arg := position[0]
		position = position[1:]
		if arg.Type == TypeText {
			given[arg.Name] = strings.Join(words, " ")
			break
		}
		given[arg.Name] = word
		words = words[1:]
	}
	return given, c.complete(given)
}

func bindFlag(c *command, words []string, given map[string]string) (rest []string, err error) {
	name, val, inline := strings.Cut(words[0][2:], "=")
	i := slices.IndexFunc(c.Args, func(a Arg) bool { return a.Flag && a.Name == name })
	if i < 0 {
		return nil, c.wrong("there is no option --%s", name)
	}
	words = words[1:]
	if !inline {
		if len(words) == 0 {
			return nil, c.wrong("--%s needs a value", name)
		}
		val, words = words[0], words[1:]
	}
	given[name] = val
	return words, nil
}

// fields takes over what a form has: only arguments that there are, and none that
// were left empty.
func fields(c *command, form map[string]string) (map[string]string, error) {
	given := map[string]string{}
	for name, v := range form {
		if !slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Name == name }) {
			return nil, c.wrong("there is no argument %s", name)
		}
		if v = strings.TrimSpace(v); v != "" {
			given[name] = v
		}
	}
	return given, c.complete(given)
}

// complete makes sure that nothing is missing.
func (c *command) complete(given map[string]string) error {
	for _, a := range c.Args {
		if !a.Optional && strings.TrimSpace(given[a.Name]) == "" {
			return c.wrong("%s is missing", a.Name)
		}
	}
	return nil
}

func (c *command) wrong(format string, args ...any) error {
	e := core.Errorf(core.Invalid, format, args...)
	e.Text += "; usage: " + c.Usage()
	return e
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
		dashed := strings.HasPrefix(v, "--")
		plain := v
		if a.Redact && redact {
			v = "(left out)"
		} else {
			v = quote(v, a.Type == TypeText)
		}
		if a.Flag {
			between := " "
			if !redact && v == plain { // split takes quotes only where a word begins
				between = "="
			}
			v = "--" + a.Name + between + v
			flags = append(flags, v)
		} else {
			words = append(words, v)
			dashes = dashes || dashed
		}
		all = append(all, v)
	}
	if dashes && c.hasFlags() {
		all = slices.Concat(flags, []string{optionsEnd}, words)
	}
	return strings.Join(all, " ")
}

func (c *command) hasFlags() bool {
	return slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Flag })
}

// quote writes one argument so that split returns it whole. A text needs quotes
// only where splitting and joining it again would change it.
func quote(v string, isText bool) string {
	if isText {
		if words, err := split(v); err == nil && strings.Join(words, " ") == v && v != "" {
			return v
		}
	}
	return Join([]string{v})
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
