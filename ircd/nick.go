package ircd

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// mayUse reports, as an error that is safe to show, why somebody may not have a
// nick. account is the site name of a member who is logged in, "" for a guest. It asks
// the site, so call it without the lock; Unavailable means that nothing is known.
func (n *network) mayUse(ctx context.Context, account, nick string) error {
	if account != "" && strings.EqualFold(account, nick) {
		return nil
	}
	if member.LooksOfficial(nick) && !strings.EqualFold(account, member.BotName) {
		return core.Errorf(core.Forbidden, "this nick is reserved")
	}
	bases, mine, anothers := basesOf(nick), false, false
	if account != "" && variationOf(nick, account) {
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
	case account != "" && !mine:
		return core.Errorf(core.Invalid, "your nick is your site name: use %s, %s|something, or one that you register on the site", account, account)
	case anothers:
		return core.Errorf(core.Conflict, "this nick belongs to a member: log in, or choose another")
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
	if validNick(wanted, true) && n.mayUse(ctx, account, wanted) == nil {
		return wanted
	}
	return account
}

// claim frees a nick that u may choose, and returns it. A guest who has it is renamed, and
// so is a member who has it as a variation of the name.
func (n *network) claim(u *user, nick string) string {
	switch holder := n.find(nick); {
	case holder == nil || holder == u:
	case holder.account == nil:
		n.rename(holder, n.guestNick())
	case n.find(holder.accountName()) == nil:
		n.rename(holder, holder.accountName())
	default: // a name has changed hands, and the event log hasn't told yet
		return n.guestNick()
	}
	return nick
}

// guestNick returns a free nick for somebody without an account.
func (n *network) guestNick() string {
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

// followNick frees a nick that a member has registered, or takes it from the member who
// has given it up.
func (n *network) followNick(id core.MemberID, nick string, removed bool) {
	n.changes.note(id, nick)
	for _, u := range slices.Collect(maps.Values(n.nicks)) {
		if !slices.ContainsFunc(basesOf(u.nick), func(base string) bool { return fold(base) == fold(nick) }) {
			continue
		}
		switch {
		case u.account == nil && !removed:
			n.rename(u, n.guestNick())
		case u.account != nil && u.account.member.ID == id && removed && !variationOf(u.nick, u.accountName()):
			n.rename(u, n.claim(u, u.accountName()))
		}
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
		case !validNick(nick, account != "" || !registered):
			r.reply(errErroneusNickname, clip(nick, maxNick), "A nick has letters, digits and []\\`_^{|}-, and begins with none of the digits")
		default:
			wellFormed = true
			if !registered {
				s.wanted = nick
			}
		}
	})
	switch {
	case !wellFormed:
	case !registered:
		r.register()
	default:
		r.changeNick(account, nick)
	}
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

// setNick gives the asker a nick that they may have. A guest who has it is renamed for a
// member.
func (r *request) setNick(nick string) {
	n, u := r.n, r.user()
	if holder := n.find(nick); holder != nil && holder != u && (u.account == nil || holder.account != nil) {
		r.reply(errNicknameInUse, nick, "Nickname is already in use")
		return
	}
	n.rename(u, n.claim(u, nick))
}

// pastNick is somebody who left, for WHOWAS.
type pastNick struct{ nick, user, host, real string }

const maxPast = 200

func (n *network) remember(u *user) {
	n.past = append(n.past, pastNick{u.nick, u.name, u.host, u.real})
	if len(n.past) > maxPast {
		n.past = append(n.past[:0], n.past[len(n.past)-maxPast:]...)
	}
}
