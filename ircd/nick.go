package ircd

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// mayUse reports, as an error that is safe to show, why somebody may not have a
// nick. account is the site name of who is logged in, "" for a guest. It asks
// the site, so call it without the lock; Unavailable means that nothing is known.
func (n *network) mayUse(ctx context.Context, account, nick string) error {
	if account != "" && strings.EqualFold(account, nick) {
		return nil
	}
	if looksOfficial(nick) && !strings.EqualFold(account, member.BotName) {
		return core.Errorf(core.Forbidden, "this nick is reserved")
	}
	if account != "" {
		if !variationOf(nick, account) {
			return core.Errorf(core.Invalid, "your nick is your site name: use %s, or %s|something", account, account)
		}
		return n.nobodyIs(ctx, nick)
	}
	for _, base := range basesOf(nick) {
		if err := n.nobodyIs(ctx, base); err != nil {
			return err
		}
	}
	return nil
}

// nobodyIs returns an error when a member has the name, or none can tell.
func (n *network) nobodyIs(ctx context.Context, name string) error {
	if !isAccountName(name) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := n.members.ByName(ctx, name)
	switch core.CodeOf(err) {
	case "":
		return core.Errorf(core.Conflict, "this nick belongs to a member: log in, or choose another")
	case core.NotFound:
		return nil
	}
	n.log.Error("a nick can't be checked", "err", err)
	return core.Wrap(err, core.Unavailable, "nicks can't be checked at the moment, try again in a minute")
}

// nickFor returns the nick that a member who wants one gets, before it is
// looked at who has it now.
func (n *network) nickFor(ctx context.Context, account, wanted string) string {
	if validNick(wanted, true) && n.mayUse(ctx, account, wanted) == nil {
		return wanted
	}
	return account
}

// claim makes way for c to have the nick, or returns another one that is free.
// The account of a bot keeps its name for its newest connection, because
// programs go by it; other members' second connections get a suffix.
func (n *network) claim(c *client, nick string) string {
	holder := n.find(nick)
	switch {
	case holder == nil || holder == c:
		return nick
	case holder.account == nil:
		n.rename(holder, n.guestNick())
		return nick
	case holder.account == c.account && c.account.member.Can(core.IRCAnnounce):
		n.rename(holder, n.suffixed(c.account))
		return nick
	}
	return n.suffixed(c.account)
}

// suffixed returns a free nick for a further connection of an account: the name
// itself, or the name and a number.
func (n *network) suffixed(a *account) string {
	nick := a.member.Name
	for i := 2; n.find(nick) != nil; i++ {
		nick = fmt.Sprintf("%s|%d", a.member.Name, i)
	}
	return nick
}

// guestNick returns a free nick for somebody without an account.
func (n *network) guestNick() string {
	for {
		k, err := rand.Int(rand.Reader, big.NewInt(1e6))
		if err != nil { // crypto/rand aborts the program before this happens
			k = big.NewInt(int64(n.serial))
			n.serial++
		}
		if nick := fmt.Sprintf("Guest%06d", k); n.find(nick) == nil {
			return nick
		}
	}
}

// rename gives a registered client another nick, which must be free.
func (n *network) rename(c *client, nick string) {
	if c.nick == nick {
		return
	}
	l := n.lineFrom(c, "NICK", nick)
	peers := n.peers(c)
	n.remember(c)
	delete(n.nicks, fold(c.nick))
	c.nick = nick
	n.nicks[fold(nick)] = c
	n.send(c, l)
	for _, peer := range peers {
		n.send(peer, l)
	}
}

// changeHost gives a registered client another user and host.
func (n *network) changeHost(c *client, user, host string) {
	if c.user == user && c.host == host {
		return
	}
	l := n.lineFrom(c, "CHGHOST", user, host)
	c.user, c.host = user, host
	if c.has(capChgHost) {
		n.send(c, l)
	}
	n.tellPeers(c, capChgHost, l)
	n.numeric(c, rplVisibleHost, host, "is now your displayed host")
}

// cmdNick is NICK, before and after registration.
func cmdNick(r *request) {
	nick := r.param(0)
	registered, account := false, ""
	wellFormed := false
	r.locked(func() {
		c := r.c
		registered, account = c.registered, c.accountName()
		switch {
		case nick == "":
			r.reply(errNoNicknameGiven, "No nickname given")
		case !validNick(nick, account != "" || !registered):
			r.reply(errErroneusNickname, clip(nick, maxNick), "A nick has letters, digits and []\\`_^{|}-, and begins with none of the digits")
		default:
			wellFormed = true
			if !registered {
				c.wanted = nick
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
	n, c := r.n, r.c
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
		n.numeric(c, code, nick, core.SafeText(err))
	})
}

// setNick gives the client a nick that it may have. Another connection of the
// same account makes way for it: so a member gets the name back from a
// connection that died without a word.
func (r *request) setNick(nick string) {
	n, c := r.n, r.c
	if holder := n.find(nick); holder != nil && holder != c {
		switch {
		case c.account != nil && holder.account == c.account:
			n.rename(holder, n.suffixed(c.account))
		case c.account != nil && holder.account == nil:
			n.rename(holder, n.guestNick())
		default:
			r.reply(errNicknameInUse, nick, "Nickname is already in use")
			return
		}
	}
	n.rename(c, nick)
}

// pastNick is somebody who left, for WHOWAS.
type pastNick struct{ nick, user, host, real string }

const maxPast = 200

func (n *network) remember(c *client) {
	n.past = append(n.past, pastNick{c.nick, c.user, c.host, c.real})
	if len(n.past) > maxPast {
		n.past = append(n.past[:0], n.past[len(n.past)-maxPast:]...)
	}
}
