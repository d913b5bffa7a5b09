package hermes

import (
	"strconv"
	"strings"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// facts is what a server says of itself (numerics 004 and 005).
type facts struct {
	server, version string
	ascii           bool   // how names are compared; else as RFC 1459 says
	statusModes     string // the modes that are a status, such as "ov", highest first
	statusSigns     string // their signs before a nick, such as "@+"
	lists           string // channel modes that are lists (CHANMODES, first part)
	always          string // modes that have a parameter, set or not (second part)
	set             string // modes that have one when they are set (third part)
	plain           string // modes that have none (fourth part)
	nickLen         int    // 0 when it doesn't say
	topicLen        int
	monitor         bool
}

func newFacts() facts {
	return facts{statusModes: "ov", statusSigns: "@+", lists: "b", always: "k", set: "l", plain: "imnst"}
}

func (f *facts) take(e girc.Event) {
	switch {
	case e.Command == girc.RPL_MYINFO && len(e.Params) >= 3:
		f.server, f.version = e.Params[1], e.Params[2]
	case e.Command == girc.RPL_ISUPPORT && len(e.Params) >= 2:
		for _, token := range e.Params[1:] {
			key, value, _ := strings.Cut(token, "=")
			f.token(key, value)
		}
	}
}

func (f *facts) token(key, value string) {
	number := func() int {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 1000 {
			return 0
		}
		return n
	}
	switch key {
	case "CASEMAPPING":
		f.ascii = value == "ascii"
	case "PREFIX":
		modes, signs, ok := strings.Cut(strings.TrimPrefix(value, "("), ")")
		if ok && len(modes) == len(signs) {
			f.statusModes, f.statusSigns = modes, signs
		}
	case "CHANMODES":
		parts := strings.Split(value, ",")
		if len(parts) >= 4 {
			f.lists, f.always, f.set, f.plain = parts[0], parts[1], parts[2], parts[3]
		}
	case "NICKLEN":
		f.nickLen = number()
	case "TOPICLEN":
		f.topicLen = number()
	case "MONITOR":
		f.monitor = true
	}
}

// fold makes names comparable as the server compares them.
func (f *facts) fold(name string) string {
	if f.ascii {
		return text.FoldASCII(name)
	}
	return text.FoldRFC1459(name)
}

// topicLimit is how long a topic may be, in bytes.
func (f *facts) topicLimit() int {
	if f.topicLen > 0 {
		return min(f.topicLen, maxTopic)
	}
	return maxTopic
}

// modeChange is one letter of a MODE line.
type modeChange struct {
	add    bool
	letter byte
	arg    string
}

// changes takes the parameters of a MODE line apart, up to one that can't be read.
func (f *facts) changes(params []string) []modeChange {
	if len(params) == 0 {
		return nil
	}
	var out []modeChange
	args, add := params[1:], true
	for _, letter := range []byte(params[0]) {
		if letter == '+' || letter == '-' {
			add = letter == '+'
			continue
		}
		c := modeChange{add: add, letter: letter}
		if f.hasArgument(letter, add) {
			if len(args) == 0 {
				if letter == 'k' || strings.IndexByte(f.lists, letter) >= 0 {
					continue // servers hide keys, and may list without one
				}
				return out
			}
			c.arg, args = args[0], args[1:]
		}
		out = append(out, c)
	}
	return out
}

func (f *facts) hasArgument(letter byte, add bool) bool {
	in := func(set string) bool { return strings.IndexByte(set, letter) >= 0 }
	return in(f.statusModes) || in(f.lists) || in(f.always) || add && in(f.set)
}

// offers reports whether the server has a channel mode.
func (f *facts) offers(letter byte) bool {
	return strings.IndexByte(f.always+f.set+f.plain, letter) >= 0
}

// name takes an entry of a list of names apart: its statuses as letters of modes,
// the nick, and nick!user@host where the server tells it.
func (f *facts) name(entry string) (status, nick, mask string) {
	for entry != "" {
		i := strings.IndexByte(f.statusSigns, entry[0])
		if i < 0 {
			break
		}
		status += f.statusModes[i : i+1]
		entry = entry[1:]
	}
	nick, rest, whole := strings.Cut(entry, "!")
	if whole {
		mask = nick + "!" + rest
	}
	return status, nick, mask
}
