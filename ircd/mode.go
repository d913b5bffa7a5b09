package ircd

import (
	"context"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// flags are the modes of a channel that are on or off.
type flags uint16

const (
	flagInviteOnly flags = 1 << iota
	flagModerated
	flagNoExternal
	flagSecret
	flagTopicLock
	flagAuditorium
	flagNoCTCP       // except ACTION
	flagMembersOnly  // guests stay outside
	flagMembersSpeak // guests need a voice
	flagNoColours    // formatting is taken out of messages
)

// What RPL_MYINFO and ISUPPORT announce.
const (
	userModes    = "BRTiorsw"
	channelModes = "CIMRSbeiklmnostuv"
	flagModes    = irc.ChannelFlags // those of the channel modes that are flags
	withArgument = "Ibeklov"
	maxModes     = 6 // changes with a parameter in one MODE
)

func flagOf(letter byte) flags {
	switch letter {
	case 'C':
		return flagNoCTCP
	case 'M':
		return flagMembersSpeak
	case 'R':
		return flagMembersOnly
	case 'S':
		return flagNoColours
	case 'i':
		return flagInviteOnly
	case 'm':
		return flagModerated
	case 'n':
		return flagNoExternal
	case 's':
		return flagSecret
	case 't':
		return flagTopicLock
	case 'u':
		return flagAuditorium
	}
	return 0
}

// setModes reads what modes returns. Words that mean nothing are left out.
func (ch *channel) setModes(text string) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return
	}
	args := words[1:]
	next := func() string {
		if len(args) == 0 {
			return ""
		}
		a := args[0]
		args = args[1:]
		return a
	}
	for _, letter := range []byte(words[0]) {
		switch letter {
		case 'k':
			ch.key = next()
		case 'l':
			if limit, err := strconv.Atoi(next()); err == nil && limit > 0 {
				ch.limit = limit
			}
		default:
			ch.flags |= flagOf(letter)
		}
	}
}

// modes writes the channel's modes as parameters of MODE.
func (ch *channel) modes(withKey bool) []string {
	letters := "+"
	var args []string
	for _, letter := range []byte(flagModes) {
		if ch.flags&flagOf(letter) != 0 {
			letters += string(letter)
		}
	}
	if ch.key != "" {
		letters += "k"
		key := "*"
		if withKey {
			key = ch.key
		}
		args = append(args, key)
	}
	if ch.limit > 0 {
		letters += "l"
		args = append(args, strconv.Itoa(ch.limit))
	}
	return append([]string{letters}, args...)
}

// cmdMode is MODE, for channels and for oneself.
func cmdMode(r *request) {
	target := r.param(0)
	if !strings.HasPrefix(target, "#") {
		r.locked(r.userMode)
		return
	}
	var ch *channel
	forced := false
	r.locked(func() {
		ch = r.n.lookup(r.user(), target)
		switch {
		case ch == nil:
			r.reply(errNoSuchChannel, clip(target, maxChannel), "No such channel")
		case len(r.params) == 1:
			r.reply(rplChannelModeIs, append([]string{ch.row.Name}, ch.modes(r.looksInto(ch))...)...)
			r.reply(rplCreationTime, ch.row.Name, strconv.FormatInt(ch.created.Unix(), 10))
			ch = nil
		case r.asksForLists():
			for _, letter := range []byte(strings.TrimLeft(r.param(1), "+-")) {
				r.showList(ch, letter)
			}
			ch = nil
		case r.overrides(ch):
			forced = true
		case !r.operates(ch):
			ch = nil
		}
	})
	switch {
	case ch == nil:
	case forced:
		r.forceModes(ch)
	default:
		r.changeModes(ch)
	}
}

// modeChange is one letter of MODE with its parameter.
type modeChange struct {
	add    bool
	letter byte
	arg    string
}

// modePlan is what a MODE changes, and what of it is kept.
type modePlan struct {
	changes []modeChange
	kept    string // the channel's modes after it; "" when they stay
	masks   []irc.MaskChange
}

// planModes works out which changes the asker wants, and answers those that can't be made.
// Hold ch.saving until they are made.
func (r *request) planModes(ch *channel) (p modePlan) {
	r.locked(func() {
		p.changes = r.parseModes(ch)
		p.kept = ch.modesAfter(p.changes)
		p.masks = ch.masksAfter(p.changes, r.user().nick, r.n.clock())
	})
	return p
}

// save saves the part that is kept.
func (p *modePlan) save(ctx context.Context, store ChannelStore, ch *channel) error {
	if p.kept == "" && len(p.masks) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return core.Wrap(store.SaveModes(ctx, ch.row.Name, p.kept, p.masks...), core.Unavailable, "The modes can't be saved at the moment and were not changed")
}

// changeModes works out the changes, saves what is kept, and then makes them.
func (r *request) changeModes(ch *channel) {
	n := r.n
	ch.saving.Lock()
	defer ch.saving.Unlock()
	plan := r.planModes(ch)
	if len(plan.changes) == 0 {
		return
	}
	if err := plan.save(context.WithoutCancel(r.ctx), n.store, ch); err != nil {
		n.log.Error("channel modes can't be saved", "channel", ch.row.Name, "err", err)
		r.locked(func() { r.reply(errUnknown, "MODE", core.SafeText(err)) })
		return
	}
	n.lockedFor(r, func() { n.makeChanges(r.user(), ch, plan.changes) })
}

// modesAfter returns what the channel's modes will be, "" when nothing that is
// kept changes.
func (ch *channel) modesAfter(changes []modeChange) string {
	after := &channel{flags: ch.flags, key: ch.key, limit: ch.limit}
	for _, m := range changes {
		after.change(m)
	}
	if !ch.kept || after.flags == ch.flags && after.key == ch.key && after.limit == ch.limit {
		return ""
	}
	return strings.Join(after.modes(true), " ")
}

