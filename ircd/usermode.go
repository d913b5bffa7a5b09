package ircd

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
	changed, sign, add, unknown := "", "", true, false
	for _, letter := range []byte(r.param(1)) {
		before := u.modes()
		switch letter {
		case '+', '-':
			add = letter == '+'
		case 'i':
			n.setInvisible(u, add)
		case 'B':
			u.botMode = add
		case 'r': // only logging in sets it
		default:
			unknown = true
		}
		if u.modes() == before {
			continue
		}
		if s := map[bool]string{true: "+", false: "-"}[add]; s != sign {
			sign = s
			changed += s
		}
		changed += string(rune(letter))
	}
	if unknown {
		r.reply(errUModeUnknownFlag, "Unknown MODE flag")
	}
	if changed != "" {
		n.tell(u, n.lineFrom(u, "MODE", u.nick, changed))
	}
}

// modes are the user's modes as MODE shows them.
func (u *user) modes() string {
	out := "+"
	if u.botMode {
		out += "B"
	}
	if u.invisible {
		out += "i"
	}
	if u.account != nil {
		out += "r"
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
