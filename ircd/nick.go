package ircd

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// mayUse reports, as an error that is safe to show, why the member with a site name may not
// have a nick. What guests are called guestNick decides. It asks the site, so call it
// without the lock; Unavailable means that nothing is known.
func (n *network) mayUse(ctx context.Context, account, nick string) error {
	switch {
	case strings.EqualFold(account, nick):
		return nil
	case member.LooksOfficial(nick) && !strings.EqualFold(account, member.BotName):
		return core.Errorf(core.Forbidden, "this nick is reserved")
	case member.IsGuestNick(nick):
		return core.Errorf(core.Forbidden, "guests are called like this, and you are a member")
	}
	bases, mine, anothers := basesOf(nick), false, false
	if variationOf(nick, account) {
		bases, mine = []string{nick}, true
	}
	for _, base := range bases {
		owner, err := n.ownerOf(ctx, base)
		switch {
		case err != nil:
			return err
		case owner == "":
		case strings.EqualFold(owner, account):
			mine = true
		default:
			anothers = true
		}
	}
	switch {
	case !mine:
		return core.Errorf(core.Invalid, "your nick is your site name: use %s, %s|something, or one that you register on the site", account, account)
	case anothers:
		return core.Errorf(core.Conflict, "this nick belongs to another member: choose another")
	}
	return nil
}

