package ircd

import (
	"context"
	"strconv"
	"strings"
)

// cmdTopic is TOPIC. A new topic is saved before anyone sees it.
func cmdTopic(r *request) {
	n := r.n
	var ch *channel
	r.locked(func() {
		ch = n.lookup(r.c, r.param(0))
		switch {
		case ch == nil:
			r.reply(errNoSuchChannel, clip(r.param(0), maxChannel), "No such channel")
		case !ch.has(r.c):
			r.reply(errNotOnChannel, ch.row.Name, "You're not on that channel")
			ch = nil
		case len(r.params) == 1:
			if ch.topic() == "" {
				r.reply(rplNoTopic, ch.row.Name, "No topic is set")
			} else {
				n.sendTopic(r.c, ch)
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
	r.locked(func() { by, name, kept = r.c.nick, ch.row.Name, ch.kept })
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
	// The change is saved: it is made even when who made it is gone by now.
	n.lockedFor(r, func() {
		ch.row.Topic, ch.row.TopicBy, ch.row.TopicAt = topic, by, at
		l := n.lineFrom(r.c, "TOPIC", name, topic)
		for viewer := range ch.members {
			n.send(viewer, l)
		}
	})
}

func (n *network) sendTopic(c *client, ch *channel) {
	n.numeric(c, rplTopic, ch.row.Name, ch.topic())
	if !ch.row.TopicAt.IsZero() {
		n.numeric(c, rplTopicWho, ch.row.Name, ch.row.TopicBy, strconv.FormatInt(ch.row.TopicAt.Unix(), 10))
	}
}

// cmdNames is NAMES.
func cmdNames(r *request) {
	name := r.param(0)
	if i := strings.IndexByte(name, ','); i >= 0 {
		name = name[:i] // TARGMAX says one
	}
	ch := r.n.lookup(r.c, name)
	if ch == nil {
		r.reply(rplEndOfNames, clip(orStar(name), maxChannel), "End of NAMES list")
		return
	}
	r.n.sendNames(r.c, ch)
}

// sendNames lists who is in the channel, as far as c may see it.
func (n *network) sendNames(c *client, ch *channel) {
	symbol := "="
	if ch.flags&flagSecret != 0 {
		symbol = "@"
	}
	in := ch.has(c)
	room := maxLine - len(":"+n.cfg.ServerName+" 353 "+c.target()+" = "+ch.row.Name+" :\r\n")
	var b strings.Builder
	out := func() {
		if b.Len() > 0 {
			n.numeric(c, rplNamReply, symbol, ch.row.Name, b.String())
			b.Reset()
		}
	}
	for m, s := range ch.visible(c) {
		if !in && m.invisible {
			continue
		}
		name := m.nick
		if c.has(capUserhostInNames) {
			name = m.prefix()
		}
		word := s.symbols(c.has(capMultiPrefix)) + name
		if b.Len()+1+len(word) > room {
			out()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	out()
	n.numeric(c, rplEndOfNames, ch.row.Name, "End of NAMES list")
}

// cmdList is LIST: all channels that may be known, or those named.
func cmdList(r *request) {
	r.reply(rplListStart, "Channel", "Users  Name")
	show := func(ch *channel) {
		if !ch.hides(r.c) {
			r.reply(rplList, ch.row.Name, strconv.Itoa(len(ch.members)), ch.topic())
		}
	}
	if r.param(0) != "" {
		for _, name := range targets(r.param(0)) {
			if ch := r.n.channels[fold(name)]; ch != nil {
				show(ch)
			}
		}
	} else {
		for _, ch := range r.n.channels { // at most maxChannels
			show(ch)
		}
	}
	r.reply(rplListEnd, "End of LIST")
}
