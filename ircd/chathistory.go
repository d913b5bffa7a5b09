package ircd

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

const (
	maxHistory   = 500 // messages in one answer
	instantStamp = "2006-01-02T15:04:05.000Z"
)

// refusal is a FAIL (IRCv3 standard replies), the answer to a command that can't be
// carried out: a code, the subject and a text.
type refusal []string

func (r *request) refuse(f refusal) {
	r.locked(func() { r.n.sendLine(r.s, "FAIL", append([]string{r.msg.Command}, f...)...) })
}

// reference is a place in a history: a message, or a moment between messages.
type reference struct {
	before, after irc.MsgID // ids of what comes earlier are below before, ids of what comes later above after
	any           bool      // "*"
}

// parseReference reads "msgid=…", "timestamp=…", or "*" where that is allowed.
func parseReference(text string, star bool) (ref reference, ok bool) {
	kind, value, _ := strings.Cut(text, "=")
	switch kind {
	case "*":
		return reference{any: true}, star && value == ""
	case "msgid":
		id, ok := irc.ParseMsgID(value)
		return reference{before: id, after: id}, ok
	case "timestamp":
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return ref, false
		}
		at = at.Truncate(time.Millisecond)
		return reference{before: irc.FirstOf(at), after: irc.FirstOf(at.Add(time.Millisecond)) - 1}, true
	}
	return ref, false
}

// between is the span from one reference to the other. If the second is the earlier one,
// the client wants the newest messages of the span.
func between(a, b reference) irc.Span {
	if a.before <= b.before {
		return irc.Span{After: a.after, Before: b.before}
	}
	return irc.Span{After: b.after, Before: a.before, Newest: true}
}

// cmdChathistory is CHATHISTORY (IRCv3 draft/chathistory).
func cmdChathistory(r *request) {
	if !r.wants(capChathistory) {
		return
	}
	sub := strings.ToUpper(clip(r.param(0), 32))
	count := map[string]int{"LATEST": 4, "BEFORE": 4, "AFTER": 4, "AROUND": 4, "BETWEEN": 5, "TARGETS": 4}[sub]
	switch {
	case count == 0:
		r.refuse(refusal{"INVALID_PARAMS", orStar(sub), "There is no such subcommand"})
		return
	case len(r.params) < count:
		r.refuse(refusal{"NEED_MORE_PARAMS", sub, "Missing parameters"})
		return
	}
	limit, err := strconv.Atoi(r.param(count - 1))
	if err != nil || limit < 0 {
		r.refuse(refusal{"INVALID_PARAMS", sub, clip(orStar(r.param(count-1)), 32), "The limit must be a number"})
		return
	}
	if limit == 0 || limit > maxHistory {
		limit = maxHistory
	}
	first := 2
	if sub == "TARGETS" {
		first = 1
	}
	var refs []reference
	for _, text := range r.params[first : count-1] {
		ref, ok := parseReference(text, sub == "LATEST")
		if !ok {
			r.refuse(refusal{"INVALID_MSGREFTYPE", sub, clip(orStar(text), 80), "Write timestamp=… or msgid=…"})
			return
		}
		refs = append(refs, ref)
	}
	ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
	defer cancel()
	if sub == "TARGETS" {
		err = r.listTargets(ctx, between(refs[0], refs[1]), limit)
	} else {
		err = r.playHistory(ctx, sub, refs, limit)
	}
	if err != nil && r.ctx.Err() == nil {
		r.n.log.Error("IRC history can't be read", "err", err)
		r.refuse(refusal{"MESSAGE_ERROR", sub, clip(orStar(r.param(1)), maxChannel), "Messages can't be read at the moment"})
	}
}

// wants reports whether the client asked for the capability that a command belongs to.
// To a client that didn't, the command is unknown.
func (r *request) wants(bit capSet) (ok bool) {
	r.locked(func() {
		if ok = r.s.has(bit); !ok {
			r.reply(errUnknownCommand, r.msg.Command, "Unknown command")
		}
	})
	return ok
}

// archive is a history that somebody may read.
type archive struct {
	key   string // in the store
	name  string // as the reader calls it
	ch    *channel
	self  core.MemberID // 0 for channels and guests
	peer  core.MemberID
	floor irc.MsgID
}

