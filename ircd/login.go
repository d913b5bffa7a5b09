package ircd

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// limitTries closes a connection that has had enough wrong keys.
func (r *request) limitTries() {
	if r.s.sasl.tries >= r.n.cfg.LoginTries {
		r.n.drop(r.s, "Too many failed logins")
	}
}

// tryFor describes an attempt to log in to the account with a name.
func (r *request) tryFor(name string) guess.Try {
	if !isAccountName(name) {
		name = "*" // no account has it; the try counts like any other
	}
	return guess.Try{Place: guess.Place(r.s.from.Addr), Account: name, Exempt: r.s.exempt}
}

// mayTry refuses a client that has guessed too often, before anything is done for it.
func (r *request) mayTry(try guess.Try) error {
	ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
	defer cancel()
	wait, err := r.n.guard.Wait(ctx, try)
	if err == nil && wait > 0 {
		err = &guess.Limited{Wait: wait}
	}
	return r.tally(err)
}

// proven runs check within the limits on guessing. It says whether the secret was right,
// and why it is refused all the same. The error is safe to show.
func (r *request) proven(try guess.Try, check func(context.Context) (right bool, err error)) error {
	return r.tally(r.n.guard.Prove(r.origin(), try, check))
}

// tally counts why a login fails, for the connection and in the figures, and returns what
// the client is told.
func (r *request) tally(err error) error {
	var limited *guess.Limited
	code := core.CodeOf(err)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		r.n.metrics.loginFailures.WithLabelValues("limited").Inc()
	case code == core.Forbidden:
		r.n.metrics.loginFailures.WithLabelValues("refused").Inc()
	default:
		r.n.metrics.loginFailures.WithLabelValues("unavailable").Inc()
		return r.n.cantCheck(err)
	}
	r.locked(func() { r.s.sasl.tries++ })
	return err
}

// login checks name and key and ties the connection to the account. The error
// is safe to show. Call it without the lock.
func (r *request) login(name, key string) error {
	try := r.tryFor(name)
	shut := false
	err := r.proven(try, func(ctx context.Context) (right bool, err error) {
		right, shut, err = r.attachTo(ctx, func(ctx context.Context) (member.Member, error) { return r.n.members.AuthIRC(ctx, try.Account, key) })
		return right, err
	})
	r.letAsk(shut)
	return err
}

// loginProven is login for a client that has proved who it is in a way in which nothing can
// be guessed.
func (r *request) loginProven(prove func(context.Context) (member.Member, error)) error {
	_, shut, err := r.attachTo(r.origin(), prove)
	err = r.tally(err)
	r.letAsk(shut)
	return err
}

// attachTo ties the connection to the account that prove returns. right is whether there is
// one, and shut whether it is disabled.
func (r *request) attachTo(ctx context.Context, prove func(context.Context) (member.Member, error)) (right, shut bool, err error) {
	n := r.n
	err = n.settled(func(unchanged func(core.MemberID, string) bool) (bool, error) {
		m, err := n.authenticate(ctx, prove)
		right = m.ID != 0
		if err != nil {
			shut = right && !m.Open()
			return true, err
		}
		known := n.recall(r.ctx, m.ID)
		done := false
		r.locked(func() {
			if done = unchanged(m.ID, m.Name); done {
				err = n.attach(r.s, m, known)
			}
		})
		return done, err
	})
	return right, shut, err
}

// letAsk lets somebody whose account is disabled ask why.
func (r *request) letAsk(shut bool) {
	if shut {
		r.locked(func() { r.n.shutOut(r.s) })
	}
}

// shutOut lets a guest whose account is disabled into the channels where they can
// ask why.
func (n *network) shutOut(s *session) {
	if s.account != nil {
		return
	}
	s.user.shutOut = true
	if s.registered() {
		n.autoJoin(s.user, nil, s)
	}
}

// authenticate asks the site. When it can't be asked, nobody gets in.
func (n *network) authenticate(ctx context.Context, prove func(context.Context) (member.Member, error)) (member.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m, err := prove(ctx)
	switch code := core.CodeOf(err); {
	case err == nil && m.Can(core.IRCConnect):
		return m, nil
	case err == nil:
		return m, core.Errorf(core.Forbidden, "your class may not use IRC")
	case code == core.Forbidden:
		return m, err
	default:
		return m, n.cantCheck(err)
	}
}

// cantCheck logs why the site can't be asked, and returns an error to show the client. An
// error that is meant for the client stays as it is.
func (n *network) cantCheck(err error) error {
	if core.CodeOf(err) == core.Unavailable {
		return err
	}
	n.log.Error("an IRC login can't be checked", "err", err)
	return core.Wrap(err, core.Unavailable, "logins can't be checked at the moment, try again in a minute")
}

