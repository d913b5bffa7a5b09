package ircd

import (
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// user is somebody on the network: one nick with what others see of it. A member
// has one user for all connections, a guest one for the only connection. All
// fields are guarded by the network's lock.
type user struct {
	nick       string // "" until registration
	name       string // before the @
	real       string
	host       string // cloaked, or what staff set in its place
	vhost      string // what staff set
	behind     string // the cloaked host behind vhost
	account    *account
	sessions   []*session
	since      time.Time // when the first of the sessions registered
	spoke      time.Time // when it said something last; zero when never
	away       string    // "" unless all sessions are away
	invisible  bool
	botMode    bool
	operator   bool // by OPER: may use the powers of the member's classes
	rescue     bool // an operator by the password of the configuration, who may use all powers
	snotices   bool // an operator who is told what operators do
	wallops    bool
	membersPM  bool          // gets messages from members and accepted guests only
	noCTCP     bool          // gets no questions from client to client
	accepted   []*user       // the latest; see user.accept
	shutOut    bool          // a guest whose account is disabled
	channels   []*membership // in the order of entry
	invited    []*channel    // the latest; see network.invite
	asked      []asked       // the latest messages, the newest last
	guestMarks marks         // of a guest; see user.marks
}

// prefix is nick!user@host.
func (u *user) prefix() string { return u.nick + "!" + u.name + "@" + u.host }

// accountName is the site name of a member, "" of a guest.
func (u *user) accountName() string {
	if u.account == nil {
		return ""
	}
	return u.account.member.Name
}

// can reports whether a member's classes permit something; guests may do nothing
// that needs permission.
func (u *user) can(p core.Permission) bool { return u.account != nil && u.account.member.Can(p) }

// in returns the user's membership of a channel, or nil.
func (u *user) in(ch *channel) *membership {
	for _, m := range u.channels {
		if m.ch == ch {
			return m
		}
	}
	return nil
}

// status is the user's status in a channel; 0 also when it isn't in it.
func (u *user) status(ch *channel) status {
	if m := u.in(ch); m != nil {
		return m.status
	}
	return 0
}

// secure reports whether all sessions of the user use TLS.
func (u *user) secure() bool {
	return !slices.ContainsFunc(u.sessions, func(s *session) bool { return !s.from.Secure })
}

// appear puts the user of a session on the network under a nick that is free: see
// guestNick for a guest's.
func (n *network) appear(s *session, nick string) {
	u := s.user
	if s.account == nil {
		u.host = n.hostOf(u)
	}
	if n.dropIfKeptOut(s) {
		return
	}
	n.unknown--
	u.nick, u.since, u.away = nick, s.since, s.away
	n.setInvisible(u, true)
	if s.account != nil {
		u.account = s.account
		u.account.user = u
		u.name = fold(u.accountName())
	}
	u.host = n.hostOf(u)
	n.nicks[fold(nick)] = u
	n.peak = max(n.peak, len(n.nicks))
	n.tellWatchers(nick, u)
	n.greet(s)
	if u.account == nil {
		n.notice(s, n.whatGuestsAre()+" Members log in with SASL: site name and IRC key.")
	}
	n.autoJoin(u, nil, s)
}

// attend makes a session that registers one more session of a user who is on the network.
// It enters the channels that a login enters. The user's others are for it to join: what
// one connection does is not done to another.
func (n *network) attend(s *session, u *user) {
	n.unknown--
	s.user = u
	u.sessions = append(u.sessions, s)
	if n.dropIfKeptOut(s) {
		return
	}
	n.adjustPace(s)
	n.greet(s)
	n.autoJoin(u, nil, s)
	n.updateAway(u, u.away)
}

// become moves the session of a guest who has logged in to the user that the account has
// already. The others see the guest leave; the session sees a change of nick.
func (n *network) become(s *session, u *user) {
	old := s.user
	for _, m := range old.channels { // a guest has no other connection
		n.send(s, n.lineFrom(old, "PART", m.ch.row.Name, "You will come back as "+u.nick))
	}
	visited := slices.Clone(old.channels)
	if s.has(capChgHost) {
		n.send(s, n.lineFrom(old, "CHGHOST", u.name, u.host))
	}
	n.numeric(s, rplVisibleHost, u.host, "is now your displayed host")
	nick := n.lineFrom(old, "NICK", u.nick)
	nick.source = old.nick + "!" + u.name + "@" + u.host
	n.send(s, nick)
	old.sessions = nil
	n.quit(old, "Logged in")
	s.user = u
	u.sessions = append(u.sessions, s)
	if n.dropIfKeptOut(s) {
		return
	}
	n.adjustPace(s)
	n.showModes(s)
	n.autoJoin(u, nil, s)
	n.updateAway(u, u.away)
	for _, m := range visited {
		code, _ := n.mayJoin(u, m.ch, m.ch.key)
		if (code == "" || u.in(m.ch) != nil) && s.in(m.ch) == nil && n.channels[fold(m.ch.row.Name)] == m.ch {
			n.enter(u, m.ch, n.entryStatus(u), s)
		}
	}
}

// showModes tells a session the modes of its user, each on a line of its own, because some
// clients wait for exactly +r.
func (n *network) showModes(s *session) {
	for _, letter := range s.user.modes()[1:] {
		n.sendLine(s, "MODE", s.user.nick, "+"+string(letter))
	}
}

// depart takes a session from its user. The user quits with its last session, and leaves
// the channels in which it was the last one there.
func (n *network) depart(s *session, reason string) {
	u := s.user
	u.sessions = slices.DeleteFunc(u.sessions, func(other *session) bool { return other == s })
	for i := range u.asked {
		if u.asked[i].by == s {
			u.asked[i].by = nil
		}
	}
	if len(u.sessions) > 0 {
		for _, m := range slices.Clone(u.channels) {
			if m.has(s) {
				n.withdraw(m, s, reason)
			}
		}
		n.updateAway(u, u.away)
		return
	}
	n.quit(u, reason)
	if u.account != nil {
		u.account.user = nil
		if n.rec != nil {
			n.rec.leave(u.account.member.ID, n.lastID)
		}
	}
}

// quit takes a user off the network.
func (n *network) quit(u *user, reason string) {
	if !n.closing {
		gone := n.lineFrom(u, "QUIT", reason)
		n.stamp(gone)
		for _, m := range u.channels {
			n.recordMove(m, gone, reason)
		}
		for _, peer := range n.peers(u) {
			n.send(peer, gone)
		}
	}
	for len(u.channels) > 0 {
		n.leave(u.channels[len(u.channels)-1])
	}
	n.setInvisible(u, false)
	n.setOperator(u, false)
	delete(n.nicks, fold(u.nick))
	if !n.closing {
		n.tellWatchers(u.nick, nil)
	}
	n.remember(u)
}

// lineFrom makes a message of a user.
func (n *network) lineFrom(u *user, command string, params ...string) *line {
	return &line{source: u.prefix(), command: command, params: params, at: n.clock(), account: u.accountName(), bot: u.botMode}
}

// tell queues a line for all sessions of a user.
func (n *network) tell(u *user, l *line) {
	for _, s := range u.sessions {
		n.send(s, l)
	}
}

// peers returns the connections of others that see u in some channel, each once.
func (n *network) peers(u *user) []*session {
	n.mark++
	var out []*session
	for _, m := range u.channels {
		for other := range m.viewers() {
			if other == m {
				continue
			}
			for _, s := range other.sessions {
				if s.mark != n.mark {
					s.mark = n.mark
					out = append(out, s)
				}
			}
		}
	}
	return out
}

// tellPeers sends a line to those of the peers' sessions that have the capability, and to
// sessions that monitor the user with extended-monitor.
func (n *network) tellPeers(u *user, bit capSet, l *line) {
	for _, peer := range n.peers(u) {
		if peer.has(bit) {
			n.send(peer, l)
		}
	}
	for s := range n.watchers(u.nick) {
		if s.user != u && s.mark != n.mark && s.registered() && s.has(bit|capExtendedMonitor) {
			n.send(s, l)
		}
	}
}
