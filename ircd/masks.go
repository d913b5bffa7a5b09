package ircd

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// maskEntry is one mask in a list of a channel.
type maskEntry struct {
	mask, by string
	at       time.Time
}

// maskLists are the lists of masks that a channel has, by their modes: who is
// banned, who is excepted from bans, and who needs no invitation.
const maskLists = "beI"

// maxMasks is how many masks each list holds.
const maxMasks = 100

// maskNumerics are the numerics that show a list, by its mode.
func maskNumerics(letter byte) (entry, end, title string) {
	switch letter {
	case 'e':
		return rplExceptList, rplEndOfExceptList, "End of channel exception list"
	case 'I':
		return rplInvexList, rplEndOfInvexList, "End of channel invite exception list"
	}
	return rplBanList, rplEndOfBanList, "End of channel ban list"
}

// list returns the list of a mode.
func (ch *channel) list(letter byte) *[]maskEntry {
	return &ch.masks[strings.IndexByte(maskLists, letter)]
}

// fits reports whether a mask of a list fits u.
func (ch *channel) fits(letter byte, u *user) bool {
	return slices.ContainsFunc(*ch.list(letter), func(m maskEntry) bool { return u.fits(m.mask, u.nick+"!"+u.name+"@") })
}

// fits reports whether a mask fits what u is called: before, which ends with @, and any of
// the hosts that u has. A member's cloaked host names the class, but a mask that names the
// member by id means the member: it fits under whatever class the member has by now. A mask
// for all ids means the class.
func (u *user) fits(mask, before string) bool {
	cloaked := u.host
	if u.behind != "" {
		cloaked = u.behind
	}
	return matches(mask, before+u.host) || u.behind != "" && matches(mask, before+u.behind) ||
		u.account != nil && matches(mask, before+underClassOf(mask, cloaked))
}

// underClassOf is the cloaked host of a member with the class that the host of a mask
// names, if that names the same member.
func underClassOf(mask, host string) string {
	id, rest, _ := strings.Cut(host, ".")
	_, network, _ := strings.Cut(rest, ".")
	named, after, ok := strings.Cut(mask[strings.LastIndexByte(mask, '@')+1:], ".")
	class, _, _ := strings.Cut(after, ".")
	if !ok || named != id || !strings.ContainsFunc(class, func(r rune) bool { return r < 128 && isLetter(byte(r)) }) {
		return host // of an address the second part is a number
	}
	return id + "." + class + "." + network
}

// banned reports whether a ban fits u and no exception does.
func (ch *channel) banned(u *user) bool { return ch.fits('b', u) && !ch.fits('e', u) }

// changeMask adds a mask to a list or takes it off. It returns the mask as it is
// or was in the list, and whether anything changed.
func (ch *channel) changeMask(m modeChange, by string, now time.Time) (string, bool) {
	list := ch.list(m.letter)
	i := slices.IndexFunc(*list, func(e maskEntry) bool { return fold(e.mask) == fold(m.arg) })
	switch {
	case m.add && i < 0 && len(*list) < maxMasks:
		*list = append(*list, maskEntry{mask: m.arg, by: by, at: now})
	case !m.add && i >= 0:
		m.arg = (*list)[i].mask
		*list = slices.Delete(*list, i, i+1)
	default:
		return "", false
	}
	return m.arg, true
}

// masksAfter returns the changes of lists that are to be kept: none for a channel that
// isn't kept itself.
func (ch *channel) masksAfter(changes []modeChange, by string, now time.Time) []irc.MaskChange {
	var out []irc.MaskChange
	if !ch.kept {
		return nil
	}
	after := &channel{}
	for i := range ch.masks {
		after.masks[i] = slices.Clone(ch.masks[i])
	}
	for _, m := range changes {
		if strings.IndexByte(maskLists, m.letter) < 0 {
			continue
		}
		if mask, changed := after.changeMask(m, by, now); changed {
			out = append(out, irc.MaskChange{Add: m.add, Mask: irc.Mask{Kind: m.letter, Mask: mask, By: by, At: now}})
		}
	}
	return out
}

// asksForLists reports whether MODE only asks to see lists, such as +b or beI.
func (r *request) asksForLists() bool {
	m := strings.TrimLeft(r.param(1), "+-")
	return len(r.params) == 2 && m != "" && strings.Trim(m, maskLists) == ""
}

// showList shows one list. To somebody outside the channel it looks empty.
func (r *request) showList(ch *channel, letter byte) {
	entry, end, title := maskNumerics(letter)
	if r.looksInto(ch) {
		for _, m := range *ch.list(letter) {
			r.reply(entry, ch.row.Name, m.mask, m.by, strconv.FormatInt(m.at.Unix(), 10))
		}
	}
	r.reply(end, ch.row.Name, title)
}

// completeMask completes a mask to nick!user@host.
func completeMask(s string) string {
	s = clip(strings.ReplaceAll(s, " ", ""), 100)
	nick, rest, found := strings.Cut(s, "!")
	user, host, at := strings.Cut(rest, "@")
	if !found {
		if before, after, ok := strings.Cut(s, "@"); ok {
			nick, user, host, at = "", before, after, true
		}
	}
	if !at {
		host = ""
	}
	return cmp.Or(nick, "*") + "!" + cmp.Or(user, "*") + "@" + cmp.Or(host, "*")
}
