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
	prefix, behind := "", ""
	for _, m := range *ch.list(letter) {
		if prefix == "" {
			prefix = u.prefix()
			if u.behind != "" {
				behind = u.nick + "!" + u.name + "@" + u.behind
			}
		}
		if matches(m.mask, prefix) || behind != "" && matches(m.mask, behind) {
			return true
		}
	}
	return false
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
