package ircd

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// maxWho bounds the answers to a WHO for a mask. A channel is listed whole.
const maxWho = 200

// cmdWho is WHO with the fields of WHOX.
func cmdWho(r *request) {
	n, s := r.n, r.s
	mask := r.param(0)
	query := strings.TrimPrefix(r.param(1), "o")
	fields, token := "", ""
	if spec, ok := strings.CutPrefix(query, "%"); ok {
		fields, token, _ = strings.Cut(spec, ",")
	}
	show := func(who *user, ch *channel) {
		if fields == "" {
			n.whoReply(s, who, ch)
		} else {
			n.whoxReply(s, who, ch, fields, token)
		}
	}
	if strings.HasPrefix(mask, "#") {
		if ch := n.lookup(s.user, mask); ch != nil {
			in := r.looksInto(ch)
			for m := range ch.visible(s.user) {
				if in || !m.user.invisible {
					show(m.user, ch)
				}
			}
		}
	} else if who := n.find(mask); who != nil {
		show(who, shared(s.user, who))
	} else if mask != "" {
		n.whoMask(s.user, mask, show)
	}
	r.reply(rplEndOfWho, clip(orStar(mask), maxChannel), "End of WHO list")
}

// whoMask shows the people that fit a mask and that u may see.
func (n *network) whoMask(u *user, mask string, show func(*user, *channel)) {
	left := maxWho
	for _, who := range n.nicks {
		if left == 0 {
			return
		}
		ch := shared(u, who)
		if who.invisible && who != u && ch == nil && !u.may(core.IRCOverride) {
			continue
		}
		if mask == "0" || matches(mask, who.nick) || matches(mask, who.host) || matches(mask, who.name) || u.sees(core.IRCAddress) && matches(mask, who.address()) {
			left--
			show(who, ch)
		}
	}
}

// shared returns a channel in which u sees who, or nil.
func shared(u, who *user) *channel {
	for _, m := range who.channels {
		if u.in(m.ch) != nil && m.seenBy(u) {
			return m.ch
		}
	}
	return nil
}

func whoFlags(s *session, who *user, ch *channel) string {
	out := "H"
	if who.away != "" {
		out = "G"
	}
	if who.operator {
		out += "*"
	}
	if ch != nil {
		out += who.status(ch).symbols(s.has(capMultiPrefix))
	}
	if who.botMode {
		out += "B"
	}
	return out
}

func channelName(ch *channel) string {
	if ch == nil {
		return "*"
	}
	return ch.row.Name
}

func (n *network) whoReply(s *session, who *user, ch *channel) {
	n.numeric(s, rplWhoReply, channelName(ch), who.name, who.host, n.cfg.ServerName, who.nick, whoFlags(s, who, ch), "0 "+who.real)
}

// whoxReply sends the fields that were asked for, in the order of the standard.
// Addresses and idle times are hidden from those who may not see them.
func (n *network) whoxReply(s *session, who *user, ch *channel, fields, token string) {
	account := cmp.Or(who.accountName(), "0")
	if token == "" || len(token) > 3 {
		token = "0"
	}
	address, idle := "255.255.255.255", "0"
	if s.user.looksAt(who) {
		address, idle = orStar(who.address()), itoa(n.idle(who))
	}
	var params []string
	for _, field := range []struct {
		letter, value string
	}{
		{"t", token}, {"c", channelName(ch)}, {"u", who.name}, {"i", address}, {"h", who.host}, {"s", n.cfg.ServerName},
		{"n", who.nick}, {"f", whoFlags(s, who, ch)}, {"d", "0"}, {"l", idle}, {"a", account}, {"o", "n/a"}, {"r", who.real},
	} {
		if strings.Contains(fields, field.letter) {
			params = append(params, field.value)
		}
	}
	n.numeric(s, rplWhoSpc, params...)
}

