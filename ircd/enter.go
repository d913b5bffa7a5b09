package ircd

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// isEntry reports whether a message tells the site's bot name and key. On other trackers
// the bot lets people in that way, so programs are set up for it. Here the server does
// it, and the key goes no further.
func isEntry(target, text string) bool {
	_, ok := irc.ParseEntry(strings.TrimPrefix(text, "!"))
	return ok && strings.EqualFold(target, member.BotName)
}

// withCertificate completes the command by which members register a certificate with the
// bot: where they name none, they mean the one that this connection showed.
func (r *request) withCertificate(text string) string {
	words := strings.Fields(text)
	switch {
	case r.s.from.Certificate == "", len(words) < 2, !strings.EqualFold(strings.TrimPrefix(words[0], "!"), "certfp"), !strings.EqualFold(words[1], "add"),
		len(words) > 2 && !strings.HasPrefix(words[2], "--"):
		return text
	}
	return strings.Join(slices.Insert(words, 2, r.s.from.Certificate), " ")
}

// enter logs in a client that says ENTER or IDENTIFY, and lets it into the channels that
// it names.
func (r *request) enter(text string) {
	tell := func(text string) {
		r.locked(func() {
			r.n.send(r.s, &line{source: nickServ + "!services@" + r.n.cfg.ServerName, command: "NOTICE",
				params: []string{r.s.target(), text}, at: r.n.clock()})
		})
	}
	e, _ := irc.ParseEntry(strings.TrimPrefix(text, "!"))
	loggedIn := false
	r.locked(func() { loggedIn = r.s.account != nil })
	switch {
	case loggedIn: // with whatever key: the channels are open to them
	case e.Name == "":
		tell("Log in with SASL, or write: ENTER #channel name key (the IRC key is on your settings page)")
		return
	default:
		if err := r.login(e.Name, e.Key); err != nil {
			tell("Not logged in: " + core.SafeText(err))
			r.locked(r.limitTries)
			return
		}
		tell("You are now logged in")
		r.settleIn()
	}
	r.locked(func() {
		for _, name := range e.Channels {
			r.join(name, "")
		}
	})
}
