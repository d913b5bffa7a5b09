package hermes

import (
	"strings"

	"github.com/lrstanley/girc"
)

// The kinds of network that [hermes] network names.
const (
	houseNetwork    = "house"
	inspircdNetwork = "inspircd"
	ngircdNetwork   = "ngircd"
)

// kinds are the foreign networks that the bot knows.
var kinds = map[string]kind{inspircdNetwork: inspircd{}, ngircdNetwork: ngircd{}}

// kind is a kind of IRC server that knows nothing of the site's accounts. Its methods tell
// how to do there what the bot needs. Members tell the bot who they are, and the bot looks
// after the channels, as an operator of the network.
type kind interface {
	// caps lists the capabilities that are worth asking for.
	caps() []string
	// runs reports whether a server with this version is of the kind.
	runs(version string) bool
	// opered are the lines to send once we are operator.
	opered(nick string) []line
	// takeNick are the lines by which an operator gets a nick that others may hold, or
	// that is reserved.
	takeNick(have, want string) []line
	// pace is how many lines the server takes in a minute and at once, whatever the
	// configuration says; 0 for no limit of its own.
	pace(oper bool) (perMinute, burst int)
	// enter lets somebody into a channel. joins reports whether that puts them into it;
	// otherwise they are invited.
	enter(nick, channel string, oper bool) (l line, joins bool)
	// mode changes a channel's modes: as operator even where we have no status.
	mode(channel string, oper bool, changes ...string) line
	// extra are the modes that a kept channel has here besides its own.
	extra(c Channel) string
	// left returns the nicks that, by what e says, nobody has any more or somebody else has.
	left(e girc.Event) []string
}

const reservedNick = "This nick is reserved"

// line is a command with its parameters.
type line []string

// houseCaps are the capabilities that are worth asking for on our own network, or on
// another one that lets people log in as the site's members with SASL, such as Ergo with
// the site behind it.
func houseCaps() []string {
	return []string{"sasl", "account-tag", "echo-message", "server-time", "message-tags", "batch", "draft/chathistory"}
}

// inspircd is InspIRCd 3 with the modules that deploy/inspircd loads.
type inspircd struct{}

func (inspircd) caps() []string {
	return []string{"echo-message", "multi-prefix", "userhost-in-names", "chghost", "cap-notify"}
}
func (inspircd) runs(version string) bool { return strings.HasPrefix(version, "InspIRCd") }
func (inspircd) opered(string) []line     { return nil }

// takeNick: SANICK ignores that the nick is reserved.
func (inspircd) takeNick(have, want string) []line {
	return []line{{girc.KILL, want, reservedNick}, {"SANICK", have, want}}
}

// pace: fakelag lets through about one line a second; the privileges of our operator class
// lift that.
func (inspircd) pace(oper bool) (perMinute, burst int) {
	if oper {
		return 0, 0
	}
	return 50, 5
}

func (inspircd) enter(nick, channel string, oper bool) (line, bool) {
	if oper {
		return line{"SAJOIN", nick, channel}, true
	}
	return line{girc.INVITE, nick, channel}, false
}

func (inspircd) mode(channel string, oper bool, changes ...string) line {
	if oper {
		return modeLine("SAMODE", channel, changes)
	}
	return modeLine(girc.MODE, channel, changes)
}

func (inspircd) extra(c Channel) string { return extraModes(c) }

// left: MONITOR tells of quits and changes of nick, even outside our channels.
func (inspircd) left(e girc.Event) []string {
	if e.Command != girc.RPL_MONOFFLINE {
		return nil
	}
	return strings.Split(e.Last(), ",")
}

// ngircd is ngIRCd 26 with the configuration of deploy/ngircd.
type ngircd struct{}

func (ngircd) caps() []string           { return []string{"multi-prefix"} }
func (ngircd) runs(version string) bool { return strings.HasPrefix(version, "ngircd") }

// opered asks for relaxed flood protection (F) and to be told who connects and
// leaves (c).
func (ngircd) opered(nick string) []line { return []line{{girc.MODE, nick, "+Fc"}} }

func (ngircd) takeNick(_, want string) []line {
	return []line{{girc.KILL, want, reservedNick}, {girc.NICK, want}}
}

// pace: the server handles 3 commands of a client in a second, 10 with the mode F,
// and lets the rest wait.
func (ngircd) pace(oper bool) (perMinute, burst int) {
	if oper {
		return 500, 8
	}
	return 60, 3
}

func (ngircd) enter(nick, channel string, _ bool) (line, bool) {
	return line{girc.INVITE, nick, channel}, false
}

func (ngircd) mode(channel string, _ bool, changes ...string) line {
	return modeLine(girc.MODE, channel, changes) // OperCanUseMode lets operators do that everywhere
}

func (ngircd) extra(c Channel) string { return extraModes(c) }

// left: the mode c tells of everyone who connects or leaves.
func (ngircd) left(e girc.Event) []string {
	if e.Command != girc.NOTICE || e.Source == nil || e.Source.Ident != "" {
		return nil
	}
	for _, mark := range []string{"Client exiting: ", "Client connecting: "} {
		if rest, ok := strings.CutPrefix(e.Last(), mark); ok {
			nick, _, _ := strings.Cut(rest, " ")
			return []string{nick}
		}
	}
	return nil
}

// extraModes: invitations do what our own server decides by accounts, and channels stay
// when nobody is in them.
func extraModes(c Channel) string {
	if c.Guests {
		return "P"
	}
	return "iP"
}

func modeLine(command, channel string, changes []string) line {
	return append(line{command, channel}, changes...)
}