// attach ties a connection to the account of m. Both m and known have just been read.
func (n *network) attach(s *session, m member.Member, known memory) error {
	if s.account != nil && s.account.member.ID == m.ID {
		n.tellLogin(s)
		return nil
	}
	a := n.accounts[m.ID]
	if a == nil {
		a = &account{member: m, known: known, back: n.lastID + 1, replayed: map[*channel]bool{}}
		n.accounts[m.ID] = a
	} else {
		n.refresh(a, m)
		if len(a.sessions) >= n.cfg.MaxPerAccount {
			return core.Errorf(core.Unavailable, "there are too many connections of this account, close one first")
		}
		n.accounts[m.ID] = a // refresh may have ended the last connection
	}
	if s.account != nil {
		n.detach(s) // and settleIn takes it off its user
	}
	a.sessions = append(a.sessions, s)
	s.account = a
	s.password = ""
	n.setPace(s)
	u := s.user
	if !s.registered() {
		u.name, u.host = fold(m.Name), n.memberHost(m)
	}
	n.tellLogin(s)
	return nil
}

// tellLogin tells a session who it is logged in as.
func (n *network) tellLogin(s *session) {
	u := s.user
	n.numeric(s, rplLoggedIn, s.target()+"!"+orStar(u.name)+"@"+u.host, s.login(), "You are now logged in as "+s.login())
}

// leaveUser makes a guest of a session that has logged in to another account. Its client
// sees a change of nick; the others see the user quit if that was its last session.
func (n *network) leaveUser(s *session) {
	old := s.user
	for _, m := range old.channels {
		if m.has(s) {
			n.send(s, n.lineFrom(old, "PART", m.ch.row.Name, "You logged in to another account"))
		}
	}
	was := old.prefix()
	n.depart(s, "Logged in to another account")
	u := &user{nick: n.guestNick("", nil), name: "user", real: old.real, sessions: []*session{s}, since: n.clock(), away: s.away}
	s.user, s.catchUp = u, nil
	u.host = n.hostOf(u)
	n.nicks[fold(u.nick)] = u
	n.setInvisible(u, true)
	n.send(s, &line{source: was, command: "NICK", params: []string{u.nick}, at: n.clock()})
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// settleIn does for a guest who has logged in what registration does for members: it sets
// host, nick and channels, and the mode that some clients wait for. If the account has a
// user already, the connection becomes one of that user's.
func (r *request) settleIn() {
	n, s := r.n, r.s
	registered, account, wanted := false, "", ""
	r.locked(func() { registered, account, wanted = s.registered(), s.login(), s.wanted })
	if !registered {
		return
	}
	nick := n.nickFor(r.ctx, account, wanted)
	r.locked(func() {
		if s.user.account == s.account {
			return // it logged in to the same account again
		}
		if s.user.account != nil {
			n.leaveUser(s)
		}
		if u := s.account.user; u != nil {
			n.become(s, u)
			return
		}
		u := s.user
		u.account, s.account.user = s.account, u
		n.tellPeers(u, capAccountNotify, n.lineFrom(u, "ACCOUNT", u.accountName()))
		if n.changeHost(u, fold(u.accountName()), n.hostOf(u)); s.gone {
			return
		}
		n.rename(u, n.claim(u, nick))
		n.sendLine(s, "MODE", u.nick, "+r")
		for _, m := range slices.Clone(u.channels) {
			if !m.ch.admits(u) {
				n.expel(m, "Your class may not be here")
				continue
			}
			n.grantStatus(m)
		}
		n.autoJoin(u, nil, s)
	})
}

// cmdPass keeps name:key until registration is complete.
func cmdPass(r *request) { r.s.password = clip(r.param(0), maxSASL) }

// nickServ is the name of the service that clients without SASL know.
const nickServ = "NickServ"

// cmdNickServ is the short form of a message to NickServ.
func cmdNickServ(r *request) { r.identify(strings.Join(r.params, " ")) }

// identify answers what is said to NickServ, which knows only IDENTIFY: with name and key,
// or with the key alone if the client has, or asked for, the account's nick.
func (r *request) identify(text string) {
	words := strings.Fields(text)
	tell := func(text string) {
		r.locked(func() {
			r.n.send(r.s, &line{source: nickServ + "!services@" + r.n.cfg.ServerName, command: "NOTICE",
				params: []string{r.s.target(), text}, at: r.n.clock()})
		})
	}
	if len(words) < 2 || len(words) > 3 || !strings.EqualFold(words[0], "IDENTIFY") {
		tell("Log in with SASL, or say: IDENTIFY name key (the IRC key is on your settings page)")
		return
	}
	name, key := "", words[len(words)-1]
	loggedIn := false
	r.locked(func() { name, loggedIn = r.s.wanted, r.s.account != nil })
	if len(words) == 3 {
		name = words[1]
	} else if bases := basesOf(name); len(bases) > 0 {
		name = bases[len(bases)-1]
	}
	if loggedIn {
		tell("You are logged in already")
		return
	}
	if err := r.login(name, key); err != nil {
		tell("Not logged in: " + core.SafeText(err))
		r.locked(r.limitTries)
		return
	}
	tell("You are now logged in")
	r.settleIn()
}
