package ircd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// cmdUser is USER: the second half of registration.
func cmdUser(r *request) {
	r.locked(func() {
		if r.param(3) == "" {
			r.reply(errNeedMoreParams, "USER", "Not enough parameters")
			return
		}
		u := r.user()
		u.real = clip(r.param(3), maxReal)
		if r.s.account == nil {
			u.name = userName(r.param(0))
		}
	})
	r.register()
}

// register completes the registration once all is there: nick, user, the end of
// the negotiation, and a login if PASS brought one.
func (r *request) register() {
	ready, account, wanted, password := false, "", "", ""
	r.locked(func() {
		s := r.s
		ready = !s.registered() && !s.negotiating && s.wanted != "" && s.user.real != ""
		account, wanted, password = s.login(), s.wanted, s.password
	})
	if !ready {
		return
	}
	if account == "" && password != "" {
		if account = r.passLogin(wanted, password); account == "" {
			return
		}
	}
	if account == "" {
		r.registerGuest(wanted)
		return
	}
	nick := r.n.nickFor(r.ctx, account, wanted)
	r.locked(func() {
		if u := r.s.account.user; u != nil {
			r.n.attend(r.s, u)
			return
		}
		r.n.appear(r.s, r.n.claim(r.user(), nick))
	})
}

// passLogin logs in with what PASS brought: name:key, or a key for the name that
// the nick begins with. It returns the account's name, "" when it failed.
func (r *request) passLogin(wanted, password string) string {
	name, key, ok := strings.Cut(password, ":")
	if !ok {
		key = password
		if bases := basesOf(wanted); len(bases) > 0 {
			name = bases[len(bases)-1]
		}
	}
	err := r.login(name, key)
	account := ""
	r.locked(func() {
		if err != nil {
			r.reply(errPasswdMismatch, "Login failed: "+core.SafeText(err)+" (PASS takes name:key)")
			r.n.drop(r.s, "Login failed")
			return
		}
		account = r.s.login()
	})
	return account
}

// registerGuest lets somebody in without an account.
func (r *request) registerGuest(wanted string) {
	n, s := r.n, r.s
	r.locked(func() {
		if !n.cfg.Guests {
			n.sendLine(s, "FAIL", "*", "ACCOUNT_REQUIRED_TO_CONNECT", "Log in with SASL: your site name and IRC key")
			n.drop(s, "You need to log in with your site name and IRC key")
			return
		}
		nick := n.guestNick(wanted, nil)
		if nick == "" {
			s.wanted = ""
			r.reply(errNicknameInUse, wanted, "Nickname is already in use")
			return
		}
		n.appear(s, nick)
	})
}

// greet sends a session whose registration is complete what clients wait for.
func (n *network) greet(s *session) {
	n.numeric(s, rplWelcome, "Welcome to the "+n.name+" IRC network, "+s.user.prefix())
	n.numeric(s, rplYourHost, "Your host is "+n.cfg.ServerName+", running "+n.version)
	n.numeric(s, rplCreated, "This server was started "+n.started.UTC().Format(time.RFC1123))
	n.numeric(s, rplMyInfo, n.cfg.ServerName, n.version, userModes, channelModes, withArgument)
	n.sendISupport(s)
	n.sendLusers(s)
	n.sendMOTD(s)
	n.showModes(s)
}

// isupport lists what the server supports, as RPL_ISUPPORT words it.
func (c Config) isupport(network string) []string {
	return []string{
		"AWAYLEN=" + strconv.Itoa(maxAway), "BOT=B", "CASEMAPPING=ascii",
		fmt.Sprintf("CHANLIMIT=#:%d", maxJoined), "CHANMODES=" + maskLists + ",k,l," + flagModes, "CHANNELLEN=" + strconv.Itoa(maxChannel), "CHANTYPES=#",
		"ELIST=CMNTU", "EXCEPTS=e", "HOSTLEN=70", "INVEX=I", "KEYLEN=" + strconv.Itoa(maxKey), "KICKLEN=" + strconv.Itoa(maxReason), "LINELEN=" + strconv.Itoa(maxLine),
		fmt.Sprintf("MAXLIST=%s:%d", maskLists, maxMasks), fmt.Sprintf("MAXTARGETS=%d", maxTargets), fmt.Sprintf("MODES=%d", maxModes), fmt.Sprintf("MONITOR=%d", maxMonitored),
		"NETWORK=" + strings.ReplaceAll(network, " ", `\x20`), "NICKLEN=" + strconv.Itoa(maxNick), "PREFIX=(ov)@+", "SAFELIST", "STATUSMSG=@+",
		fmt.Sprintf("TARGMAX=JOIN:,KICK:%[1]d,LIST:,NAMES:%[1]d,NOTICE:%[1]d,PART:,PRIVMSG:%[1]d,SAJOIN:%[1]d,SAPART:%[1]d,TAGMSG:%[1]d,WHOIS:1", maxTargets),
		"TOPICLEN=" + strconv.Itoa(maxTopic), "USERLEN=" + strconv.Itoa(maxUser), "UTF8ONLY", "WHOX",
	}
}

func (n *network) sendISupport(s *session) {
	const perLine = 12
	for rest := n.tokens; len(rest) > 0; rest = rest[min(perLine, len(rest)):] {
		params := append([]string{}, rest[:min(perLine, len(rest))]...)
		n.numeric(s, rplISupport, append(params, "are supported by this server")...)
	}
}
