package ircd

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// changes remembers what the event log reports while a login or a nick is being checked:
// the check may have read what was there before the change.
type changes struct {
	checking int    // how many checks are under way; without any nothing is remembered
	seq      uint64 // grows with each change
	all      uint64 // the last change that concerned everybody
	ids      map[core.MemberID]uint64
	names    map[string]uint64
}

func (ch *changes) note(id core.MemberID, name string) {
	ch.seq++
	if ch.checking == 0 {
		return
	}
	if ch.ids == nil {
		ch.ids, ch.names = map[core.MemberID]uint64{}, map[string]uint64{}
	}
	ch.ids[id] = ch.seq
	ch.names[fold(name)] = ch.seq
}

// settled runs try, which reads something from the site without the lock and then uses it
// under the lock, if unchanged (to be called under the lock) says that it has not changed
// in between. Otherwise try returns false, and is run again.
func (n *network) settled(try func(unchanged func(core.MemberID, string) bool) (bool, error)) error {
	for range 4 {
		done, err := n.trySettled(try)
		if done || err != nil {
			return err
		}
	}
	return core.Errorf(core.Unavailable, "the account is being changed, try again in a moment")
}

func (n *network) trySettled(try func(unchanged func(core.MemberID, string) bool) (bool, error)) (bool, error) {
	var since uint64
	n.locked(func() {
		n.changes.checking++
		since = n.changes.seq
	})
	defer n.locked(func() {
		if n.changes.checking--; n.changes.checking == 0 {
			n.changes.ids, n.changes.names = nil, nil
		}
	})
	return try(func(id core.MemberID, name string) bool {
		ch := &n.changes
		return ch.all <= since && ch.ids[id] <= since && ch.names[fold(name)] <= since
	})
}

// Consumer is the name of the network's cursor in the event log.
const Consumer = "ircd"

// follow keeps the rights of open connections up to date with the site, by the events after
// from. It returns when ctx ends.
func (n *network) follow(ctx context.Context, log EventLog, from int64) error {
	return log.ConsumeFrom(ctx, from, n.consumer())
}

// noted is what a batch of events leaves to be done at its end.
type noted struct {
	done             map[core.MemberID]bool // members who were looked at
	everybody, lines bool
}

func newNoted() *noted { return &noted{done: map[core.MemberID]bool{}} }

// consumer handles events. A member who can't be read is logged out, so no event has to
// wait or come again for that: each login reads the member again.
func (n *network) consumer() eventlog.Consumer {
	batch := newNoted()
	return eventlog.Consumer{
		Name: Consumer, Log: n.log,
		Handlers: []eventlog.Handler{
			eventlog.On(func(ctx context.Context, _ eventlog.Event, e eventlog.MemberChanged) error {
				if batch.done[e.Member] {
					return nil
				}
				err := n.reread(ctx, e.Member)
				batch.done[e.Member] = err == nil
				return err
			}),
			eventlog.On(func(ctx context.Context, _ eventlog.Event, e eventlog.IRCChannelChanged) error {
				return n.followChannel(ctx, e.Channel)
			}),
			eventlog.Note(func(eventlog.ClassChanged) { batch.everybody = true }),
			eventlog.Note(func(eventlog.BansChanged) { batch.lines = true }),
			eventlog.Note(func(e eventlog.IRCRemoval) { n.remove(e.Nick, e.By, e.Reason) }),
			eventlog.Note(n.followKey),
			eventlog.Note(func(e eventlog.IRCNickChanged) {
				n.locked(func() { n.followNick(e.Member, e.Nick, e.Removed) })
			}),
			eventlog.Note(func(e eventlog.IRCCertificateRemoved) {
				n.locked(func() { n.dropCertificate(e.Member, e.Fingerprint) })
			}),
		},
		Missed: func(eventlog.Event, error) { batch.everybody = true }, // it may be about anybody
		Flush: func(ctx context.Context, _ int64) error {
			now := batch
			batch = newNoted()
			return n.finish(ctx, now)
		},
	}
}

// finish does what a batch of events left to be done.
func (n *network) finish(ctx context.Context, b *noted) error {
	if b.lines {
		if _, err := n.followLines(ctx); err != nil {
			return err
		}
	}
	if b.everybody {
		if err := n.rereadAll(ctx); err != nil {
			return err
		}
	}
	return nil
}

