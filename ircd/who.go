package ircd

import (
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// maxWho bounds the answers to a WHO for a mask. A channel is listed whole.
const maxWho = 200

// cmdWho is WHO with the fields of WHOX.
func cmdWho(r *request) {
	n, c := r.n, r.c
	mask := r.param(0)
	query := strings.TrimPrefix(r.param(1), "o")
	fields, token := "", ""
	if spec, ok := strings.CutPrefix(query, "%"); ok {
		fields, token, _ = strings.Cut(spec, ",")
	}
	show := func(who *client, ch *channel) {
		if fields == "" {
			n.whoReply(c, who, ch)
		} else {
			n.whoxReply(c, who, ch, fields, token)
		}
	}
	if strings.HasPrefix(mask, "#") {
		if ch := n.lookup(c, mask); ch != nil {
			for who := range ch.visible(c) {
				if ch.has(c) || !who.invisible {
					show(who, ch)
				}
			}
		}
	} else if who := n.find(mask); who != nil {
		show(who, n.shared(c, who))
	} else if mask != "" {
		n.whoMask(c, mask, show)
	}
	r.reply(rplEndOfWho, clip(orStar(mask), maxChannel), "End of WHO list")
}

// whoMask shows the people that fit a mask and that c may see.
func (n *network) whoMask(c *client, mask string, show func(*client, *channel)) {
	left := maxWho
	for _, who := range n.nicks {
		if left == 0 {
			return
		}
		ch := n.shared(c, who)
		if who.invisible && who != c && ch == nil {
			continue
		}
		if mask == "0" || matches(mask, who.nick) || matches(mask, who.host) || matches(mask, who.user) {
			left--
			show(who, ch)
		}
	}
}

// shared returns a channel in which c sees who, or nil.
func (n *network) shared(c, who *client) *channel {
	for ch := range who.channels {
		if ch.has(c) && ch.sees(c, who) {
			return ch
		}
	}
	return nil
}

func whoFlags(c, who *client, ch *channel) string {
	out := "H"
	if who.away != "" {
		out = "G"
	}
	if ch != nil {
		out += ch.members[who].symbols(c.has(capMultiPrefix))
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

func (n *network) whoReply(c, who *client, ch *channel) {
	n.numeric(c, rplWhoReply, channelName(ch), who.user, who.host, n.cfg.ServerName, who.nick, whoFlags(c, who, ch), "0 "+who.real)
}

// whoxReply sends the fields that were asked for, in the order of the standard.
// Addresses and idle times are hidden.
func (n *network) whoxReply(c, who *client, ch *channel, fields, token string) {
	account := who.accountName()
	if account == "" {
		account = "0"
	}
	if token == "" || len(token) > 3 {
		token = "0"
	}
	var params []string
	for _, field := range []struct {
		letter, value string
	}{
		{"t", token}, {"c", channelName(ch)}, {"u", who.user}, {"i", "255.255.255.255"}, {"h", who.host}, {"s", n.cfg.ServerName},
		{"n", who.nick}, {"f", whoFlags(c, who, ch)}, {"d", "0"}, {"l", "0"}, {"a", account}, {"o", "n/a"}, {"r", who.real},
	} {
		if strings.Contains(fields, field.letter) {
			params = append(params, field.value)
		}
	}
	n.numeric(c, rplWhoSpc, params...)
}

// cmdWhois is WHOIS for one nick.
func cmdWhois(r *request) {
	n, c := r.n, r.c
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
	r.reply(rplWhoisUser, who.nick, who.user, who.host, "*", who.real)
	if list := n.channelsOf(c, who); list != "" {
		r.reply(rplWhoisChannels, who.nick, list)
	}
	r.reply(rplWhoisServer, who.nick, n.cfg.ServerName, n.name)
	if who.away != "" {
		r.reply(rplAway, who.nick, who.away)
	}
	if who.account != nil {
		r.reply(rplWhoisAccount, who.nick, who.accountName(), "is logged in as")
	}
	if who.botMode {
		r.reply(rplWhoisBot, who.nick, "is a bot")
	}
	if who.secure {
		r.reply(rplWhoisSecure, who.nick, "is using a secure connection")
	}
	if who == c { // when others typed last is nobody's concern
		r.reply(rplWhoisIdle, who.nick, "0", strconv.FormatInt(who.since.Unix(), 10), "seconds idle, signon time")
	}
	r.reply(rplEndOfWhois, who.nick, "End of WHOIS list")
}

// channelsOf lists the channels of who that c may know of: those they share, and
// all that aren't secret for staff and for oneself.
func (n *network) channelsOf(c, who *client) string {
	staff := c.account != nil && c.account.member.Can(core.IRCOperate)
	var out []string
	for ch := range who.channels {
		if c == who || ch.has(c) && ch.sees(c, who) || staff && !ch.hides(c) {
			out = append(out, ch.members[who].symbols(c.has(capMultiPrefix))+ch.row.Name)
		}
	}
	slices.Sort(out)
	return clip(strings.Join(out, " "), 350)
}

// cmdWhowas is WHOWAS: who had a nick lately, the newest first.
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
		if limit > 0 && fold(p.nick) == fold(nick) {
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
			out = append(out, who.nick+"="+sign+who.user+"@"+who.host)
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

// cmdAway is AWAY.
func cmdAway(r *request) {
	n, c := r.n, r.c
	c.away = clip(r.param(0), maxAway)
	if c.away == "" {
		r.reply(rplUnaway, "You are no longer marked as being away")
		n.tellPeers(c, capAwayNotify, n.lineFrom(c, "AWAY"))
		return
	}
	r.reply(rplNowAway, "You have been marked as being away")
	n.tellPeers(c, capAwayNotify, n.lineFrom(c, "AWAY", c.away))
}