// change makes one change of a flag, the key or the limit, and reports whether
// it was one.
func (ch *channel) change(m modeChange) bool {
	before := [...]any{ch.flags, ch.key, ch.limit}
	switch {
	case m.letter == 'k' && m.add:
		ch.key = m.arg
	case m.letter == 'k':
		ch.key = ""
	case m.letter == 'l' && m.add:
		ch.limit, _ = strconv.Atoi(m.arg) // was checked by modeArg
	case m.letter == 'l':
		ch.limit = 0
	case m.add:
		ch.flags |= flagOf(m.letter)
	default:
		ch.flags &^= flagOf(m.letter)
	}
	return before != [...]any{ch.flags, ch.key, ch.limit}
}

// parseModes reads the parameters of MODE, answering what can't be done.
func (r *request) parseModes(ch *channel) []modeChange {
	var out []modeChange
	args := r.params[2:]
	add, withArg, unknown := true, 0, ""
	for _, char := range r.param(1) {
		if char == '+' || char == '-' {
			add = char == '+'
			continue
		}
		letter := byte(min(char, 127)) // 127 is no mode
		m := modeChange{add: add, letter: letter}
		isList := strings.IndexByte(maskLists, letter) >= 0
		takes := isList || strings.IndexByte("kov", letter) >= 0 || letter == 'l' && add
		switch {
		case !takes && letter != 'l' && flagOf(letter) == 0:
			if !strings.ContainsRune(unknown, char) { // each is complained of once
				unknown += string(char)
				r.reply(errUnknownMode, string(char), "is unknown mode char to me")
			}
			continue
		case takes && len(args) == 0:
			if letter == 'k' && !add {
				break // the old key need not be given
			}
			if isList {
				r.showList(ch, letter)
			} else {
				r.reply(errInvalidModeParam, ch.row.Name, string(letter), "*", "You must give a parameter")
			}
			continue
		case takes:
			m.arg, args = args[0], args[1:]
		}
		if takes {
			if withArg++; withArg > maxModes || !r.modeArg(ch, &m) {
				continue
			}
		}
		out = append(out, m)
	}
	return out
}

// modeArg checks and tidies the parameter of a change.
func (r *request) modeArg(ch *channel, m *modeChange) bool {
	switch m.letter {
	case 'o', 'v':
		who := r.n.find(m.arg)
		if who == nil {
			r.reply(errNoSuchNick, clip(m.arg, maxNick), "No such nick")
			return false
		}
		if who.in(ch) == nil {
			r.reply(errUserNotInChannel, who.nick, ch.row.Name, "They aren't on that channel")
			return false
		}
	case 'k':
		if m.add && (m.arg == "" || len(m.arg) > maxKey || strings.ContainsAny(m.arg, " ,:")) {
			r.reply(errInvalidKey, ch.row.Name, "Key is not well-formed")
			return false
		}
	case 'l':
		limit, err := strconv.Atoi(m.arg)
		if err != nil || limit < 1 || limit > 99999 {
			r.reply(errInvalidModeParam, ch.row.Name, "l", orStar(clip(m.arg, 32)), "A limit is a number from 1 to 99999")
			return false
		}
		m.arg = strconv.Itoa(limit)
	case 'b', 'e', 'I':
		m.arg = completeMask(m.arg)
		if m.add && len(*ch.list(m.letter)) >= maxMasks {
			r.reply(errBanListFull, ch.row.Name, m.arg, "The channel's list +"+string(m.letter)+" is full")
			return false
		}
	}
	return true
}

// makeChanges makes the changes that are still possible, and tells everyone of those that
// had an effect.
func (n *network) makeChanges(u *user, ch *channel, changes []modeChange) {
	letters, sign := "", ""
	auditorium := ch.flags & flagAuditorium
	var args []string
	for _, m := range changes {
		arg, ok := n.makeChange(u, ch, m)
		if !ok {
			continue
		}
		if s := map[bool]string{true: "+", false: "-"}[m.add]; s != sign {
			sign = s
			letters += s
		}
		letters += string(rune(m.letter))
		if arg != "" {
			args = append(args, arg)
		}
	}
	if letters == "" {
		return
	}
	l := n.lineFrom(u, "MODE", append([]string{ch.row.Name, letters}, args...)...)
	n.stamp(l)
	if !strings.Contains(letters, "k") { // those who come later need not learn the key
		n.recordEvent(ch, u, l, strings.Join(l.params[1:], " "))
	}
	n.tellChannel(ch, l)
	if ch.flags&flagAuditorium != auditorium {
		for _, m := range ch.members {
			n.showAgain(m)
		}
	}
}

// makeChange makes one change. It returns the parameter to show, and false when
// there is nothing to show: a status is told by setStatus itself.
func (n *network) makeChange(u *user, ch *channel, m modeChange) (string, bool) {
	switch m.letter {
	case 'o', 'v':
		bit := map[byte]status{'o': statusOp, 'v': statusVoice}[m.letter]
		if who := n.memberOf(ch, m.arg); who != nil {
			now := who.status | bit
			if !m.add {
				now = who.status &^ bit
			}
			n.setStatus(who, now, u.prefix())
		}
		return "", false
	case 'b', 'e', 'I':
		return ch.changeMask(m, u.nick, n.clock())
	case 'k':
		arg := m.arg
		if !m.add {
			arg = "*"
		}
		return arg, ch.change(m)
	}
	return m.arg, ch.change(m)
}
