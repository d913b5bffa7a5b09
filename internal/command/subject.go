package command

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Subject is what a page is about: one of a member, a torrent and a channel.
type Subject struct {
	Member  *member.Member
	Torrent *catalog.Torrent
	Channel ChannelName
}

// Value is the subject as an argument: a name or a number.
func (s Subject) Value() string {
	switch {
	case s.Member != nil:
		return s.Member.Name
	case s.Torrent != nil:
		return strconv.FormatInt(int64(s.Torrent.ID), 10)
	}
	return string(s.Channel)
}

// About returns the actions that the actor may run on a subject, by name: those
// whose first argument is of its type and whose rule of rank allows it.
func (r *Registry) About(a Actor, s Subject) []Info {
	var out []Info
	for _, c := range r.commands {
		if c.Changes && c.runsOn(a, s) && (c.Offer == nil || c.Offer(s)) {
			out = append(out, c.Info)
		}
	}
	return out
}

// Allows reports whether the actor may run the command of that name on a subject.
func (r *Registry) Allows(a Actor, name string, s Subject) bool {
	c := r.byName[name]
	return c != nil && c.runsOn(a, s)
}

// runsOn reports whether the actor may run the command, and on the subject.
func (c *command) runsOn(a Actor, s Subject) bool { return may(a, c) == nil && c.takes(a, s) }

// takes reports whether the actor may name the subject as the first argument of c.
func (c *command) takes(a Actor, s Subject) bool {
	for _, arg := range c.Args {
		switch {
		case arg.Flag:
			continue
		case s.Member != nil && arg.Type == TypeMember:
			return arg.allowsMember(a, *s.Member) == nil
		case s.Torrent != nil && arg.Type == TypeTorrent:
			return arg.allowsTorrent(a, *s.Torrent) == nil
		}
		return s.Channel != "" && arg.Type == TypeChannel
	}
	return false
}
