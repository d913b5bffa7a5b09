package ircd

import "strings"

// userMode shows or changes one's own modes.
func (r *request) userMode() {
	n, u := r.n, r.user()
	who := n.find(r.param(0))
	switch {
	case who == nil:
		r.reply(errNoSuchNick, clip(r.param(0), maxNick), "No such nick")
		return
	case who != u:
		r.reply(errUsersDontMatch, "Can't change mode for other users")
		return
	case len(r.params) == 1:
		r.reply(rplUModeIs, u.modes())
		return
	}
	r.changeUserModes(u)
}

// changeUserModes changes the modes of somebody as the second parameter says.
func (r *request) changeUserModes(u *user) {
	n := r.n
	was, add, unknown := u.modes(), true, false
	for _, letter := range []byte(r.param(1)) {
		switch letter {
		case '+', '-':
			add = letter == '+'
		case 'i':
			n.setInvisible(u, add)
		case 'B':
			u.botMode = add
			for _, s := range u.sessions {
				n.adjustPace(s)
			}
		case 'R':
			u.membersPM = add
		case 'T':
			u.noCTCP = add
		case 'o':
			if !add { // only OPER sets it
				n.setOperator(u, false)
			}
		case 's':
			u.snotices = add && u.operator
		case 'w':
			u.wallops = add
		case 'r': // only logging in sets it
		default:
			unknown = true
		}
	}
	if unknown {
		r.reply(errUModeUnknownFlag, "Unknown MODE flag")
	}
	if changed := userModesBetween(was, u.modes()); changed != "" {
		n.tell(u, n.lineFrom(r.user(), "MODE", u.nick, changed))
	}
}

// userModesBetween writes what leads from some modes to others, as MODE has it.
func userModesBetween(was, is string) string {
	lacking := func(a, b, sign string) string {
		for _, letter := range a {
			if !strings.ContainsRune(b, letter) {
				sign += string(letter)
			}
		}
		if len(sign) == 1 {
			return ""
		}
		return sign
	}
	return lacking(is, was, "+") + lacking(was, is, "-")
}

// modes are the user's modes as MODE shows them.
func (u *user) modes() string {
	out := "+"
	for _, mode := range []struct {
		letter string
		set    bool
	}{{"B", u.botMode}, {"R", u.membersPM}, {"T", u.noCTCP}, {"i", u.invisible}, {"o", u.operator}, {"r", u.account != nil}, {"s", u.snotices}, {"w", u.wallops}} {
		if mode.set {
			out += mode.letter
		}
	}
	return out
}

// setInvisible sets the user mode i, and keeps count.
func (n *network) setInvisible(u *user, on bool) {
	if u.invisible == on {
		return
	}
	u.invisible = on
	if on {
		n.invisible++
	} else {
		n.invisible--
	}
}
