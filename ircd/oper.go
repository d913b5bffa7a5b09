package ircd

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// operatorPowers are the permissions that operators use. A member with one of them may
// become operator.
var operatorPowers = []core.Permission{core.IRCRemove, core.IRCAddress, core.IRCOverride}

func mayOperate(m member.Member) bool { return slices.ContainsFunc(operatorPowers, m.Can) }

// may reports whether somebody is operator and has a power; "" asks for no power.
func (u *user) may(p core.Permission) bool {
	return u.operator && (p == "" || u.rescue || u.can(p))
}

// sees reports whether somebody may see what a permission shows, operator or not.
func (u *user) sees(p core.Permission) bool { return u.can(p) || u.may(p) }

// actor is the name of somebody in the audit log and in notices about what they did.
func (u *user) actor() string {
	if u.account != nil {
		return u.accountName()
	}
	return u.nick
}

// cmdOper is OPER: a member whose classes have one of the operatorPowers proves its
// identity once more. The operator whom the configuration names needs no account.
func cmdOper(r *request) {
	n, name := r.n, r.param(0)
	var m member.Member
	var cfg Config
	rescue, there, already := false, false, false
	r.locked(func() {
		there, already = true, r.user().operator
		cfg = n.cfg
		rescue = cfg.OperName != "" && name == cfg.OperName && conn.Within(n.trusted.oper, r.s.from.Addr)
		if r.s.account != nil {
			m = r.s.account.member
		}
	})
	refuse := func(code, why string) {
		r.noteDenied("oper", why)
		r.locked(func() { r.reply(code, why) })
	}
	switch {
	case !there:
	case already:
		r.locked(func() { r.reply(rplYoureOper, "You are an IRC operator already") })
	case rescue:
		if err := r.proveOper(rescueAccount, func(context.Context) (bool, error) {
			right := cfg.knowsOperator(r.param(1))
			r.noteTry("", right)
			if !right {
				return false, core.Errorf(core.Forbidden, "password incorrect")
			}
			return true, nil
		}); err != nil {
			refuse(errPasswdMismatch, core.SafeText(err))
			return
		}
		r.becomeOperator(true)
	case m.ID == 0:
		refuse(errNoOperHost, "Log in with your site name and IRC key first")
	case !mayOperate(m):
		refuse(errNoOperHost, "Your class may not run this network")
	case !strings.EqualFold(name, m.Name):
		refuse(errPasswdMismatch, "OPER takes your own site name and your IRC key")
	default:
		err := r.proveOper(m.Name, func(ctx context.Context) (bool, error) {
			found, err := n.members.AuthIRC(ctx, m.Name, r.param(1))
			return found.ID != 0, err
		})
		if err != nil {
			refuse(errPasswdMismatch, core.SafeText(err))
			return
		}
		r.becomeOperator(false)
	}
}

// rescueAccount is what tries at the operator of the configuration are counted under. No
// member has such a name.
const rescueAccount = "*oper"

// proveOper is proven for OPER, which ends the connection after too many wrong keys.
func (r *request) proveOper(account string, check func(context.Context) (right bool, err error)) error {
	try := r.tryFor(account)
	try.Account = account
	err := r.proven(try, func(ctx context.Context) (bool, error) {
		ctx, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		return check(ctx)
	})
	if core.CodeOf(err) == core.Forbidden {
		r.locked(r.limitTries)
	}
	return err
}

// knowsOperator compares a password with the hash of the configuration.
func (c Config) knowsOperator(password string) bool {
	want, err := hex.DecodeString(c.OperHash)
	sum := sha256.Sum256([]byte(password))
	return err == nil && subtle.ConstantTimeCompare(sum[:], want) == 1
}

// becomeOperator gives the asker the mode o, and s with it.
func (r *request) becomeOperator(rescue bool) {
	r.actInMemory(deed{command: "oper"}, func() (*user, func(), error) {
		n, u := r.n, r.user()
		switch {
		case r.s.gone:
			return nil, nil, core.Errorf(core.Unavailable, "the connection has ended")
		case !rescue && (u.account == nil || !mayOperate(u.account.member)): // taken away meanwhile
			return nil, nil, core.Errorf(core.Forbidden, "your class may not run this network")
		}
		return nil, func() {
			was := u.modes()
			n.setOperator(u, true)
			u.rescue, u.snotices = rescue, true
			r.reply(rplYoureOper, "You are now an IRC operator")
			n.tell(u, n.lineFrom(u, "MODE", u.nick, userModesBetween(was, u.modes())))
		}, nil
	})
}

// setOperator sets the user mode o and keeps the list of operators. Without the mode
// somebody has none of the powers.
func (n *network) setOperator(u *user, on bool) {
	if u.operator == on {
		return
	}
	u.operator = on
	if on {
		n.opers[u] = struct{}{}
		return
	}
	delete(n.opers, u)
	u.rescue, u.snotices = false, false
}

// resign takes the mode o from somebody in the server's name.
func (n *network) resign(u *user) {
	was := u.modes()
	n.setOperator(u, false)
	n.tell(u, n.line("MODE", u.nick, userModesBetween(was, u.modes())))
	n.snotice("", u.actor()+" is no IRC operator any more: the class may not run this network")
}
