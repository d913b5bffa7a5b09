package ircd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// cmdUser is USER: the second half of registration.
func cmdUser(r *request) {
	r.locked(func() {
		if r.param(3) == "" {
			r.reply(errNeedMoreParams, "USER", "Not enough parameters")
			return
		}
		r.c.real = clip(r.param(3), maxReal)
		if r.c.account == nil {
			r.c.user = userName(r.param(0))
		}
	})
	r.register()
}

// register completes the registration once all is there: nick, user, the end of
// the negotiation, and a login if PASS brought one.
func (r *request) register() {
	ready, account, wanted, password := false, "", "", ""
	r.locked(func() {
		c := r.c
		ready = !c.registered && !c.negotiating && c.wanted != "" && c.real != ""
		account, wanted, password = c.accountName(), c.wanted, c.password
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
	r.locked(func() { r.n.welcome(r.c, r.n.claim(r.c, nick)) })
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
			r.n.drop(r.c, "Login failed")
			return
		}
		account = r.c.accountName()
	})
	return account
}

// registerGuest lets somebody in without an account. A nick that belongs to a
// member is replaced rather than refused: clients that try one after the other
// would never get in.
func (r *request) registerGuest(wanted string) {
	n, c := r.n, r.c
	if !n.cfg.Guests {
		r.locked(func() {
			n.sendLine(c, "FAIL", "*", "ACCOUNT_REQUIRED_TO_CONNECT", "Log in with SASL: your site name and IRC key")
			n.drop(c, "You need to log in with your site name and IRC key")
		})
		return
	}
	err := n.settled(func(unchanged func(core.MemberID, string) bool) (bool, error) {
		why := n.mayUse(r.ctx, "", wanted)
		if core.CodeOf(why) == core.Unavailable {
			return true, why
		}
		done := false
		r.locked(func() {
			for _, base := range basesOf(wanted) {
				if !unchanged(0, base) {
					return
				}
			}
			done = true
			r.admitGuest(wanted, why)
		})
		return done, nil
	})
	if err != nil {
		r.locked(func() { n.drop(c, core.SafeText(err)) })
	}
}

func (r *request) admitGuest(wanted string, why error) {
	n, c := r.n, r.c
	switch {
	case !validNick(wanted, false):
		c.wanted = ""
		r.reply(errErroneusNickname, wanted, "A nick may not begin with a digit")
	case why == nil && n.find(wanted) != nil:
		c.wanted = ""
		r.reply(errNicknameInUse, wanted, "Nickname is already in use")
	case why == nil:
		n.welcome(c, wanted)
	default:
		n.welcome(c, n.guestNick())
		n.notice(c, "You can't be "+wanted+" here: "+core.SafeText(why))
	}
}

// welcome makes the client a registered one and sends what clients wait for.
func (n *network) welcome(c *client, nick string) {
	c.nick, c.registered, c.invisible = nick, true, true
	c.host = n.hostOf(c)
	if c.account != nil {
		c.user = fold(c.account.member.Name)
	}
	n.nicks[fold(nick)] = c
	n.numeric(c, rplWelcome, "Welcome to the "+n.name+" IRC network, "+c.prefix())
	n.numeric(c, rplYourHost, "Your host is "+n.cfg.ServerName+", running "+n.version)
	n.numeric(c, rplCreated, "This server was started "+n.started.UTC().Format(time.RFC1123))
	n.numeric(c, rplMyInfo, n.cfg.ServerName, n.version, userModes, channelModes)
	n.sendISupport(c)
	n.sendLusers(c)
	n.sendMOTD(c)
	n.sendLine(c, "MODE", c.nick, "+i")
	if c.account == nil {
		n.notice(c, "You are not logged in. Members log in with SASL: site name and IRC key.")
		return
	}
	n.sendLine(c, "MODE", c.nick, "+r")
	n.autoJoin(c, nil)
}

// isupport lists what the server supports, as RPL_ISUPPORT words it.
func (c Config) isupport(network string) []string {
	return []string{
		"AWAYLEN=" + strconv.Itoa(maxAway), "BOT=B", "CASEMAPPING=ascii",
		fmt.Sprintf("CHANLIMIT=#:%d", maxJoined), "CHANMODES=b,k,l,imnstu", "CHANNELLEN=" + strconv.Itoa(maxChannel), "CHANTYPES=#",
		"HOSTLEN=70", "KEYLEN=" + strconv.Itoa(maxKey), "KICKLEN=" + strconv.Itoa(maxReason), "LINELEN=" + strconv.Itoa(maxLine),
		fmt.Sprintf("MAXLIST=b:%d", maxBans), fmt.Sprintf("MAXTARGETS=%d", maxTargets), fmt.Sprintf("MODES=%d", maxModes),
		"NETWORK=" + strings.ReplaceAll(network, " ", `\x20`), "NICKLEN=" + strconv.Itoa(maxNick), "PREFIX=(ov)@+", "SAFELIST", "STATUSMSG=@+",
		fmt.Sprintf("TARGMAX=JOIN:,KICK:%[1]d,LIST:,NAMES:1,NOTICE:%[1]d,PART:,PRIVMSG:%[1]d,TAGMSG:%[1]d,WHOIS:1", maxTargets),
		"TOPICLEN=" + strconv.Itoa(maxTopic), "USERLEN=" + strconv.Itoa(maxUser), "UTF8ONLY", "WHOX",
	}
}

func (n *network) sendISupport(c *client) {
	const perLine = 12
	for rest := n.tokens; len(rest) > 0; rest = rest[min(perLine, len(rest)):] {
		params := append([]string{}, rest[:min(perLine, len(rest))]...)
		n.numeric(c, rplISupport, append(params, "are supported by this server")...)
	}
}

// setPace sets how fast the client may send: guests slowly, members as people
// type and their programs need, the bot of the site without limit.
func (n *network) setPace(c *client) {
	switch {
	case c.account == nil:
		c.pace.Store(newPace(n.cfg.GuestLinesPerMinute, n.cfg.GuestLinesBurst))
	case c.account.member.Can(core.IRCAnnounce):
		c.pace.Store(nil)
	default:
		c.pace.Store(newPace(n.cfg.LinesPerMinute, n.cfg.LinesBurst))
	}
}

func newPace(perMinute, burst int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(float64(perMinute)/60), burst)
}
