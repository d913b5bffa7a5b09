package command

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// optionWord is a word that is written as an option: dashes of whatever kind, and a name.
type optionWord struct {
	name   string // in lower case, with plain dashes in it; "" when the word is no option
	value  string
	inline bool   // the value stands behind "="
	sure   bool   // nobody writes a word like this for anything but an option
	arg    *Arg   // what it names; nil when there is none of that name
	dry    bool   // it is --dry-run
	near   string // the option of the command that may be meant
}

// optionIn reads a word as an option of c. Phones make one long dash of two, so any dash
// will do. A single plain one is common in values and reasons: with it only a name that
// the command has, or nearly has, or the first letter of one, is taken for an option.
func (c *command) optionIn(s string) (o optionWord) {
	count, sure, name := text.Dashes(s)
	if count == 0 {
		return o
	}
	name, o.value, o.inline = strings.Cut(name, "=")
	o.name, o.sure = strings.ToLower(text.PlainDashes(name)), sure
	o.dry = o.name == dryRun && !o.inline
	if i := slices.IndexFunc(c.Args, func(a Arg) bool { return a.Flag && a.Name == o.name }); i >= 0 {
		o.arg = &c.Args[i]
	}
	if o.dry || o.arg != nil {
		return o
	}
	for _, known := range c.optionNames() {
		if text.Near(o.name, known) || len(o.name) == 1 && o.name[0] == known[0] {
			o.near = known
			break
		}
	}
	return o
}

// likely reports whether the word may be meant as an option. A value such as -XX1 is not.
func (o optionWord) likely() bool { return o.sure || o.near != "" || o.arg != nil || o.dry }

// optionNames are the options that a command has.
func (c *command) optionNames() []string {
	var names []string
	for _, a := range c.Args {
		if a.Flag {
			names = append(names, a.Name)
		}
	}
	if c.Changes {
		names = append(names, dryRun)
	}
	return names
}
