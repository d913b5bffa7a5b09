package ircd

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ergochat/irc-go/ircmsg"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// stamp gives a line its msgid, and the time under which the history keeps it.
func (n *network) stamp(l *line) {
	n.lastID = n.lastID.Next(l.at)
	l.id, l.at = n.lastID, n.lastID.Time()
}

// maxTags bounds the client-only tags of a message, in bytes; beyond it none are kept.
const maxTags = 1024

// sent is a line in the form in which it is kept. Text is what follows the target.
func sent(u *user, l *line, text string) irc.Sent {
	m := irc.Message{ID: l.id, Kind: l.command, Source: l.source, Account: l.account, Bot: l.bot, Text: text, Tags: encodeTags(l.tags)}
	if u != nil && u.account != nil {
		m.AccountID = u.account.member.ID
	}
	return irc.Sent{Message: m}
}

func encodeTags(tags map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(name + "=" + ircmsg.EscapeTagValue(tags[name]))
	}
	if b.Len() > maxTags {
		return ""
	}
	return b.String()
}

func decodeTags(text string) map[string]string {
	if text == "" {
		return nil
	}
	tags := map[string]string{}
	for pair := range strings.SplitSeq(text, ";") {
		name, value, _ := strings.Cut(pair, "=")
		tags[name] = ircmsg.UnescapeTagValue(value)
	}
	return tags
}

// recordEvent keeps a line about a channel that isn't a message. u did it; nil is the
// server.
func (n *network) recordEvent(ch *channel, u *user, l *line, text string) {
	if n.rec == nil || n.closing {
		return
	}
	m := sent(u, l, text)
	m.Target = fold(ch.row.Name)
	n.rec.add(m)
}

// recordMove keeps the coming, leaving or renaming of a member of a channel, if all others
// saw it.
func (n *network) recordMove(m *membership, l *line, text string) {
	if m.ch.flags&flagAuditorium == 0 || m.status != 0 {
		n.recordEvent(m.ch, m.user, l, text)
	}
}

// lasting reports whether a message is to be kept. Typing notices and questions from
// client to client are not.
func (l *line) lasting() bool {
	if l.command != "TAGMSG" {
		return !strings.HasPrefix(l.params[1], "\x01") || strings.HasPrefix(l.params[1], "\x01ACTION ")
	}
	for name := range l.tags {
		if name != "+typing" && name != "+draft/typing" {
			return true
		}
	}
	return false
}

// recordMessage keeps a message to a channel, or to a user where ch is nil. What is
// said to the site's bot or by it in private is not kept: it may hold keys.
func (n *network) recordMessage(u *user, ch *channel, to *user, l *line) {
	if n.rec == nil || !l.lasting() {
		return
	}
	text := ""
	if len(l.params) > 1 {
		text = l.params[1]
	}
	m := sent(u, l, text)
	switch {
	case ch != nil:
		m.Target, ch.said = fold(ch.row.Name), l.id
	case u.account == nil || to.account == nil || u.can(core.IRCAnnounce) || to.can(core.IRCAnnounce):
		return
	default:
		m.Peer = to.account.member.ID
	}
	n.rec.add(m)
}

// fromHistory makes a line from a kept message. target is what the reader calls the
// channel or the other side.
func fromHistory(m irc.Message, target string) *line {
	l := &line{source: m.Source, command: m.Kind, params: []string{target}, at: m.ID.Time(), account: m.Account, bot: m.Bot, id: m.ID, tags: decodeTags(m.Tags)}
	switch m.Kind {
	case "PRIVMSG", "NOTICE":
		l.params = append(l.params, m.Text)
		l.several = strings.ContainsAny(m.Text, "\r\n")
	case "TOPIC":
		l.params = append(l.params, m.Text)
	case "KICK":
		l.params = append(l.params, strings.SplitN(m.Text, " ", 2)...)
	case "MODE":
		l.params = append(l.params, strings.Fields(m.Text)...)
	case "NICK", "QUIT":
		l.params = []string{m.Text}
	case "PART":
		if m.Text != "" {
			l.params = append(l.params, m.Text)
		}
	}
	return l
}

// ForgetConsumer is the name of the cursor by which the history is forgotten. It is not the
// network's: much may be to be deleted, and nobody's rights wait for that.
const ForgetConsumer = "ircd:forget"

// forgetter deletes what members, or staff for them, want to have forgotten: all that was
// said before they asked. A run that ends in the middle leaves the rest to the next, as the
// event comes again.
func (n *network) forgetter() eventlog.Consumer {
	return eventlog.Consumer{Name: ForgetConsumer, Log: n.log, Handlers: []eventlog.Handler{
		eventlog.On(func(ctx context.Context, e eventlog.Event, what eventlog.IRCForgotten) error {
			if n.rec == nil {
				return nil
			}
			return n.rec.forget(ctx, what, irc.FirstOf(e.At.Add(time.Second))-1) // events know whole seconds
		}),
	}}
}

// followForgetting runs the forgetter until ctx ends.
func (n *network) followForgetting(ctx context.Context, log EventLog) error {
	pos, err := log.Cursor(ctx, ForgetConsumer)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the room was told to end before it had begun
	}
	if err != nil {
		return err
	}
	return log.ConsumeFrom(ctx, pos, n.forgetter())
}

// memory is what is known of a member from before.
type memory struct {
	settings irc.Settings
	marks    marks
}

// recall reads what is known of a member. Should that fail, they are only not shown what
// they missed.
func (n *network) recall(ctx context.Context, m core.MemberID) memory {
	if n.rec == nil {
		return memory{}
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	known, err := n.rec.store.Known(ctx, m)
	if err != nil {
		n.log.Error("a member's IRC settings can't be read", "member", m, "err", err)
		return memory{}
	}
	return memory{settings: known.Settings, marks: known.Read}
}

// mayRead reports whether u may read the history of a channel, and from which message on.
// Members may read all of the channels that they are in, and of the site's channels that
// they could enter at once, so not where they are banned. Guests may read what was said
// since they came.
func (n *network) mayRead(u *user, ch *channel) (from irc.MsgID, ok bool) {
	m := u.in(ch)
	switch {
	case u.account == nil && m == nil:
		return 0, false
	case u.account == nil:
		return min(m.entered, max(n.lastID, 1)) - 1, !ch.banned(u) // entered may be of a clock that was ahead
	case m != nil && m.status&statusOp != 0:
		return 0, true
	case m != nil:
		return 0, !ch.banned(u)
	case !ch.kept:
		return 0, false
	}
	code, _ := n.mayJoin(u, ch, "")
	return 0, (code == "" || code == errTooManyChannels && ch.admits(u)) && !ch.hides(u)
}
