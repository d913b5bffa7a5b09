package hermes

import (
	"context"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

const (
	porters      = 2
	porterLimit  = 4096 // messages that wait for a porter; after a netsplit all come at once
	entryUsage   = "Write: ENTER #channel name key, with the IRC key of your settings page, to me alone; or IDENTIFY name key."
	entryBetween = "Don't say your key where others read it: draw a new one on your settings page now, and tell it to me alone."
)

// porter lets people in who tell it their name and key.
type porter struct {
	*inbox
	doors *doors // nil on our own network
	queue chan message
	limit *rates.Limit
}

func (p *porter) run(ctx context.Context, l *link) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-p.queue:
			p.open(ctx, l, m)
		}
	}
}

// open answers one message.
func (p *porter) open(ctx context.Context, l *link, m message) {
	result := "ok"
	say := func(text string) { p.send(ctx, l, m, m.nick, text) }
	if wait, first := p.limit.Take(rates.Who{By: rates.Network, Name: strings.ToLower(m.host)}); wait > 0 {
		p.metrics.commands.WithLabelValues("limited").Inc()
		if first {
			say(tooFast)
		}
		return
	}
	if err := p.enter(ctx, m, say); err != nil {
		result = string(core.CodeOf(err))
		if core.CodeOf(err) == core.Unavailable || core.CodeOf(err) == core.Internal {
			p.deps.Log.Warn("somebody could not be let in", "err", err)
		}
		say(core.SafeText(err))
	}
	p.metrics.commands.WithLabelValues(result).Inc()
}

func (p *porter) enter(ctx context.Context, m message, say func(string)) error {
	if !m.private {
		say(entryBetween)
		return nil
	}
	if p.doors == nil {
		if m.account != "" {
			say("You are logged in as " + m.account + ": what you may enter is open to you, with /join.")
			return nil
		}
		return core.Errorf(core.Invalid, "log in first: with SASL, or by /msg NickServ IDENTIFY name key")
	}
	if m.entry.Name == "" {
		return core.Errorf(core.Invalid, "%s", entryUsage)
	}
	who, err := p.doors.login(ctx, m.host, m.entry.Name, m.entry.Key)
	if err != nil {
		return err
	}
	s := m.ticket.f
	if !m.ticket.bind(who) {
		return core.Errorf(core.Conflict, "your nick or host has changed meanwhile: please say it once more")
	}
	// No event has told us of a change on the site since the key was checked.
	if err := p.doors.sameKey(ctx, who.ID, m.entry.Key); err != nil {
		s.estrange(who.ID)
		return err
	}
	if err := p.doors.reread(ctx, s, who.ID); err != nil {
		return err
	}
	lines, text := s.letIn(m, &who, p.doors.channels())
	if text == "" {
		return nil // gone
	}
	for _, l := range lines {
		if err := s.outbox.send(ctx, replies, s.gone, l[0], l[1:]...); err != nil {
			return core.Wrap(err, core.Unavailable, "the connection was lost: please say it once more")
		}
	}
	say(text)
	return nil
}

// letIn returns the lines that let somebody into the channels that they named, and what to
// tell them: "" if somebody else may have the nick now.
func (f *foreign) letIn(m message, who *member.Member, kept []Channel) ([]line, string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !m.ticket.held() {
		return nil, ""
	}
	var lines []line
	var in, invited, closed []string
	seen := map[string]bool{}
	take := func(c Channel) {
		l, joins := f.kind.enter(m.nick, c.Name, f.oper)
		if _, there := m.ticket.p.channels[f.fold(c.Name)]; !there {
			lines = append(lines, l)
		}
		if joins {
			in = append(in, c.Name)
		} else {
			invited = append(invited, c.Name)
		}
	}
	for _, c := range kept {
		if len(m.entry.Channels) == 0 && m.entry.Enter && c.AutoJoin && c.admits(who) {
			take(c)
		}
	}
	for _, name := range m.entry.Channels {
		i := slices.IndexFunc(kept, func(c Channel) bool { return f.fold(c.Name) == f.fold(name) && c.admits(who) })
		switch {
		case i < 0:
			closed = append(closed, text.Cut(name, 50))
		case !seen[f.fold(name)]:
			seen[f.fold(name)] = true
			take(kept[i])
		}
	}
	text := "You are " + who.Name + " to me now."
	if len(in) > 0 {
		text += " You are in " + strings.Join(in, ", ") + "."
	}
	if len(invited) > 0 {
		text += " You are invited: /join " + strings.Join(invited, ",")
	}
	if len(closed) > 0 {
		text += " Not open to you: " + strings.Join(closed, ", ") + "."
	}
	return lines, text
}
