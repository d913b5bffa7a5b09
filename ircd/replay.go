package ircd

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// catchUp is a channel that a session entered and whose missed lines it is to see.
type catchUp struct {
	m             *membership
	after, before irc.MsgID
	lines         int
}

// wantReplay notes that a session which can't ask for history itself is to see what
// its member missed in a channel: what was said from when the last connection ended
// until now, once for each channel.
func (n *network) wantReplay(s *session, m *membership) {
	a := s.account
	if n.rec == nil || a == nil || a.known.settings.Left == 0 || s.has(capChathistory) || a.replayed[m.ch] {
		return
	}
	if left := a.known.settings.Left; left >= n.firstID && left >= m.ch.said {
		return // nothing: there is no need to look, and all come back at once when a connection breaks
	}
	lines := a.known.settings.Replay
	if lines < 0 {
		lines = n.cfg.Replay
	}
	if lines > 0 {
		s.catchUp = append(s.catchUp, catchUp{m: m, after: a.known.settings.Left, before: a.back, lines: lines})
	}
}

// replay sends a session what it is to see of before. Call it without the lock.
func (n *network) replay(ctx context.Context, s *session) {
	var todo []catchUp
	n.locked(func() { todo, s.catchUp = s.catchUp, nil })
	if len(todo) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	for _, c := range todo {
		if err := n.replayOne(ctx, s, c); err != nil {
			if ctx.Err() == nil {
				n.log.Error("missed lines can't be shown", "err", err)
			}
			return
		}
	}
}

func (n *network) replayOne(ctx context.Context, s *session, c catchUp) error {
	key := ""
	n.locked(func() {
		if from, ok := n.mayRead(s.user, c.m.ch); ok && from == 0 && s.account != nil && !s.account.replayed[c.m.ch] {
			key = fold(c.m.ch.row.Name)
		}
	})
	if key == "" {
		return nil
	}
	list, err := n.rec.store.Read(ctx, key, irc.Span{After: c.after, Before: c.before, Limit: c.lines, Newest: true})
	if err != nil {
		return err
	}
	n.locked(func() {
		if s.gone || s.account == nil {
			return
		}
		s.account.replayed[c.m.ch] = true
		n.showOld(s, c.m.ch, list)
	})
	return nil
}

// showOld sends messages of a channel as they were said; to clients without
// server-time the time stands before the text.
func (n *network) showOld(s *session, ch *channel, list []irc.Message) {
	for _, m := range list {
		if !s.has(capServerTime) {
			at := m.ID.Time().Format("[Jan 2 15:04] ")
			if rest, ok := strings.CutPrefix(m.Text, "\x01ACTION "); ok {
				m.Text = "\x01ACTION " + at + rest
			} else {
				m.Text = at + m.Text
			}
		}
		n.sendMessage(s, fromHistory(m, ch.row.Name))
	}
}

// cmdHistory is HISTORY, for people whose client knows nothing of chathistory.
func cmdHistory(r *request) {
	const most = 100
	count, err := strconv.Atoi(cmp.Or(r.param(1), "20"))
	a, ok := r.archive(r.param(0))
	if !ok || a.ch == nil || err != nil {
		r.locked(func() {
			r.reply(errNoSuchChannel, clip(orStar(r.param(0)), maxChannel), "Say HISTORY #channel count, of a channel that you may read")
		})
		return
	}
	ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
	defer cancel()
	var list []irc.Message
	if err = r.n.rec.settle(ctx); err == nil {
		list, err = r.n.rec.store.Read(ctx, a.key, irc.Span{After: a.floor, Limit: max(1, min(count, most)), Newest: true})
	}
	r.locked(func() {
		if err != nil {
			r.n.log.Error("IRC history can't be read", "err", err)
			r.reply(errUnknown, "HISTORY", "Messages can't be read at the moment")
			return
		}
		r.n.showOld(r.s, a.ch, list)
		r.n.notice(r.s, "End of what was said in "+a.name)
	})
}
