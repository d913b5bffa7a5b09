package command

import (
	"context"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

const (
	helpLines = 8   // of an answer
	helpWidth = 380 // bytes of a line of it, which IRC takes whole
)

type helpArgs struct {
	Command Text `arg:"command,optional"`
}

// help lists what the asker may run where they ask, as it is to be written there, and
// nothing else: it does not tell who has which power.
func (r *Registry) help() Command {
	return Question[helpArgs]{
		Spec: Spec{Name: "help", Summary: "what you can ask for; with a command or a family of them, how to write it", Guest: true, Public: true},
		Run: func(_ context.Context, c Call, a helpArgs) (Reply, error) {
			topic := strings.ToLower(text.Clean(strings.TrimPrefix(string(a.Command), c.prefixOr("!"))))
			if topic == "" {
				return Reply{Blocks: Lines(r.overview(c)...)}, nil
			}
			lines, err := r.helpOn(c, topic)
			return Reply{Blocks: Lines(lines...)}, err
		},
	}
}

func (c Call) prefixOr(other string) string {
	if c.prefix == "" {
		return other
	}
	return c.prefix
}

// overview names what the asker may run, in at most helpLines lines.
func (r *Registry) overview(c Call) []string {
	here, elsewhere := r.within(c)
	var last []string
	switch {
	case c.Actor.IsGuest():
		last = []string{"Members can ask for more: log in to IRC with your account (SASL)."}
	case elsewhere > 0:
		last = []string{"There is more in a private message to me: help"}
	default:
		last = []string{"How one is written: " + c.prefix + "help COMMAND; those that begin alike: " + c.prefix + "help FAMILY"}
	}
	return append(fit(helpLines-len(last), described(c, here), named(c, here), families(c, here)), last...)
}

// within returns the commands that the asker may run where they ask, and how many others
// they may run in private.
func (r *Registry) within(c Call) (here []Info, elsewhere int) {
	for _, i := range r.List(c.Actor) {
		if c.Place == Channel && !i.Public && !i.Secret {
			elsewhere++
			continue
		}
		here = append(here, i)
	}
	return here, elsewhere
}

// helpOn tells how a command is written, or those of a family.
func (r *Registry) helpOn(c Call, topic string) ([]string, error) {
	line, err := read(topic)
	if err != nil {
		return nil, err
	}
	if one, names := r.find(line.words); one != nil && names == len(line.words) && may(c.Actor, one) == nil && !r.isFamily(topic) {
		return r.helpOnOne(c, one), nil
	}
	here, _ := r.within(c)
	family := ofFamily(here, topic)
	switch {
	case len(family) > 0:
	case len(ofFamily(r.List(c.Actor), topic)) > 0:
		return []string{"Not in a channel: ask me in a private message: help " + topic}, nil
	default:
		return nil, r.unknown(Request{Actor: c.Actor, Prefix: c.prefix}, line.words)
	}
	return fit(helpLines, described(c, family), usages(c, family), named(c, family), families(c, family)), nil
}

// ofFamily returns the commands that a first word stands for, alone or before another.
func ofFamily(list []Info, first string) []Info {
	var out []Info
	for _, i := range list {
		if i.Name == first || strings.HasPrefix(i.Name, first+" ") || slices.Contains(i.Aliases, first) {
			out = append(out, i)
		}
	}
	return out
}

func (r *Registry) helpOnOne(c Call, one *command) []string {
	lines := []string{c.prefix + one.UsageFor(c.Actor), "  " + one.Summary}
	if len(one.Aliases) > 0 {
		lines = append(lines, "  also: "+c.prefix+strings.Join(one.Aliases, ", "+c.prefix))
	}
	if one.Confirms {
		lines = append(lines, "  shows first what it would do, and does it once you confirm")
	}
	if one.Approve {
		lines = append(lines, "  waits until another member of staff approves it")
	}
	if one.Form != "" {
		return append(lines, "  on the site alone: "+one.Form)
	}
	if one.Changes {
		lines = append(lines, "  with --"+dryRun+" it only shows what it would do")
	}
	if c.Place == Channel && !one.Public && !one.Secret {
		lines = append(lines, "  not in a channel: ask me in private, without "+c.prefixOr("!"))
	}
	return lines
}

// fit returns the first of several forms that has at most limit lines; of the last one,
// as many lines as there may be.
func fit(limit int, forms ...[]string) []string {
	for _, lines := range forms {
		if len(lines) <= limit {
			return lines
		}
	}
	last := forms[len(forms)-1]
	return append(last[:limit-1:limit-1], "…")
}

// described is a line for each command, with what it does.
func described(c Call, list []Info) []string {
	var out []string
	for _, i := range list {
		out = append(out, c.prefix+i.UsageFor(c.Actor)+" - "+i.Summary)
	}
	return out
}

// usages is how each command is written, as many to a line as fit.
func usages(c Call, list []Info) []string {
	var parts []string
	for _, i := range list {
		parts = append(parts, c.prefix+i.UsageFor(c.Actor))
	}
	return packed(parts, "; ")
}

// named is the names of the commands.
func named(c Call, list []Info) []string {
	var parts []string
	for _, i := range list {
		parts = append(parts, c.prefix+i.Name)
	}
	return packed(parts, ", ")
}

// families is the first words of the commands' names.
func families(c Call, list []Info) []string {
	var parts []string
	for _, i := range list {
		first, _, more := strings.Cut(i.Name, " ")
		if more {
			first += " …"
		}
		if !slices.Contains(parts, c.prefix+first) {
			parts = append(parts, c.prefix+first)
		}
	}
	return packed(parts, ", ")
}

// packed joins parts to lines of at most helpWidth bytes.
func packed(parts []string, between string) []string {
	var out []string
	for _, p := range parts {
		if k := len(out) - 1; k >= 0 && len(out[k])+len(between)+len(p) <= helpWidth {
			out[k] += between + p
		} else {
			out = append(out, p)
		}
	}
	return out
}