// cmdWhois is WHOIS for one nick.
func cmdWhois(r *request) {
	n, s := r.n, r.s
	nick := r.param(0)
	if len(r.params) > 1 {
		nick = r.param(1) // the first was a server
	}
	nick, _, _ = strings.Cut(nick, ",")
	if nick == "" {
		r.reply(errNoNicknameGiven, "No nickname given")
		return
	}
	who := n.find(nick)
	if who == nil {
		r.reply(errNoSuchNick, clip(nick, maxNick), "No such nick")
		r.reply(rplEndOfWhois, clip(nick, maxNick), "End of WHOIS list")
		return
	}
	r.reply(rplWhoisUser, who.nick, who.name, who.host, "*", who.real)
	if list := channelsOf(s, who); list != "" {
		r.reply(rplWhoisChannels, who.nick, list)
	}
	r.reply(rplWhoisServer, who.nick, n.cfg.ServerName, n.name)
	if who.away != "" {
		r.reply(rplAway, who.nick, who.away)
	}
	if who.account != nil {
		r.reply(rplWhoisAccount, who.nick, who.accountName(), "is logged in as")
	}
	if who.operator {
		r.reply(rplWhoisOperator, who.nick, "is an IRC operator")
	}
	if who.can(core.IRCOperate) {
		r.reply(rplWhoisSpecial, who.nick, "is on the staff of the site")
	}
	if who.botMode {
		r.reply(rplWhoisBot, who.nick, "is a bot")
	}
	if who.secure() {
		r.reply(rplWhoisSecure, who.nick, "is using a secure connection")
	}
	if s.user.looksAt(who) {
		r.replyCertificates(who)
		for _, other := range who.sessions {
			if a := addressOf(other); a != "" {
				r.reply(rplWhoisActually, who.nick, "*@"+a, a, "is actually using this host and address")
			}
		}
		r.reply(rplWhoisIdle, who.nick, itoa(n.idle(who)), strconv.FormatInt(who.since.Unix(), 10), "seconds idle, signon time")
	}
	r.reply(rplEndOfWhois, who.nick, "End of WHOIS list")
}

// replyCertificates tells the fingerprints of the certificates that somebody's clients
// showed.
func (r *request) replyCertificates(who *user) {
	var told []string
	for _, s := range who.sessions {
		if s.from.Certificate != "" && !slices.Contains(told, s.from.Certificate) {
			told = append(told, s.from.Certificate)
			r.reply(rplWhoisCertFP, who.nick, "has client certificate fingerprint "+s.from.Certificate)
		}
	}
}

// looksAt reports whether u may see somebody's address, and when they last said something.
// Everyone may see their own, and those who may see addresses everybody's.
func (u *user) looksAt(who *user) bool { return u == who || u.sees(core.IRCAddress) }

// idle is for how many seconds somebody has said nothing.
func (n *network) idle(who *user) int {
	last := who.since
	if who.spoke.After(last) {
		last = who.spoke
	}
	return max(0, int(n.clock().Sub(last).Seconds()))
}

// address is where the first connection of somebody comes from.
func (u *user) address() string { return addressOf(u.sessions[0]) }

// channelsOf lists the channels of who that a session may know of: those that they share;
// all of one's own; and, to staff or if who isn't invisible, all that aren't secret.
func channelsOf(s *session, who *user) string {
	u := s.user
	staff := u.can(core.IRCOperate) || u.may(core.IRCOverride)
	var out []string
	for _, m := range who.channels {
		if u == who || u.in(m.ch) != nil && m.seenBy(u) || !m.ch.hides(u) && (staff || !who.invisible && m.seenBy(u)) {
			out = append(out, m.status.symbols(s.has(capMultiPrefix))+m.ch.row.Name)
		}
	}
	slices.Sort(out)
	return clip(strings.Join(out, " "), 350)
}

// cmdWhowas is WHOWAS: who had a nick lately, the newest first. Guests hear of guests
// alone: of a member who has gone they are told what they are told of nobody.
func cmdWhowas(r *request) {
	nick := r.param(0)
	if nick == "" {
		r.reply(errNoNicknameGiven, "No nickname given")
		return
	}
	limit, err := strconv.Atoi(r.param(1))
	if err != nil || limit < 1 {
		limit = 10
	}
	found := false
	for _, p := range slices.Backward(r.n.past) {
		if limit > 0 && fold(p.nick) == fold(nick) && (!p.member || r.user().account != nil) {
			found = true
			limit--
			r.reply(rplWhowasUser, p.nick, p.user, p.host, "*", p.real)
			r.reply(rplWhoisServer, p.nick, r.n.cfg.ServerName, r.n.name)
		}
	}
	if !found {
		r.reply(errWasNoSuchNick, clip(nick, maxNick), "There was no such nick")
	}
	r.reply(rplEndOfWhowas, clip(nick, maxNick), "End of WHOWAS")
}

// cmdUserhost is USERHOST for up to five nicks.
func cmdUserhost(r *request) {
	var out []string
	for _, nick := range r.params[:min(5, len(r.params))] {
		if who := r.n.find(nick); who != nil {
			sign := "+"
			if who.away != "" {
				sign = "-"
			}
			star := ""
			if who.operator {
				star = "*"
			}
			out = append(out, who.nick+star+"="+sign+who.name+"@"+who.host)
		}
	}
	r.reply(rplUserhost, strings.Join(out, " "))
}

// cmdIson is ISON.
func cmdIson(r *request) {
	var out []string
	for _, nick := range strings.Fields(strings.Join(r.params, " ")) {
		if who := r.n.find(nick); who != nil {
			out = append(out, who.nick)
		}
	}
	r.reply(rplISON, strings.Join(out, " "))
}
