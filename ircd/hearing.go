package ircd

import (
	"slices"
	"strings"
)

// maxAccepted is how many guests somebody may accept; a further one replaces the oldest.
const maxAccepted = 32

// accept lets a guest write to u even where that is forbidden otherwise. It lasts until
// one of the two leaves.
func (u *user) accept(guest *user) {
	if guest == u || slices.Contains(u.accepted, guest) {
		return
	}
	if len(u.accepted) >= maxAccepted {
		u.accepted = slices.Delete(u.accepted, 0, 1)
	}
	u.accepted = append(u.accepted, guest)
}

// cmdAccept is ACCEPT, as other servers with the user mode R have it. Its parameter lists
// nicks, with - before those to take back, or * to see the list.
func cmdAccept(r *request) {
	n, u := r.n, r.user()
	u.accepted = slices.DeleteFunc(u.accepted, func(who *user) bool { return n.find(who.nick) != who })
	for _, word := range targets(r.param(0)) {
		nick, drop := strings.CutPrefix(word, "-")
		who := n.find(nick)
		switch {
		case nick == "*":
			var nicks []string
			for _, who := range u.accepted {
				nicks = append(nicks, who.nick)
			}
			for some := range slices.Chunk(nicks, 8) {
				r.reply(rplAcceptList, some...)
			}
			r.reply(rplEndOfAccept, "End of /ACCEPT list")
		case who == nil:
			r.reply(errNoSuchNick, clip(nick, maxNick), "No such nick")
		case !drop:
			u.accept(who)
		case !slices.Contains(u.accepted, who):
			r.reply(errAcceptNot, who.nick, "is not on your accept list")
		default:
			u.accepted = slices.DeleteFunc(u.accepted, func(other *user) bool { return other == who })
		}
	}
}
