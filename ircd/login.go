package ircd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ergochat/irc-go/ircutils"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// saslState is where a client stands in AUTHENTICATE.
type saslState struct {
	mechanism string // "" when none is under way
	buffer    *ircutils.SASLBuffer
	tries     int // wrong keys so far, by whatever way
}

// maxSASL bounds a decoded response: two names and a key.
const maxSASL = 1024

// cmdAuthenticate is SASL with the mechanism PLAIN: site name and IRC key.
func cmdAuthenticate(r *request) {
	var response []byte
	complete := false
	r.locked(func() { response, complete = r.saslStep() })
	if !complete {
		return
	}
	name, key, ok := parsePlain(response)
	if !ok {
		r.locked(func() { r.reply(errSASLFail, "SASL authentication failed: the response is not in the form of PLAIN") })
		return
	}
	err := r.login(name, key)
	r.locked(func() {
		if err != nil {
			r.reply(errSASLFail, "SASL authentication failed: "+core.SafeText(err))
			r.limitTries()
			return
		}
		r.reply(rplSASLSuccess, "SASL authentication successful")
	})
	if err == nil {
		r.settleIn()
	}
}

// saslStep takes one AUTHENTICATE line, and returns the response once it is
// complete.
func (r *request) saslStep() ([]byte, bool) {
	s, arg := &r.s.sasl, r.param(0)
	switch {
	case !r.s.has(capSASL):
		r.reply(errSASLFail, "SASL authentication failed: ask for the capability sasl first")
	case r.s.account != nil:
		r.reply(errSASLAlready, "You are logged in already")
	case arg == "*":
		s.mechanism = ""
		r.reply(errSASLAborted, "SASL authentication aborted")
	case s.mechanism == "":
		if !strings.EqualFold(arg, "PLAIN") {
			r.reply(rplSASLMechs, "PLAIN", "are available SASL mechanisms")
			r.reply(errSASLFail, "SASL authentication failed: there is only PLAIN")
			break
		}
		s.mechanism, s.buffer = "PLAIN", ircutils.NewSASLBuffer(maxSASL)
		r.n.send(r.s, &line{command: "AUTHENTICATE", params: []string{"+"}, at: r.n.clock()})
	default:
		done, response, err := s.buffer.Add(arg)
		if !done {
			break
		}
		s.mechanism = ""
		switch {
		case err == nil:
			return response, true
		case errors.Is(err, ircutils.ErrSASLTooLong), errors.Is(err, ircutils.ErrSASLLimitExceeded):
			r.reply(errSASLTooLong, "SASL message too long")
		default:
			r.reply(errSASLFail, "SASL authentication failed: the response is not base64")
		}
	}
	return nil, false
}

// parsePlain reads a response of PLAIN (RFC 4616). Nobody may act for another,
// so the identity to act as is empty or the name itself.
func parsePlain(b []byte) (name, key string, ok bool) {
	parts := bytes.Split(b, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 {
		return "", "", false
	}
	if len(parts[0]) > 0 && !strings.EqualFold(string(parts[0]), string(parts[1])) {
		return "", "", false
	}
	return string(parts[1]), string(parts[2]), true
}

// limitTries closes a connection that has had enough wrong keys.
func (r *request) limitTries() {
	if r.s.sasl.tries >= r.n.cfg.LoginTries {
		r.n.drop(r.s, "Too many failed logins")
	}
}

// login checks name and key and ties the connection to the account. The error
// is safe to show. Call it without the lock.
func (r *request) login(name, key string) error {
	n := r.n
	if !isAccountName(name) {
		name = "*" // nobody's; it costs a try like any other
	}
	try := guess.Try{Place: addressKey(r.s.addr).String(), Account: name, Exempt: r.s.exempt}
	if wait := n.guard.Wait(try); wait > 0 {
		n.metrics.loginFailures.WithLabelValues("limited").Inc()
		r.locked(func() { r.s.sasl.tries++ })
		return core.Errorf(core.Unavailable, "too many failed logins, try again in %s", wait.Round(time.Second)+time.Second)
	}
	shut := false // the key is right and the account disabled
	err := n.settled(func(unchanged func(core.MemberID, string) bool) (bool, error) {
		m, err := n.authenticate(r.ctx, name, key)
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
	switch core.CodeOf(err) {
	case "":
		n.guard.Succeeded(try)
		return nil
	case core.Forbidden:
		n.metrics.loginFailures.WithLabelValues("refused").Inc()
		if !shut {
			n.guard.Failed(try)
		}
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
		n.autoJoin(s.user, nil)
	}
}

// authenticate asks the site. When it can't be asked, nobody gets in.
func (n *network) authenticate(ctx context.Context, name, key string) (member.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	m, err := n.members.AuthIRC(ctx, name, key)
	switch code := core.CodeOf(err); {
	case err == nil && m.Can(core.IRCConnect):
		return m, nil
	case err == nil:
		return m, core.Errorf(core.Forbidden, "your class may not use IRC")
	case code == core.Forbidden:
		return m, err
	default:
		n.log.Error("an IRC login can't be checked", "err", err)
		return m, core.Wrap(err, core.Unavailable, "logins can't be checked at the moment, try again in a minute")
	}
}

// attach ties a connection to the account of m, which was just read like what is
// known of it.
func (n *network) attach(s *session, m member.Member, known memory) error {
	if s.account != nil {
		return core.Errorf(core.Conflict, "you are logged in already")
	}
	if known.marks == nil {
		known.marks = marks{}
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
	a.sessions = append(a.sessions, s)
	s.account = a
	s.password = ""
	n.setPace(s)
	u := s.user
	if !s.registered() {
		u.name, u.host = fold(m.Name), n.memberHost(m)
	}
	n.numeric(s, rplLoggedIn, s.target()+"!"+orStar(u.name)+"@"+u.host, m.Name, "You are now logged in as "+m.Name)
	return nil
}

func orStar(s string) string {
	if s == "" {
		return "*"
	}
	return s
}

// settleIn does for a guest who logged in what registration does for members:
// host, nick, channels, and the mode that some clients wait for. Where the
// account has a user already, the connection becomes one of its.
func (r *request) settleIn() {
	n, s := r.n, r.s
	registered, account, wanted := false, "", ""
	r.locked(func() { registered, account, wanted = s.registered(), s.login(), s.wanted })
	if !registered {
		return
	}
	nick := n.nickFor(r.ctx, account, wanted)
	r.locked(func() {
		if u := s.account.user; u != nil {
			n.become(s, u)
			return
		}
		u := s.user
		u.account, s.account.user = s.account, u
		n.tellPeers(u, capAccountNotify, n.lineFrom(u, "ACCOUNT", u.accountName()))
		n.changeHost(u, fold(u.accountName()), n.hostOf(u))
		n.rename(u, n.claim(u, nick))
		n.sendLine(s, "MODE", u.nick, "+r")
		for _, m := range slices.Clone(u.channels) {
			if !m.ch.admits(u) {
				n.expel(m, "Your class may not be here")
				continue
			}
			n.grantStatus(m)
		}
		n.autoJoin(u, nil)
	})
}

// cmdPass keeps name:key until registration is complete.
func cmdPass(r *request) { r.s.password = clip(r.param(0), maxSASL) }

// nickServ is the name of the service that clients without SASL know.
const nickServ = "NickServ"

// cmdNickServ is the short form of a message to NickServ.
func cmdNickServ(r *request) { r.identify(strings.Join(r.params, " ")) }

// identify answers what is said to NickServ. Only IDENTIFY means anything: with
// name and key, or with the key alone for who has the account's nick or wanted it.
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
