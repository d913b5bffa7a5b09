package ircd

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// maxStats bounds the rows of a TRACE or a STATS l.
const maxStats = 200

// statsOf are the letters of STATS, with what an operator needs for those that are not for
// everybody.
var statsOf = map[byte]struct {
	oper bool
	need core.Permission
	show func(*request)
}{
	'd': {true, core.IRCAddress, func(r *request) { r.statsLines(irc.DLine) }},
	'k': {true, core.IRCRemove, func(r *request) { r.statsLines(irc.KLine) }},
	'l': {true, core.IRCAddress, (*request).statsLinks},
	'm': {true, "", (*request).statsCommands},
	'o': {show: (*request).statsOperators},
	'u': {show: (*request).statsUptime},
}

// cmdStats is STATS.
func cmdStats(r *request) {
	letter := fold(clip(r.param(0), 1))
	if letter != "" {
		row := statsOf[letter[0]]
		switch {
		case row.show == nil:
		case row.oper && !r.user().may(row.need):
			r.reply(errNoPrivileges, "Permission denied: STATS "+letter+" is for operators who may see it")
		default:
			row.show(r)
		}
	}
	r.reply(rplEndOfStats, orStar(letter), "End of STATS report")
}

func (r *request) statsUptime() {
	up := r.n.clock().Sub(r.n.started).Round(time.Second)
	days := int(up.Hours()) / 24
	r.reply(rplStatsUptime, "Server up "+itoa(days)+" days "+(up-time.Duration(days)*24*time.Hour).String())
}

func (r *request) statsOperators() {
	for _, u := range r.n.operators() {
		r.reply(rplStatsOLine, "O", "*", "*", u.nick, "0", "IRC operator")
	}
}

// operators lists the operators by nick.
func (n *network) operators() []*user {
	return slices.SortedFunc(maps.Keys(n.opers), func(a, b *user) int { return strings.Compare(fold(a.nick), fold(b.nick)) })
}

// statsCommands shows how often each command was given since the start.
func (r *request) statsCommands() {
	for _, name := range slices.Sorted(maps.Keys(r.n.table)) {
		if used := r.n.table[name].used; used > 0 {
			r.reply(rplStatsCommands, name, itoa(used), "0", "0")
		}
	}
}

// statsLines shows the lines of a kind: when each was set and ends (0 is never), who set it
// and why.
func (r *request) statsLines(kind irc.LineKind) {
	code := rplStatsKLine
	if kind == irc.DLine {
		code = rplStatsDLine
	}
	now := r.n.clock()
	for _, l := range r.n.lines.all {
		if l.Kind != kind || !l.Holds(now) {
			continue
		}
		until := int64(0)
		if !l.Expires.IsZero() {
			until = l.Expires.Unix()
		}
		r.reply(code, strings.ToUpper(string(kind)), l.Mask, strconv.FormatInt(l.At.Unix(), 10), strconv.FormatInt(until, 10), l.By, l.Reason)
	}
}

// statsLinks shows the connections of one nick, or some of all: what waits to be sent, and
// for how long they have been open.
func (r *request) statsLinks() {
	now := r.n.clock()
	for _, u := range r.some(r.param(1)) {
		for _, s := range u.sessions {
			r.reply(rplStatsLinkInfo, u.nick+"["+u.name+"@"+orStar(addressOf(s))+"]", itoa(s.conn.Unsent()), "0", "0", "0", "0", itoa(int(now.Sub(s.since).Seconds())))
		}
	}
}

// some returns the user with a nick, or users in the order of their nicks, up to a limit.
func (r *request) some(nick string) []*user {
	if nick != "" {
		if u := r.n.find(nick); u != nil {
			return []*user{u}
		}
		return nil
	}
	var out []*user
	for _, name := range slices.Sorted(maps.Keys(r.n.nicks)) {
		if len(out) == maxStats {
			break
		}
		out = append(out, r.n.nicks[name])
	}
	return out
}

// cmdTrace is TRACE: who is connected to this server, which is the only one.
func cmdTrace(r *request) {
	for _, u := range r.some(r.param(0)) {
		class := "guest"
		if u.account != nil {
			class = slug(u.account.member.Class.Name)
		}
		if u.operator {
			r.reply(rplTraceOperator, "Oper", class, u.nick)
		} else {
			r.reply(rplTraceUser, "User", class, u.nick)
		}
	}
	r.reply(rplTraceEnd, r.n.cfg.ServerName, r.n.version, "End of TRACE")
}

// addressOf is where a connection comes from, "" where that isn't known.
func addressOf(s *session) string {
	if !s.from.Addr.IsValid() {
		return ""
	}
	a := s.from.Addr.String()
	if a[0] == ':' {
		return "0" + a // a parameter must not begin with a colon
	}
	return a
}