// archive looks up the history that a client names, and whether its user may read it.
func (r *request) archive(target string) (a archive, ok bool) {
	n, account := r.n, ""
	r.locked(func() {
		u := r.user()
		if u.account != nil {
			a.self = u.account.member.ID
		}
		if strings.HasPrefix(target, "#") {
			if a.ch = n.lookup(u, target); a.ch != nil {
				a.key, a.name = fold(target), a.ch.row.Name
				a.floor, ok = n.mayRead(u, a.ch)
			}
			return
		}
		a.name, account = target, target
		if to := n.find(target); to != nil {
			a.name, account = to.nick, to.accountName()
			if to.account != nil {
				a.peer = to.account.member.ID
			}
		}
	})
	if strings.HasPrefix(target, "#") || a.self == 0 || account == "" {
		return a, ok
	}
	if a.peer == 0 {
		ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
		defer cancel()
		m, err := n.members.ByName(ctx, account)
		if err != nil {
			return a, false
		}
		a.peer = m.ID
	}
	a.key = irc.PrivateTarget(a.self, a.peer)
	return a, true
}

// playHistory answers all subcommands but TARGETS.
func (r *request) playHistory(ctx context.Context, sub string, refs []reference, limit int) error {
	a, ok := r.archive(r.param(1))
	if !ok {
		r.refuse(refusal{"INVALID_TARGET", sub, clip(orStar(r.param(1)), maxChannel), "Messages could not be retrieved"})
		return nil
	}
	events := false
	r.locked(func() { events = r.s.has(capEventPlayback) })
	read := func(s irc.Span) ([]irc.Message, error) {
		s.After, s.Events = max(s.After, a.floor), events
		if s.Limit == 0 {
			s.Limit = limit
		}
		return r.n.rec.store.Read(ctx, a.key, s)
	}
	if err := r.n.rec.settle(ctx); err != nil {
		return err
	}
	var list []irc.Message
	var err error
	newest := true // whether the newest are kept when not all fit
	switch sub {
	case "LATEST":
		list, err = read(irc.Span{After: refs[0].after, Newest: true})
	case "BEFORE":
		list, err = read(irc.Span{Before: refs[0].before, Newest: true})
	case "AFTER":
		newest = false
		list, err = read(irc.Span{After: refs[0].after})
	case "BETWEEN":
		span := between(refs[0], refs[1])
		newest = span.Newest
		list, err = read(span)
	case "AROUND":
		newest = false
		if half := limit / 2; half > 0 {
			list, err = read(irc.Span{Before: refs[0].before, Newest: true, Limit: half})
		}
		if err == nil {
			var rest []irc.Message
			rest, err = read(irc.Span{After: refs[0].before - 1, Limit: limit - len(list)})
			list = append(list, rest...)
		}
	}
	if err != nil {
		return err
	}
	r.locked(func() { r.n.sendHistory(r.s, a, list, newest) })
	return nil
}

// sendHistory sends messages as a batch, as many as fit into half of the client's
// queue.
func (n *network) sendHistory(s *session, a archive, list []irc.Message, newest bool) {
	room := n.cfg.SendQueue / 2
	size := func(m irc.Message) int { return 300 + len(m.Source) + len(m.Tags) + 2*len(m.Text) }
	keep := 0
	for keep < len(list) {
		m := list[keep]
		if newest {
			m = list[len(list)-1-keep]
		}
		if room -= size(m); room < 0 {
			break
		}
		keep++
	}
	if newest {
		list = list[len(list)-keep:]
	} else {
		list = list[:keep]
	}
	n.inBatch(s, []string{"chathistory", a.name}, func(batch string) {
		for _, m := range list {
			target := a.name
			if a.ch == nil && m.AccountID != a.self {
				target = s.user.nick
			}
			l := fromHistory(m, target)
			l.batch = batch
			if l.command == "TAGMSG" && !s.has(capMessageTags) {
				continue
			}
			n.sendMessage(s, l)
		}
	})
}

// inBatch lets f send lines that form a batch (IRCv3 batch). A client that doesn't know
// batches gets them as they are.
func (n *network) inBatch(s *session, params []string, f func(batch string)) {
	if !s.has(capBatch) {
		f("")
		return
	}
	n.serial++
	id := "h" + strconv.FormatUint(n.serial, 36)
	n.sendLine(s, "BATCH", append([]string{"+" + id}, params...)...)
	f(id)
	n.sendLine(s, "BATCH", "-"+id)
}

