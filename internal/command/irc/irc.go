// Package irc is the family of commands about the IRC network: its channels, who is
// kept from it, its history, and how members log in to it.
//
// Concurrency: the commands have no state of their own.
package irc

import (
	"slices"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Deps is what the family works on.
type Deps struct {
	Channels  *irc.Store // and who is kept from the network
	History   *irc.History
	Members   *member.Store
	NickLimit int // how many nicks a member may have besides the name
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return slices.Concat(d.channels(), d.lines(), d.history(), d.login())
}

// done is an act's reply of one sentence, or its error.
func done(err error, format string, args ...any) (command.Reply, error) {
	if err != nil {
		return command.Reply{}, err
	}
	return command.Say(format, args...), nil
}
