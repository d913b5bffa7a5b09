package ircd

import (
	"context"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// cmdTopic is TOPIC. A new topic is saved before anyone sees it.
func cmdTopic(r *request) {
	n := r.n
	if r.keepsBack(r.param(0), r.param(1)) {
		return
	}
	var ch *channel
	r.locked(func() {
		ch = n.lookup(r.user(), r.param(0))
		switch {
		case ch == nil:
			r.reply(errNoSuchChannel, clip(r.param(0), maxChannel), "No such channel")
		case r.s.in(ch) == nil:
			r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
			ch = nil
		case len(r.params) == 1:
			if ch.topic() == "" {
				r.reply(rplNoTopic, ch.row.Name, "No topic is set")
			} else {
				n.sendTopic(r.s, ch)
			}
			ch = nil
		case ch.flags&flagTopicLock != 0 && !r.operates(ch):
			ch = nil
		}
	})
	if ch != nil {
		r.setTopic(ch, clip(r.param(1), maxTopic))
	}
}

func (r *request) setTopic(ch *channel, topic string) {
	n := r.n
	ch.saving.Lock()
	defer ch.saving.Unlock()
	by, at, name, kept := "", n.clock(), "", false
	r.locked(func() { by, name, kept = r.user().nick, ch.row.Name, ch.kept })
	if name == "" {
		return // the connection has ended
	}
	if kept {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), queryTimeout)
		defer cancel()
		if err := n.store.SaveTopic(ctx, name, topic, by, at); err != nil {
			n.log.Error("a topic can't be saved", "channel", name, "err", err)
			r.locked(func() { r.reply(errUnknown, "TOPIC", "The topic can't be saved at the moment and was not changed") })
			return
		}
	}
	// The change is saved, so it is made even if the asker has gone by now.
	n.lockedFor(r, func() {
		ch.row.Topic, ch.row.TopicBy, ch.row.TopicAt = topic, by, at
		l := n.lineFrom(r.user(), "TOPIC", name, topic)
		n.stamp(l)
		n.recordEvent(ch, r.user(), l, topic)
		n.tellChannel(ch, l)
	})
}

func (n *network) sendTopic(s *session, ch *channel) {
	n.numeric(s, rplTopic, ch.row.Name, ch.topic())
	if !ch.row.TopicAt.IsZero() {
		n.numeric(s, rplTopicWho, ch.row.Name, ch.row.TopicBy, strconv.FormatInt(ch.row.TopicAt.Unix(), 10))
	}
}

// cmdNames is NAMES for a few channels.
func cmdNames(r *request) {
	names := targets(r.param(0))
	if len(names) == 0 {
		names = []string{"*"}
	}
	names = names[:min(len(names), maxTargets)]
	for i, name := range names {
		if ch := r.n.lookup(r.user(), name); ch != nil {
			r.n.sendNames(r.s, ch)
			names[i] = ch.row.Name
		} else {
			names[i] = clip(name, maxChannel)
		}
	}
	r.reply(rplEndOfNames, strings.Join(names, ","), "End of NAMES list")
}

// sendNames lists who is in the channel, as far as the session may see it.
func (n *network) sendNames(s *session, ch *channel) {
	symbol := "="
	if ch.flags&flagSecret != 0 {
		symbol = "@"
	}
	in := s.user.in(ch) != nil || s.user.may(core.IRCOverride)
	room := maxLine - len(":"+n.cfg.ServerName+" 353 "+s.target()+" = "+ch.row.Name+" :\r\n")
	var b strings.Builder
	out := func() {
		if b.Len() > 0 {
			n.numeric(s, rplNamReply, symbol, ch.row.Name, b.String())
			b.Reset()
		}
	}
	for m := range ch.visible(s.user) {
		if !in && m.user.invisible {
			continue
		}
		name := m.user.nick
		if s.has(capUserhostInNames) {
			name = m.user.prefix()
		}
		word := m.status.symbols(s.has(capMultiPrefix)) + name
		if b.Len()+1+len(word) > room {
			out()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	out()
}
