// Package irc holds what the rooms share about the IRC network and what the database
// keeps of it, so that commands can read and change it from everywhere.
//
// Concurrency: its stores are safe for concurrent use; values they return belong to
// the caller.
package irc

import "strings"

// Entry is what members say to the bot when the server does not know yet who they
// are:
//
//	ENTER #channel #other name key
//	IDENTIFY name key
//
// with spaces or commas between the words. Sitebots of other trackers have taken it
// in this form, and programs are set up to say it. It holds a key: it is never logged
// or repeated.
type Entry struct {
	Enter     bool     // asks to be let into channels: those named, or those entered at login
	Channels  []string // as they were written
	Name, Key string   // "" when it makes no sense
}

// maxEntry bounds the channels in one Entry.
const maxEntry = 50

// ParseEntry reads an Entry; ok reports whether text is meant as one.
func ParseEntry(text string) (e Entry, ok bool) {
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	if len(words) == 0 {
		return e, false
	}
	e.Enter = strings.EqualFold(words[0], "enter")
	if !e.Enter && !strings.EqualFold(words[0], "identify") {
		return Entry{}, false
	}
	var rest []string
	for _, w := range words[1:] {
		if strings.HasPrefix(w, "#") && e.Enter {
			e.Channels = append(e.Channels, w)
		} else {
			rest = append(rest, w)
		}
	}
	if len(rest) != 2 || len(e.Channels) > maxEntry {
		return Entry{Enter: e.Enter}, true
	}
	e.Name, e.Key = rest[0], rest[1]
	return e, true
}
