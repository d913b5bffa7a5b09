package command

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Subject is what a page is about: one of a member, a torrent and a channel.
type Subject struct {
	Member  *member.Member
	Torrent *catalog.Torrent
	Channel ChannelName
}

// About returns the actions that the actor may run on a subject, by name: those
// whose first argument is of its type and whose rule of rank allows it.
func (r *Registry) About(ctx context.Context, a Actor, s Subject) ([]Info, error) {
	var out []Info
	for _, c := range r.commands {
		if !c.Changes || may(a, c) != nil {
			continue
		}
		ok, err := r.takes(ctx, a, c, s)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, c.Info)
		}
	}
	return out, nil
}

// takes reports whether the actor may name the subject as the first argument of c.
func (r *Registry) takes(ctx context.Context, a Actor, c *command, s Subject) (bool, error) {
	for _, arg := range c.Args {
		if arg.Flag {
			continue
		}
		switch {
		case s.Member != nil && arg.Type == TypeMember:
			return arg.allowsMember(a, *s.Member) == nil, nil
		case s.Torrent != nil && arg.Type == TypeTorrent:
			err := r.resolver(nil, a).allowsTorrent(ctx, arg, *s.Torrent)
			if err != nil && core.CodeOf(err) != core.Forbidden {
				return false, err
			}
			return err == nil, nil
		case s.Channel != "" && arg.Type == TypeChannel:
			return true, nil
		}
		return false, nil
	}
	return false, nil
}