// listTargets is CHATHISTORY TARGETS: where something was said in a span of time.
func (r *request) listTargets(ctx context.Context, s irc.Span, limit int) error {
	n := r.n
	var keys []string
	names := map[string]string{}
	var self core.MemberID
	r.locked(func() {
		u := r.user()
		if u.account != nil {
			self = u.account.member.ID
		}
		for _, ch := range n.channels {
			if from, ok := n.mayRead(u, ch); ok && from == 0 && (u.in(ch) != nil || ch.row.AutoJoin) {
				key := fold(ch.row.Name)
				keys = append(keys, key)
				names[key] = ch.row.Name
			}
		}
	})
	if err := n.rec.settle(ctx); err != nil {
		return err
	}
	s.Limit = limit
	list, err := n.rec.store.Targets(ctx, keys, self, s)
	if err != nil {
		return err
	}
	for _, t := range list {
		if t.Peer == 0 {
			continue
		}
		m, err := n.members.ByID(ctx, t.Peer)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return err
		}
		names[t.Name] = m.Name
	}
	r.locked(func() {
		n.inBatch(r.s, []string{"draft/chathistory-targets"}, func(batch string) {
			for _, t := range list {
				name := names[t.Name]
				if a := n.accounts[t.Peer]; a != nil && a.user != nil {
					name = a.user.nick
				}
				if name != "" {
					l := n.line("CHATHISTORY", "TARGETS", name, t.Last.Time().Format(instantStamp))
					l.batch = batch
					n.send(r.s, l)
				}
			}
		})
	})
	return nil
}

// cmdRedact is REDACT (IRCv3 draft/message-redaction), which deletes a message. Its
// author, operators of the channel, and staff may do that.
func cmdRedact(r *request) {
	if !r.wants(capRedact) {
		return
	}
	target, text, reason := r.param(0), clip(r.param(1), 64), clip(r.param(2), maxReason)
	a, ok := r.archive(target)
	if !ok {
		r.refuse(refusal{"INVALID_TARGET", clip(orStar(target), maxChannel), "You can't delete messages there"})
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
	defer cancel()
	id, ok := irc.ParseMsgID(text)
	var m irc.Message
	err := r.n.rec.settle(ctx)
	if ok && err == nil {
		m, ok, err = r.n.rec.store.FindIn(ctx, id, a.key)
	}
	allowed := false
	switch {
	case err != nil:
	case !ok || m.Kind != "PRIVMSG" && m.Kind != "NOTICE" && m.Kind != "TAGMSG":
		r.refuse(refusal{"UNKNOWN_MSGID", a.name, orStar(text), "This message is not known, or gone already"})
		return
	default:
		r.locked(func() { allowed = mayRedact(r.user(), a, m) })
		if !allowed {
			r.refuse(refusal{"REDACT_FORBIDDEN", a.name, text, "You can only delete what you said"})
			return
		}
		err = r.n.rec.store.Delete(ctx, id)
	}
	if core.CodeOf(err) == core.NotFound {
		err = nil // somebody else has just deleted it
	}
	if err != nil {
		r.n.log.Error("a message can't be deleted", "err", err)
		r.refuse(refusal{"MESSAGE_ERROR", a.name, orStar(text), "Messages can't be deleted at the moment"})
		return
	}
	r.locked(func() { r.tellRedacted(a, text, reason) })
}

// mayRedact reports whether u may delete a message. A guest's own messages are those
// under its present nick and host since it came.
func mayRedact(u *user, a archive, m irc.Message) bool {
	switch {
	case m.AccountID != 0 && u.account != nil && m.AccountID == u.account.member.ID:
		return true
	case m.AccountID == 0 && u.account == nil && m.Source == u.prefix() && m.ID >= irc.FirstOf(u.since):
		return true
	}
	return a.ch != nil && (u.status(a.ch)&statusOp != 0 || u.can(core.IRCHistory))
}

func (r *request) tellRedacted(a archive, id, reason string) {
	n, u := r.n, r.user()
	params := []string{a.name, id}
	if reason != "" {
		params = append(params, reason)
	}
	l := n.lineFrom(u, "REDACT", params...)
	tell := func(to []*session) {
		for _, s := range to {
			if s.has(capRedact) {
				n.send(s, l)
			}
		}
	}
	if a.ch == nil {
		tell(u.sessions)
		if other := n.accounts[a.peer]; other != nil && other.user != nil && other.user != u {
			tell(other.user.sessions)
		}
		return
	}
	for _, m := range a.ch.members {
		tell(m.sessions)
	}
}
