package ircd

import (
	"maps"
	"slices"
	"strings"
)

// maxMonitored is how many nicks a session may watch.
const maxMonitored = 100

// watchers are the sessions that MONITOR a nick.
func (n *network) watchers(nick string) map[*session]struct{} { return n.monitors[fold(nick)] }

// tellWatchers says that somebody has come with a nick, or that nobody has it any more.
func (n *network) tellWatchers(nick string, u *user) {
	for s := range n.watchers(nick) {
		if u != nil {
			n.numeric(s, rplMonOnline, u.prefix())
		} else {
			n.numeric(s, rplMonOffline, nick)
		}
	}
}

// unwatch takes a session off the lists of one nick.
func (n *network) unwatch(s *session, nick string) {
	key := fold(nick)
	delete(s.monitored, key)
	delete(n.monitors[key], s)
	if len(n.monitors[key]) == 0 {
		delete(n.monitors, key)
	}
}

func (n *network) unwatchAll(s *session) {
	for key := range s.monitored {
		n.unwatch(s, key)
	}
}

// cmdMonitor is MONITOR: + and - with nicks, C(lear), L(ist), S(tatus).
func cmdMonitor(r *request) {
	n, s := r.n, r.s
	switch sub := strings.ToUpper(r.param(0)); {
	case (sub == "+" || sub == "-") && r.param(1) == "":
		r.reply(errNeedMoreParams, "MONITOR", "Not enough parameters")
	case sub == "+":
		r.watch(targets(r.param(1)))
	case sub == "-":
		for _, nick := range targets(r.param(1)) {
			n.unwatch(s, nick)
		}
	case sub == "C":
		n.unwatchAll(s)
	case sub == "L":
		r.replyList(rplMonList, slices.Sorted(maps.Values(s.monitored)))
		r.reply(rplEndOfMonList, "End of MONITOR list")
	case sub == "S":
		r.showStatus(slices.Sorted(maps.Values(s.monitored)))
	default:
		r.reply(errUnknown, "MONITOR", "Use MONITOR with +, -, C, L or S")
	}
}

// watch adds as many nicks as fit to the session's list, and says which of them are online.
func (r *request) watch(nicks []string) {
	n, s := r.n, r.s
	var added []string
	for i, nick := range nicks {
		key := fold(nick)
		if _, in := s.monitored[key]; in {
			continue
		}
		if !validNick(nick) {
			continue
		}
		if len(s.monitored) >= maxMonitored {
			r.reply(errMonListFull, itoa(maxMonitored), strings.Join(nicks[i:], ","), "Monitor list is full")
			break
		}
		if s.monitored == nil {
			s.monitored = map[string]string{}
		}
		s.monitored[key] = nick
		if n.monitors[key] == nil {
			n.monitors[key] = map[*session]struct{}{}
		}
		n.monitors[key][s] = struct{}{}
		added = append(added, nick)
	}
	r.showStatus(added)
}

// showStatus says which of some nicks are online.
func (r *request) showStatus(nicks []string) {
	var here, gone []string
	for _, nick := range nicks {
		if u := r.n.find(nick); u != nil {
			here = append(here, u.prefix())
		} else {
			gone = append(gone, nick)
		}
	}
	r.replyList(rplMonOnline, here)
	r.replyList(rplMonOffline, gone)
}

// replyList sends words joined by commas, in as many lines as they need.
func (r *request) replyList(code string, words []string) {
	const room = maxLine - 160 // what comes before them is shorter
	for len(words) > 0 {
		k, size := 1, len(words[0])
		for k < len(words) && size+1+len(words[k]) <= room {
			size += 1 + len(words[k])
			k++
		}
		r.reply(code, strings.Join(words[:k], ","))
		words = words[k:]
	}
}