// ownerOf returns the site name of the member who has nick as name or as registered nick,
// "" where nobody has.
func (n *network) ownerOf(ctx context.Context, nick string) (string, error) {
	if !isAccountName(nick) {
		return "", nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m, err := n.members.ByNick(ctx, nick)
	switch core.CodeOf(err) {
	case "":
		return m.Name, nil
	case core.NotFound:
		return "", nil
	}
	n.log.Error("a nick can't be checked", "err", err)
	return "", core.Wrap(err, core.Unavailable, "nicks can't be checked at the moment, try again in a minute")
}

// nickFor returns the nick that a member who asks for one gets. It doesn't look at who has
// it at the moment.
func (n *network) nickFor(ctx context.Context, account, wanted string) string {
	if validNick(wanted) && n.mayUse(ctx, account, wanted) == nil {
		return wanted
	}
	return account
}

// claim frees a nick that u, a member, may choose, and returns it. A guest who has it is
// renamed, and so is a member who has it as a variation of the name.
func (n *network) claim(u *user, nick string) string {
	switch holder := n.find(nick); {
	case holder == nil || holder == u:
	case holder.account == nil:
		n.rename(holder, n.guestNick("", nil))
	case n.find(holder.accountName()) == nil:
		n.rename(holder, holder.accountName())
	default: // a name has changed hands, and the event log hasn't told yet
		return n.guestNick("", nil)
	}
	return nick
}

// guestNick is what somebody without an account is called: Guest and a number, or what they
// ask for with |guest behind it, and a number in between where that is taken. So nobody takes
// a guest for somebody else. It asks nothing of the site, so that a guest learns from
// no answer who is a member. wanted is "" for whoever asked for nothing; u is who asks, if
// it is on the network, so that it may keep its nick.
//
// On an open network guests have the nicks that they ask for. It returns "" there for one
// that they can't have.
func (n *network) guestNick(wanted string, u *user) string {
	free := func(nick string) bool {
		holder := n.find(nick)
		return holder == nil || holder == u
	}
	if n.cfg.OpenNetwork && wanted != "" {
		if !free(wanted) || member.LooksOfficial(wanted) {
			return ""
		}
		return wanted
	}
	const numbered = 9
	stem := guestStem(wanted)
	switch {
	case member.IsGuestName(stem) && stem == wanted && free(stem):
		return stem
	case stem != "" && !member.IsGuestName(stem):
		for k := 1; k <= numbered; k++ {
			mark := member.GuestSuffix
			if k > 1 {
				mark = "-" + itoa(k) + member.GuestSuffix
			}
			if nick := clip(stem, maxNick-len(mark)) + mark; free(nick) {
				return nick
			}
		}
	}
	if u != nil && member.IsGuestName(u.nick) {
		return u.nick
	}
	for {
		k, err := rand.Int(rand.Reader, big.NewInt(1e6))
		if err != nil { // can't happen: crypto/rand aborts the program first
			k = big.NewInt(int64(n.serial))
			n.serial++
		}
		if nick := fmt.Sprintf("Guest%06d", k); n.find(nick) == nil {
			return nick
		}
	}
}

// guestStem is what of a nick that somebody asks for stands before |guest: "" where that
// would be nothing, or what is taken for the bot, a service or staff even so.
func guestStem(wanted string) string {
	for strings.HasSuffix(fold(wanted), member.GuestSuffix) {
		wanted = wanted[:len(wanted)-len(member.GuestSuffix)]
	}
	if member.Trusted(wanted) || slices.ContainsFunc(basesOf(wanted), member.Trusted) {
		return ""
	}
	return wanted
}

// rename gives somebody another nick, which must be free.
func (n *network) rename(u *user, nick string) {
	if u.nick == nick {
		return
	}
	l := n.lineFrom(u, "NICK", nick)
	n.stamp(l)
	for _, m := range u.channels {
		n.recordMove(m, l, nick)
	}
	peers := n.peers(u)
	n.remember(u)
	was := u.nick
	delete(n.nicks, fold(was))
	u.nick = nick
	n.nicks[fold(nick)] = u
	if fold(nick) != fold(was) {
		n.tellWatchers(was, nil)
		n.tellWatchers(nick, u)
	}
	n.tell(u, l)
	for _, peer := range peers {
		n.send(peer, l)
	}
}

// followNick takes a nick from the member who has given it up.
func (n *network) followNick(id core.MemberID, nick string, removed bool) {
	n.changes.note(id, nick)
	a := n.accounts[id]
	if a == nil || a.user == nil || !removed {
		return
	}
	u := a.user
	isOf := func(base string) bool { return fold(base) == fold(nick) }
	if slices.ContainsFunc(basesOf(u.nick), isOf) && !variationOf(u.nick, u.accountName()) {
		n.rename(u, n.claim(u, u.accountName()))
	}
}

// changeHost gives somebody another user name and cloaked host. A host that staff set
// still hides it. It may end connections, even the last.
func (n *network) changeHost(u *user, name, host string) {
	if u.behind = ""; u.vhost != "" {
		host, u.behind = u.vhost, host
	}
	if u.name == name && u.host == host {
		return
	}
	l := n.lineFrom(u, "CHGHOST", name, host)
	u.name, u.host = name, host
	for _, s := range u.sessions {
		if s.has(capChgHost) {
			n.send(s, l)
		}
	}
	n.tellPeers(u, capChgHost, l)
	for _, s := range slices.Clone(u.sessions) {
		n.numeric(s, rplVisibleHost, host, "is now your displayed host")
		n.dropIfKeptOut(s) // a line may fit what they are called now
	}
}

// cmdNick is NICK, before and after registration.
func cmdNick(r *request) {
	nick := r.param(0)
	registered, account := false, ""
	wellFormed := false
	r.locked(func() {
		s := r.s
		registered, account = s.registered(), s.login()
		switch {
		case nick == "":
			r.reply(errNoNicknameGiven, "No nickname given")
		case !validNick(nick):
			r.reply(errErroneusNickname, clip(nick, maxNick), "A nick has at most "+itoa(maxNick)+" letters, digits and []\\`_^{|}-, and doesn't begin with -")
		default:
			wellFormed = true
			if !registered || account == "" {
				s.wanted = nick
			}
		}
	})
	switch {
	case !wellFormed:
	case !registered:
		r.register()
	case account == "":
		r.locked(func() { r.changeGuestNick(nick) })
	default:
		r.changeNick(account, nick)
	}
}

// changeGuestNick gives a guest the nick that guests have who ask for this one.
func (r *request) changeGuestNick(wanted string) {
	n, u := r.n, r.user()
	nick := n.guestNick(wanted, u)
	switch {
	case nick == "":
		r.reply(errNicknameInUse, wanted, "Nickname is already in use")
		return
	case nick != u.nick && r.nicksTooFast(wanted):
		return
	}
	n.rename(u, nick)
	if nick != wanted {
		n.notice(r.s, n.whatGuestsAre())
	}
}

// whatGuestsAre tells guests why they have another nick than they asked for.
func (n *network) whatGuestsAre() string {
	if n.cfg.OpenNetwork {
		return "You are not logged in."
	}
	return "You are not logged in, so your nick is Guest with a number or ends in " + member.GuestSuffix + "."
}

func (r *request) changeNick(account, nick string) {
	n := r.n
	tooFast := false
	r.locked(func() { tooFast = r.user().nick != nick && r.nicksTooFast(nick) })
	if tooFast {
		return
	}
	err := n.settled(func(unchanged func(core.MemberID, string) bool) (bool, error) {
		if err := n.mayUse(r.ctx, account, nick); err != nil {
			return true, err
		}
		done := false
		r.locked(func() {
			for _, base := range basesOf(nick) {
				if !unchanged(0, base) {
					return
				}
			}
			done = true
			r.setNick(nick)
		})
		return done, nil
	})
	if err == nil {
		return
	}
	r.locked(func() {
		code := errNicknameInUse
		if core.CodeOf(err) == core.Invalid {
			code = errErroneusNickname
		}
		r.reply(code, nick, core.SafeText(err))
	})
}

// setNick gives the asker, a member, a nick that they may have. A guest who has it is
// renamed.
func (r *request) setNick(nick string) {
	n, u := r.n, r.user()
	if holder := n.find(nick); holder != nil && holder != u && holder.account != nil {
		r.reply(errNicknameInUse, nick, "Nickname is already in use")
		return
	}
	n.rename(u, n.claim(u, nick))
}

// pastNick is somebody who left, for WHOWAS.
type pastNick struct {
	nick, user, host, real string
	member                 bool
}

const maxPast = 200

func (n *network) remember(u *user) {
	n.past = append(n.past, pastNick{u.nick, u.name, u.host, u.real, u.account != nil})
	if len(n.past) > maxPast {
		n.past = append(n.past[:0], n.past[len(n.past)-maxPast:]...)
	}
}
