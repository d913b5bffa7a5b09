package ircd

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ergochat/irc-go/ircmsg"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// line is one message on its way to clients. It is encoded once for each set of
// capabilities that changes its form, however many clients get it. Its methods
// are called under the network's lock; the encoded bytes are never changed.
type line struct {
	source  string
	command string
	params  []string
	at      time.Time
	account string            // the sender's, for account-tag
	bot     bool              // whether the sender is a bot
	tags    map[string]string // the sender's client-only tags, and what withTag adds
	id      irc.MsgID         // 0 without
	batch   string            // the batch that it is part of
	concat  bool              // whether it continues the line before it in the batch
	part    bool              // whether it is a line of a batch whose tags stand at the batch's beginning
	several bool              // whether the text of this message has several lines; see network.sendMessage

	whole, plain []*line // of a message of several lines: as a batch, and as messages

	body    []byte
	encoded [8][]byte
}

// withTag is a copy of the line with one more tag.
func (l *line) withTag(name, value string) *line {
	tags := map[string]string{name: value}
	maps.Copy(tags, l.tags)
	return &line{source: l.source, command: l.command, params: l.params, at: l.at, account: l.account, bot: l.bot, tags: tags,
		id: l.id, batch: l.batch, concat: l.concat, several: l.several}
}

// bytes encodes the line for a client with caps. Three capabilities change its
// form, so there are eight forms.
func (l *line) bytes(caps capSet) []byte {
	i := 0
	if caps&capServerTime != 0 {
		i |= 1
	}
	if caps&capAccountTag != 0 {
		i |= 2
	}
	if caps&capMessageTags != 0 {
		i |= 4
	}
	if l.encoded[i] == nil {
		l.encoded[i] = l.with(caps)
	}
	return l.encoded[i]
}

// with encodes the line with extra tags, given as names and values in turn.
func (l *line) with(caps capSet, extra ...string) []byte {
	if l.body == nil {
		l.body = l.encodeBody()
	}
	var b strings.Builder
	tag := func(name, value string) {
		if b.Len() == 0 {
			b.WriteByte('@')
		} else {
			b.WriteByte(';')
		}
		b.WriteString(name)
		if value != "" {
			b.WriteByte('=')
			b.WriteString(ircmsg.EscapeTagValue(value))
		}
	}
	for i := 0; i+1 < len(extra); i += 2 {
		tag(extra[i], extra[i+1])
	}
	if l.batch != "" {
		tag("batch", l.batch)
	}
	if l.concat {
		tag(concatTag, "")
	}
	if caps&capServerTime != 0 && !l.part {
		tag("time", l.at.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	if caps&capAccountTag != 0 && l.account != "" && !l.part {
		tag("account", l.account)
	}
	if caps&capMessageTags != 0 {
		if l.id != 0 {
			tag("msgid", l.id.String())
		}
		if l.bot && !l.part {
			tag("bot", "")
		}
		for _, name := range slices.Sorted(maps.Keys(l.tags)) {
			tag(name, l.tags[name])
		}
	}
	if b.Len() == 0 {
		return l.body
	}
	b.WriteByte(' ')
	b.Write(l.body)
	return []byte(b.String())
}

// encodeBody makes the part after the tags, of at most 512 bytes: a text that is too long
// is cut at a character. Parameters that would break the line are mended, so that nothing
// a client sends can become a second line.
func (l *line) encodeBody() []byte {
	params := make([]string, len(l.params))
	for i, p := range l.params {
		params[i] = mend(p, i < len(l.params)-1)
	}
	msg := ircmsg.MakeMessage(nil, l.source, l.command, params...)
	if colonBeforeLast(l.command, len(params)) {
		msg.ForceTrailing()
	}
	// With mended parameters the only possible error is that the line was cut.
	out, _ := msg.LineBytesStrict(false, maxLine)
	return out
}

// maxLine is the longest line without tags, with CR and LF.
const maxLine = 512

func mend(p string, middle bool) string {
	if strings.ContainsAny(p, "\r\n\x00") {
		p = strings.NewReplacer("\r", " ", "\n", " ", "\x00", "").Replace(p)
	}
	if !middle {
		return p
	}
	p = strings.ReplaceAll(p, " ", "_")
	if p == "" {
		return "*"
	}
	if p[0] == ':' {
		return "_" + p[1:]
	}
	return p
}

// colonBeforeLast reports whether the last parameter of a command is a text,
// before which simple clients expect the colon even where it isn't needed.
func colonBeforeLast(command string, params int) bool {
	switch command {
	case "PART":
		return params > 1
	case "REDACT":
		return params > 2
	case "JOIN", "NICK", "MODE", "BATCH", "ACCOUNT", "CHGHOST", "INVITE", "AUTHENTICATE", "TAGMSG", "ACK", "MARKREAD", "CHATHISTORY", rplInviteList,
		rplChannelModeIs, rplCreationTime, rplTopicWho, rplUModeIs, rplInviting, rplBanList, rplExceptList, rplInvexList, rplWhoSpc:
		return false
	}
	return true
}
