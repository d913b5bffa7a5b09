package ircd

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listFilter is one condition of LIST.
type listFilter func(ch *channel, now time.Time) bool

// parseListFilter reads a condition as ISUPPORT's ELIST=CMNTU has them: <n and >n
// for the number of people, C and T before them for the minutes since the channel
// was made or the topic set, a mask, or ! and a mask.
func parseListFilter(s string) (listFilter, bool) {
	kind, rest := byte('U'), s
	if len(s) > 1 && (s[0] == 'C' || s[0] == 'T') && (s[1] == '<' || s[1] == '>') {
		kind, rest = s[0], s[1:]
	}
	if rest[0] != '<' && rest[0] != '>' {
		mask, not := strings.CutPrefix(s, "!")
		return func(ch *channel, _ time.Time) bool { return matches(mask, ch.row.Name) != not }, true
	}
	limit, err := strconv.Atoi(rest[1:])
	if err != nil || limit < 0 || limit > 1e8 { // in minutes that is 190 years
		return nil, false
	}
	less := rest[0] == '<'
	return func(ch *channel, now time.Time) bool {
		age := time.Duration(limit) * time.Minute
		order := 0
		switch kind {
		case 'U':
			order = cmp.Compare(len(ch.members), limit)
		case 'C':
			order = cmp.Compare(now.Sub(ch.created), age)
		case 'T':
			if ch.row.TopicAt.IsZero() {
				return false
			}
			order = cmp.Compare(now.Sub(ch.row.TopicAt), age)
		}
		return less && order < 0 || !less && order > 0
	}, true
}

// cmdList is LIST: all channels that the asker may know of, those named, or those that
// meet all conditions. There are at most irc.MaxChannels.
func cmdList(r *request) {
	n := r.n
	var names []string
	var filters []listFilter
	for _, word := range targets(r.param(0)) {
		if strings.HasPrefix(word, "#") && !strings.ContainsAny(word, "*?") {
			names = append(names, fold(word))
			continue
		}
		if f, ok := parseListFilter(word); ok {
			filters = append(filters, f)
		}
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(n.channels))
	}
	now := n.clock()
	r.reply(rplListStart, "Channel", "Users  Name")
	for _, name := range names {
		ch := n.channels[name]
		if ch == nil || ch.hides(r.user()) || slices.ContainsFunc(filters, func(f listFilter) bool { return !f(ch, now) }) {
			continue
		}
		r.reply(rplList, ch.row.Name, strconv.Itoa(len(ch.members)), ch.topic())
	}
	r.reply(rplListEnd, "End of LIST")
}