// followKey logs out those who logged in with an IRC key that is no longer valid.
func (n *network) followKey(e eventlog.IRCKeyChanged) {
	n.locked(func() {
		n.changes.note(e.Member, "") // who is being checked with the old one must not get in behind us
		if a := n.accounts[e.Member]; a != nil {
			n.logOut(a, "Your IRC key was changed, log in with the new one")
		}
	})
}

// dropCertificate ends a member's connections that showed a certificate: they may have
// logged in with it.
func (n *network) dropCertificate(id core.MemberID, fingerprint string) {
	n.changes.note(id, "")
	a := n.accounts[id]
	if a == nil {
		return
	}
	for _, s := range slices.Clone(a.sessions) {
		if s.from.Certificate == fingerprint {
			n.dropFor(s, "The certificate was removed from your account", "Logged out")
		}
	}
}

// rereadAll looks again at every member who is logged in.
func (n *network) rereadAll(ctx context.Context) error {
	var ids []core.MemberID
	n.locked(func() {
		n.changes.seq++
		n.changes.all = n.changes.seq
		for id := range n.accounts {
			ids = append(ids, id)
		}
	})
	for _, id := range ids {
		if err := n.reread(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// reread reads a member and adapts the open connections.
func (n *network) reread(ctx context.Context, id core.MemberID) error {
	query, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m, err := n.members.ByID(query, id)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && core.CodeOf(err) != core.NotFound {
		n.log.Error("a member can't be read and is logged out of IRC", "member", id, "err", err)
	}
	n.locked(func() {
		n.changes.note(id, m.Name)
		a := n.accounts[id]
		switch {
		case a == nil:
		case err == nil:
			n.refresh(a, m)
		case core.CodeOf(err) == core.NotFound:
			n.logOut(a, "Your account is gone")
		default:
			n.logOut(a, "Your account can't be checked at the moment, connect again in a minute")
		}
	})
	return nil
}

// refresh gives an account what has just been read, and its user what follows from it.
func (n *network) refresh(a *account, m member.Member) {
	before := a.member
	a.member = m
	if why := mayStay(before, m); why != nil {
		n.logOut(a, core.SafeText(why))
		return
	}
	for _, s := range a.sessions {
		n.setPaceAfter(s, before)
	}
	for _, s := range slices.Clone(a.sessions) { // staff are not kept out, and may be staff no longer
		n.dropIfKeptOut(s)
	}
	u := a.user
	if u == nil {
		return
	}
	if u.operator && !u.rescue && !mayOperate(m) {
		n.resign(u)
	}
	if n.changeHost(u, fold(m.Name), n.hostOf(u)); len(u.sessions) == 0 {
		return
	}
	for _, ms := range slices.Clone(u.channels) {
		if !ms.ch.admits(u) {
			n.expel(ms, "Your class may not be here any more")
			continue
		}
		n.updateStatus(ms, before)
	}
	n.autoJoin(u, &before, u.sessions...)
}

func mayStay(before, now member.Member) error {
	_, taken := now.Holds(member.NoIRC)
	switch why := now.MayIRC(); {
	case why == nil:
	case now.Enabled() && !taken:
		return core.Errorf(core.Forbidden, "Your class may not use IRC any more")
	default:
		return core.Errorf(core.Forbidden, "%s", strings.TrimSuffix(core.Sentence(why), "."))
	}
	if now.Name != before.Name {
		return core.Errorf(core.Conflict, "Your account was renamed, log in under the new name")
	}
	return nil
}

// standAgain adapts the open connections of members for whom a cause has just ended by
// itself: no event tells of that.
func (n *network) standAgain(now time.Time) {
	for _, a := range n.accounts {
		if edge := a.member.NextEdge(); !edge.IsZero() && !edge.After(now) {
			n.refresh(a, a.member.At(now))
		}
	}
}

// setPaceAfter gives the sessions a fresh pace when the member became the site's bot or is
// it no longer; otherwise what was used up stays used up.
func (n *network) setPaceAfter(s *session, before member.Member) {
	if before.Can(core.IRCAnnounce) != s.account.member.Can(core.IRCAnnounce) {
		n.setPace(s)
	}
}

// logOut ends all connections of an account. The reason is nobody else's concern.
func (n *network) logOut(a *account, reason string) {
	for _, s := range slices.Clone(a.sessions) {
		n.dropFor(s, reason, "Logged out")
	}
}
