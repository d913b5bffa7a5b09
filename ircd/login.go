package ircd

import (
	"context"
	"slices"
	"strings"
	"time"

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

// mayTry refuses a client that has guessed too often.
func (r *request) mayTry(try *guess.Try) error {
	ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
	defer cancel()
	wait, err := r.n.guard.Wait(ctx, try)
	switch {
	case err != nil:
		return r.n.cantCheck(err)
	case wait <= 0:
		return nil
	}
	r.n.metrics.loginFailures.WithLabelValues("limited").Inc()
	r.locked(func() { r.s.sasl.tries++ })
	return core.Errorf(core.Unavailable, "too many failed logins, try again in %s", wait.Round(time.Second)+time.Second)
}

// wrongKey counts a guess.
func (r *request) wrongKey(try guess.Try) {
	r.n.metrics.loginFailures.WithLabelValues("refused").Inc()
	if err := r.n.guard.Failed(r.ctx, try); err != nil {
		r.n.log.Error("a wrong IRC key is not counted", "err", err)
	}
	r.locked(func() { r.s.sasl.tries++ })
}

// rightKey forgets earlier guesses.
func (r *request) rightKey(try guess.Try) {
	if err := r.n.guard.Succeeded(r.ctx, try); err != nil {
		r.n.log.Error("earlier wrong IRC keys are not forgotten", "err", err)
	}
}

// login checks name and key and ties the connection to the account. The error
// is safe to show. Call it without the lock.
func (r *request) login(name, key string) error {
	try := r.tryFor(name)
	return r.loginBy(&try, func(ctx context.Context) (member.Member, error) { return r.n.members.AuthIRC(ctx, try.Account, key) })
}

// loginBy ties the connection to the account that prove returns, which answers Forbidden
// when there is none. try is nil where nothing can be guessed.
func (r *request) loginBy(try *guess.Try, prove func(context.Context) (member.Member, error)) error {
	n := r.n
	if try != nil {
		if err := r.mayTry(try); err != nil {
			return err
		}
	}
	shut := false // the proof is right and the account disabled
	err := n.settled(func(unchanged func(core.MemberID, string) bool) (bool, error) {
		m, err := n.authenticate(r.ctx, prove)
		if err != nil {
			shut = m.ID != 0 && m.State == member.Disabled
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
	switch code := core.CodeOf(err); {
	case code == "":
		if try != nil {
			r.rightKey(*try)
		}
	case code == core.Forbidden && !shut && try != nil:
		r.wrongKey(*try)
	case code == core.Forbidden:
		n.metrics.loginFailures.WithLabelValues("refused").Inc()
		r.locked(func() {
			r.s.sasl.tries++
			if shut {
				n.shutOut(r.s)
			}
		})
	default:
		n.metrics.loginFailures.WithLabelValues("unavailable").Inc()
	}
	return err
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

// cantCheck logs why the site can't be asked, and returns an error to show the client.
func (n *network) cantCheck(err error) error {
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
	u := &user{nick: n.guestNick(), name: "user", real: old.real, sessions: []*session{s}, since: n.clock(), away: s.away}
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
