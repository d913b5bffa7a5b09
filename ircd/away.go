package ircd

// awayUnsaid is what AWAY * says: nobody is at this connection, but that isn't
// what the member wants to tell others (IRCv3 pre-away).
const awayUnsaid = "*"

// updateAway works out whether the user is away, which is when all sessions are,
// with the text that is preferred or else that of any of them that has one.
func (n *network) updateAway(u *user, text string) {
	for _, s := range u.sessions {
		if s.away == "" {
			text = ""
			break
		}
		if text == "" || text == awayUnsaid {
			text = s.away
		}
	}
	n.setAway(u, text)
}

// setAway tells those who want to know when somebody went or came.
func (n *network) setAway(u *user, away string) {
	if u.away == away {
		return
	}
	u.away = away
	var params []string
	if away != "" {
		params = []string{away}
	}
	n.tellPeers(u, capAwayNotify, n.lineFrom(u, "AWAY", params...))
}

// cmdAway is AWAY, for the session; it may come before registration from a client
// with pre-away. Others see a user as away when all of its connections are.
func cmdAway(r *request) {
	n, s := r.n, r.s
	if !s.registered() && !s.has(capPreAway) {
		r.reply(errNotRegistered, "You have not registered")
		return
	}
	s.away = clip(r.param(0), maxAway)
	if s.away == "" {
		r.reply(rplUnaway, "You are no longer marked as being away")
	} else {
		r.reply(rplNowAway, "You have been marked as being away")
	}
	if !s.registered() {
		return
	}
	text := s.away
	if text == awayUnsaid && s.user.away != "" {
		text = s.user.away
	}
	n.updateAway(s.user, text)
}

// cmdSetname is SETNAME: a new real name.
func cmdSetname(r *request) {
	n, u := r.n, r.user()
	name := r.param(0)
	if name == "" || len(name) > maxReal {
		n.sendLine(r.s, "FAIL", "SETNAME", "INVALID_REALNAME", "A real name has 1 to "+itoa(maxReal)+" bytes")
		return
	}
	u.real = name
	l := n.lineFrom(u, "SETNAME", name)
	for _, s := range u.sessions {
		if s.has(capSetname) {
			n.send(s, l)
		}
	}
	n.tellPeers(u, capSetname, l)
}
