package command

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Knows reports whether a line begins with the name of a command or of a family of
// them, so that it is meant for us even if the rest of it is mistyped.
func (r *Registry) Knows(line string) bool {
	first, _, _ := strings.Cut(strings.ToLower(text.Clean(line)), " ")
	return first == confirmWord || r.byName[first] != nil || r.isFamily(first)
}

// isFamily reports whether a word is the first one of commands.
func (r *Registry) isFamily(w string) bool {
	return slices.ContainsFunc(r.commands, func(c *command) bool { return strings.HasPrefix(c.Name, w+" ") })
}

// find returns the command that a line begins with, and how many words its name has. A
// name of two words goes before one of a single word. Where a single one is an alias and
// a family as well, such as freeleech, it is the alias only if what follows it can't be a
// mistyped command of the family.
func (r *Registry) find(words []word) (c *command, names int) {
	if len(words) > 1 {
		if c := r.byName[strings.ToLower(words[0].text+" "+words[1].text)]; c != nil {
			return c, 2
		}
	}
	first := strings.ToLower(words[0].text)
	c = r.byName[first]
	if c == nil || r.isFamily(first) && !r.begins(c, first, words[1:]) {
		return nil, 0
	}
	return c, 1
}

// begins reports whether words can be the arguments of an alias that is a family, too.
func (r *Registry) begins(c *command, family string, words []word) bool {
	if len(words) == 0 || words[0].quoted || c.optionIn(words[0].text).sure || words[0].text == optionsEnd {
		return true
	}
	w := strings.ToLower(words[0].text)
	i := slices.IndexFunc(c.Args, func(a Arg) bool { return !a.Flag })
	if i < 0 {
		return false
	}
	switch a := c.Args[i]; a.Type {
	case TypeID, TypeTorrent, TypeDuration:
		return strings.ContainsAny(w, "0123456789")
	case TypeChoice:
		return slices.ContainsFunc(a.Choices, func(one string) bool { return strings.EqualFold(one, w) })
	}
	return !slices.ContainsFunc(r.commands, func(c *command) bool {
		f, verb, _ := strings.Cut(c.Name, " ")
		return f == family && alike(w, verb)
	})
}

// same are words that people say for one another.
var same = [][]string{
	{"member", "user", "account"}, {"torrent", "t"}, {"freeleech", "fl"}, {"channel", "chan"}, {"audit", "log"},
	{"show", "info", "view", "see", "whois", "get"}, {"delete", "remove", "del", "rm", "drop"}, {"create", "add", "new", "make"},
	{"disable", "ban", "suspend", "close", "off"}, {"enable", "unban", "restore", "on"}, {"list", "ls", "show"},
	{"passphrase", "password"}, {"class", "promote", "demote", "rank"}, {"set", "edit", "change"},
}

// alike reports whether somebody who wrote w may have meant the word of a command.
func alike(w, word string) bool {
	return text.Near(w, word) || len(w) >= 2 && strings.HasPrefix(word, w) ||
		slices.ContainsFunc(same, func(set []string) bool { return slices.Contains(set, w) && slices.Contains(set, word) })
}

// maxOffers is how many commands are offered in place of one that there is not.
const (
	maxOffers  = 3
	maxOffered = 300 // characters of a longer list of names
)

// offer returns the commands that the asker may run and that are nearest to what was
// written, by both words, or the family, or the word after it, and less than limit away.
func (r *Registry) offer(a Actor, words []word, limit int) []*command {
	first, second := strings.ToLower(words[0].text), ""
	if len(words) > 1 {
		second = strings.ToLower(words[1].text)
	}
	type candidate struct {
		c    *command
		away int
	}
	var found []candidate
	for _, c := range r.commands {
		if may(a, c) != nil {
			continue
		}
		best := limit
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			best = min(best, r.away(first, second, name))
		}
		if best < limit {
			found = append(found, candidate{c, best})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return cmp.Compare(a.away, b.away) })
	var out []*command
	for _, f := range found {
		if f.away == found[0].away {
			out = append(out, f.c)
		}
	}
	return out
}

// farAway is the distance from which on a command is not offered.
const farAway = 6

// away says how far a name is from two words that were written.
func (r *Registry) away(first, second, name string) int {
	const other = 4 // a word that has nothing to do with it
	distance := func(w, word string) int {
		switch {
		case w == word:
			return 0
		case w != "" && alike(w, word):
			return 1
		}
		return other
	}
	family, verb, two := strings.Cut(name, " ")
	d := distance(first, family)
	switch {
	case !two && (d == other || d > 0 && r.isFamily(first)):
		return farAway
	case !two && r.isFamily(family): // the word after it was meant for the family
		return d + other
	case !two:
		return d + 2
	}
	d += distance(second, verb)
	if !r.isFamily(first) { // the family was left out
		d = min(d, distance(first, verb)+3)
	}
	return min(farAway, d)
}

// unknown is the answer to a line that begins with no command.
func (r *Registry) unknown(req Request, words []word) error {
	first := strings.ToLower(words[0].text)
	named := first
	if len(words) > 1 && (r.isFamily(first) || r.byName[first] != nil) {
		named += " " + words[1].text
	}
	said := fmt.Sprintf("there is no command %q", text.Cut(named, 40))
	list := r.offer(req.Actor, words, farAway)
	if len(list) == 0 {
		return core.Errorf(core.NotFound, "%s; %shelp lists them", said, req.Prefix)
	}
	return core.Errorf(core.NotFound, "%s; %s", said, offers(req, list))
}

// offers says in words what may have been meant.
func offers(req Request, list []*command) string {
	if len(list) > maxOffers {
		var names []string
		for _, c := range list {
			names = append(names, req.Prefix+c.Name)
		}
		said := strings.Join(names, ", ")
		if family := names[0][:strings.IndexByte(names[0]+" ", ' ')] + " "; len(said) > maxOffered { // the family is said once
			said = strings.ReplaceAll(said, ", "+family, ", ")
		}
		return "there are " + text.Cut(said, maxOffered)
	}
	var usages []string
	for _, c := range list {
		usages = append(usages, req.Prefix+c.UsageFor(req.Actor))
	}
	return "did you mean " + strings.Join(usages, " or ") + "?"
}

// tooMuch adds to the complaint about too many words what may have been meant, where
// the command was found by an alias of one word.
func (r *Registry) tooMuch(req Request, words []word, c *command, err error) error {
	var e *excess
	if !errors.As(err, &e) || strings.EqualFold(words[0].text, c.Name) || len(words) < 2 {
		return err
	}
	list := slices.DeleteFunc(r.offer(req.Actor, words, farAway/2+1), func(other *command) bool { return other == c })
	if len(list) == 0 || len(list) > maxOffers {
		return err
	}
	return core.Errorf(core.Invalid, "%s; %s", core.SafeText(err), offers(req, list))
}
