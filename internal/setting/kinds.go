package setting

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Kind is what the value of a setting is.
type Kind string

// The kinds.
const (
	KindChoice   Kind = "choice"
	KindNumber   Kind = "number"
	KindDuration Kind = "duration"
	KindYesNo    Kind = "yes or no"
	KindWord     Kind = "word"
	KindWords    Kind = "list of words"
)

// None is how an empty list and no time at all are written.
const None = "none"

// Setting is one thing that staff may change while the site runs.
type Setting struct {
	Name    string
	About   string // one sentence without its full stop: what it is
	Kind    Kind
	Allowed string   // which values are allowed, in words
	Default string   // as a value is stored
	Choices []string // of a choice and of yes or no
	MaxList int      // words that a list has at most

	// read returns the stored form of what somebody wrote, or an error with code Invalid.
	read func(value string) (string, error)
}

// Key is a setting with the type of its values.
type Key[T any] struct {
	Setting
	parse func(stored string) T
}

// Of returns the value that holds.
func (k Key[T]) Of(v Values) T { return k.parse(v.text(k.Setting)) }

func choice(name, about, standard string, choices ...string) Key[string] {
	s := Setting{Name: name, About: about, Kind: KindChoice, Default: standard, Choices: choices, Allowed: "one of " + strings.Join(choices, ", ")}
	s.read = func(value string) (string, error) {
		if value = text.FoldASCII(value); !slices.Contains(choices, value) {
			return "", s.refuse()
		}
		return value, nil
	}
	return Key[string]{s, func(stored string) string { return stored }}
}

func number(name, about string, standard, least, most int) Key[int] {
	s := Setting{Name: name, About: about, Kind: KindNumber, Default: strconv.Itoa(standard), Allowed: "a number from " + strconv.Itoa(least) + " to " + strconv.Itoa(most)}
	s.read = func(value string) (string, error) {
		n, err := strconv.Atoi(value)
		if err != nil || n < least || n > most {
			return "", s.refuse()
		}
		return strconv.Itoa(n), nil
	}
	return Key[int]{s, func(stored string) int { n, _ := strconv.Atoi(stored); return n }}
}

func yesNo(name, about string, standard bool) Key[bool] {
	words := map[bool]string{true: "yes", false: "no"}
	s := Setting{Name: name, About: about, Kind: KindYesNo, Default: words[standard], Choices: []string{"yes", "no"}, Allowed: "yes or no"}
	s.read = func(value string) (string, error) {
		switch text.FoldASCII(value) {
		case "yes", "on":
			return "yes", nil
		case "no", "off":
			return "no", nil
		}
		return "", s.refuse()
	}
	return Key[bool]{s, func(stored string) bool { return stored == "yes" }}
}

func duration(name, about string, standard, least, most time.Duration) Key[time.Duration] {
	s := Setting{Name: name, About: about, Kind: KindDuration, Default: writeDuration(standard),
		Allowed: "a time from " + writeDuration(least) + " to " + writeDuration(most) + ", such as " + writeDuration(standard)}
	s.read = func(value string) (string, error) {
		d, err := readDuration(text.FoldASCII(value))
		if err != nil || d < least || d > most {
			return "", s.refuse()
		}
		return writeDuration(d), nil
	}
	return Key[time.Duration]{s, func(stored string) time.Duration { d, _ := readDuration(stored); return d }}
}

func word(name, about, standard string) Key[string] {
	const most = 64
	s := Setting{Name: name, About: about, Kind: KindWord, Default: standard, Allowed: "a name of at most 64 characters"}
	s.read = func(value string) (string, error) {
		if value = text.Line(value); value == "" || text.Chars(value) > most {
			return "", s.refuse()
		}
		return value, nil
	}
	return Key[string]{s, func(stored string) string { return stored }}
}

func words(name, about, each string, most int, valid func(string) bool, standard ...string) Key[[]string] {
	s := Setting{Name: name, About: about, Kind: KindWords, MaxList: most, Default: joinWords(standard), Allowed: "each of them " + each + "; at most " + strconv.Itoa(most)}
	s.read = func(value string) (string, error) {
		list := splitWords(text.FoldASCII(value))
		if len(list) > most || slices.ContainsFunc(list, func(w string) bool { return !valid(w) }) {
			return "", s.refuse()
		}
		return joinWords(list), nil
	}
	return Key[[]string]{s, splitWords}
}

// refuse is the error for a value that is not allowed.
func (s Setting) refuse() error { return core.FieldErrorf("value", "%s takes %s", s.Name, s.Allowed) }

func joinWords(list []string) string {
	if len(list) == 0 {
		return None
	}
	list = slices.Clone(list)
	slices.Sort(list)
	return strings.Join(slices.Compact(list), " ")
}

func splitWords(stored string) []string {
	if stored == None {
		return nil
	}
	return strings.Fields(strings.ReplaceAll(stored, ",", " "))
}

func readDuration(s string) (time.Duration, error) {
	if s == None || s == "0" {
		return 0, nil
	}
	return text.ParseDuration(s)
}

// writeDuration writes what text.ParseDuration reads.
func writeDuration(d time.Duration) (out string) {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if n := int64(d / u.size); n > 0 {
			out += strconv.FormatInt(n, 10) + u.name
			d %= u.size
		}
	}
	if out == "" {
		return None
	}
	return out
}
