package ircd

import (
	"slices"
	"strings"

	"github.com/ergochat/irc-go/ircfmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// maxTargets is how many targets one PRIVMSG, NOTICE, TAGMSG or KICK may have.
const maxTargets = 4

func cmdPrivmsg(r *request) { r.message("PRIVMSG") }
func cmdNotice(r *request)  { r.message("NOTICE") }
func cmdTagmsg(r *request)  { r.message("TAGMSG") }

// message is what the three commands share. A NOTICE is never answered with an
// error, so that programs don't talk to each other for ever.
func (r *request) message(command string) {
	if command != "TAGMSG" && r.keepsBack(r.param(0), r.param(1)) {
		return
	}
	forServices, forBot := false, false
	r.locked(func() {
		list := targets(r.param(0))
		switch {
		case command == "TAGMSG" && !r.s.has(capMessageTags):
			r.reply(errUnknownCommand, command, "Unknown command")
			return
		case len(list) == 0:
			r.complain(command, errNoRecipient, "No recipient given ("+command+")")
			return
		case command != "TAGMSG" && r.param(1) == "":
			r.complain(command, errNoTextToSend, "No text to send")
			return
		case len(list) > maxTargets:
			r.complain(command, errTooManyTargets, clip(r.param(0), maxChannel), "Too many targets")
			return
		}
		if command == "PRIVMSG" {
			r.user().spoke = r.n.clock()
		}
		for _, target := range list {
			if strings.EqualFold(target, nickServ) && command == "PRIVMSG" {
				forServices = true
				continue
			}
			if command == "PRIVMSG" && isEntry(target, r.param(1)) {
				forBot = true
				continue
			}
			l := r.n.lineFrom(r.user(), command, target)
			switch {
			case command == "TAGMSG":
			case strings.EqualFold(target, member.BotName):
				l.params = append(l.params, r.withCertificate(r.param(1)))
			default:
				l.params = append(l.params, r.param(1))
			}
			l.tags = r.msg.ClientOnlyTags()
			r.sendTo(l, target)
		}
	})
	if forServices {
		r.identify(r.param(1))
	}
	if forBot {
		r.enter(r.param(1))
	}
}

// complain answers with an error, unless the command is one that gets none.
func (r *request) complain(command, code string, params ...string) {
	if command != "NOTICE" {
		r.reply(code, params...)
	}
}

// sendTo sends a message to a channel or a nick, and keeps it.
func (r *request) sendTo(l *line, target string) {
	r.n.stamp(l)
	r.noteAsked(l)
	r.n.metrics.messages.Inc()
	if name := strings.TrimLeft(target, "@+"); strings.HasPrefix(name, "#") {
		r.sendToChannel(l, name, target[:len(target)-len(name)])
		return
	}
	r.sendToNick(l, target)
}

// sendToChannel sends to a channel. prefix is that of STATUSMSG: with "@" only operators
// get the message, with "+" those with voice, too.
func (r *request) sendToChannel(l *line, name, prefix string) {
	n, u := r.n, r.user()
	ch := n.lookup(u, name)
	if ch == nil {
		r.complain(l.command, errNoSuchChannel, clip(name, maxChannel), "No such channel")
		return
	}
	if !ch.maySpeak(u, r.s.in(ch)) {
		r.complain(l.command, errCannotSendToChan, ch.row.Name, "Cannot send to channel")
		return
	}
	if why := ch.forbids(l); why != "" {
		r.complain(l.command, errCannotSendToChan, ch.row.Name, why)
		return
	}
	var atLeast status
	switch {
	case strings.Contains(prefix, "+"):
		prefix, atLeast = "+", statusOp|statusVoice
	case prefix != "":
		prefix, atLeast = "@", statusOp
	}
	l.params[0] = prefix + ch.row.Name
	if prefix == "" { // the channel's history leaves out what only some may read
		n.recordMessage(u, ch, nil, l)
	}
	for _, m := range ch.members {
		switch {
		case m.user == u:
			r.echo(l, m.sessions)
		case atLeast == 0 || m.status&atLeast != 0:
			n.deliver(m.sessions, r.shown(m.user, l))
		}
	}
	if !u.in(ch).has(r.s) {
		r.echo(l, []*session{r.s})
	}
}

// forbids returns why the channel's modes don't let a message through, "" when they do.
// Where colours are forbidden, it takes them off the text.
func (ch *channel) forbids(l *line) string {
	if l.command == "TAGMSG" {
		return ""
	}
	text := &l.params[1]
	if ch.flags&flagNoCTCP != 0 && holdsCTCP(*text) {
		return "Cannot send CTCP to channel (+C)"
	}
	if ch.flags&flagNoColours != 0 {
		if *text = ircfmt.Strip(*text); *text == "" {
			return "There is nothing left of your text without its formatting (+S)"
		}
	}
	return ""
}

// holdsCTCP reports whether a line of the text is for a client rather than a person.
// ACTION is for people.
func holdsCTCP(text string) bool {
	for begin := 0; ; {
		if line := text[begin:]; strings.HasPrefix(line, "\x01") && !strings.HasPrefix(line, "\x01ACTION ") {
			return true
		}
		next := strings.IndexAny(text[begin:], "\r\n")
		if next < 0 {
			return false
		}
		begin += next + 1
	}
}

func (r *request) sendToNick(l *line, nick string) {
	n, u := r.n, r.user()
	to := n.find(nick)
	switch {
	case to == nil:
		r.complain(l.command, errNoSuchNick, clip(nick, maxNick), "No such nick")
		return
	case slices.Contains(to.accepted, u):
	case to.membersPM && u.account == nil && u != to:
		r.complain(l.command, errNeedReggedNick, to.nick, "Log in to write to this user (+R)")
		return
	case !mayWrite(u, to):
		r.complain(l.command, errCantSendToUser, to.nick, "Log in to write to members; staff and #support are there for you")
		return
	}
	if to.noCTCP && l.command == "PRIVMSG" && holdsCTCP(l.params[1]) {
		r.complain(l.command, errCantSendToUser, to.nick, "This user takes no CTCP (+T)")
		return
	}
	if to.account == nil && l.command == "PRIVMSG" {
		u.accept(to) // who may now answer
	}
	l.params[0] = to.nick
	hear, ok := r.hearers(to, l)
	if !ok {
		return
	}
	n.recordMessage(u, nil, to, l)
	if to == u {
		// The sender gets the message, and then the echo, which has the label.
		label := r.label
		r.label = ""
		n.deliver(u.sessions, l)
		r.label = label
		if r.s.has(capEchoMessage) && (l.command != "TAGMSG" || r.s.has(capMessageTags)) {
			n.sendMessage(r.s, l)
		}
	} else {
		n.deliver(hear, r.shown(to, l))
		r.echo(l, u.sessions)
	}
	if to.away != "" && l.command == "PRIVMSG" {
		r.reply(rplAway, to.nick, to.away)
	}
}

// mayWrite reports whether u may write to somebody who hasn't written to u. Guests
// may write to each other, to staff and to the site's bot, which they can ask to be let in.
func mayWrite(u, to *user) bool {
	return u.account != nil || to.account == nil || to.can(core.IRCOperate) || to.can(core.IRCAnnounce)
}

// deliver sends a message to those sessions whose client understands it.
func (n *network) deliver(to []*session, l *line) {
	for _, s := range to {
		if l.command != "TAGMSG" || s.has(capMessageTags) {
			n.sendMessage(s, l)
		}
	}
}

// sendMessage sends a message in a form that the client understands. One of several lines
// is sent as a batch, or as that many messages.
func (n *network) sendMessage(s *session, l *line) {
	if !l.several {
		n.send(s, l)
		return
	}
	l.split()
	form := l.plain
	if s.has(capMultiline | capBatch) {
		form = l.whole
	}
	for _, part := range form {
		n.send(s, part)
	}
}

// echo shows a message to the sender's sessions; to the one that it came from only if that
// has echo-message.
func (r *request) echo(l *line, own []*session) {
	for _, s := range own {
		if s == r.s && !s.has(capEchoMessage) || l.command == "TAGMSG" && !s.has(capMessageTags) {
			continue
		}
		r.n.sendMessage(s, l)
	}
}
