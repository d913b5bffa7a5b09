package setting

import (
	"strings"
	"time"
)

// The settings. What each means stands beside it, in the words that staff read.
var (
	RegistrationMode = choice("registration.mode", "how people join: by an invite, by anybody's own wish, not at all, or by an application that staff look at",
		ModeInvite, ModeInvite, ModeOpen, ModeClosed, ModeApplication)
	RegistrationLimit = number("registration.limit", "how many accounts there may be; 0 is any number", 0, 0, 10_000_000)
	RegistrationMail  = choice("registration.mail", "whether somebody who joins must give a mail address", MailOptional, MailOptional, MailRequired)
	ConfirmMail       = yesNo("registration.confirm_mail", "whether somebody who joins must show that they read their mail; it counts only while the site can send mail", true)
	FirstInvites      = number("registration.first_invites", "how many invites somebody has when they join, besides what their class is given each month", 0, 0, 1000)
	FirstClass        = word("registration.first_class", "the class of somebody who joins", "User")
	RegistrationBurst = number("registration.per_network", "how many accounts may be made within a day from one network", 5, 1, 10_000)
	RefusedDomains    = words("registration.refused_domains", "domains whose mail addresses are not taken, and all below them: those that give addresses away for some minutes",
		"a domain, such as mail.example", maxDomains, isDomain, throwAway...)
	InviteLife       = duration("invite.life", "for how long an invite is good; then whoever made it has it back", 3*24*time.Hour, time.Hour, 30*24*time.Hour)
	ApplicationWait  = duration("application.wait", "for how long somebody whose application was refused must wait before the next", 30*24*time.Hour, 0, 365*24*time.Hour)
	ApplicationBurst = number("application.per_network", "how many applications may be made within a day from one network", 3, 1, 10_000)
	ApplicationQueue = number("application.queue", "how many applications may wait at once; while so many do, no more are taken", 500, 1, 100_000)
	RulesRevision    = number("rules.revision", "the revision of the rules that everybody must have accepted; 0 asks nobody again", 0, 0, 1_000_000)
)

// The ways to join.
const (
	ModeInvite      = "invite"
	ModeOpen        = "open"
	ModeClosed      = "closed"
	ModeApplication = "application"
)

// Whether a mail address is asked for.
const (
	MailOptional = "optional"
	MailRequired = "required"
)

// table lists every setting in the order in which staff see them.
var table = []Setting{
	RegistrationMode.Setting, RegistrationLimit.Setting, RegistrationMail.Setting, ConfirmMail.Setting, FirstInvites.Setting, FirstClass.Setting,
	RegistrationBurst.Setting, RefusedDomains.Setting, InviteLife.Setting,
	ApplicationWait.Setting, ApplicationBurst.Setting, ApplicationQueue.Setting, RulesRevision.Setting,
}

const maxDomains = 1000

// throwAway are providers of addresses for some minutes that were known when this was
// written. Staff add those that they meet.
var throwAway = strings.Fields(`10minutemail.com dispostable.com discard.email emailondeck.com fakeinbox.com
	getairmail.com getnada.com grr.la guerrillamail.com guerrillamail.info guerrillamail.net guerrillamail.org
	maildrop.cc mailinator.com mailnesia.com mintemail.com mohmal.com moakt.com mytemp.email sharklasers.com
	spam4.me spamgourmet.com temp-mail.org tempail.com tempmail.net throwawaymail.com trashmail.com trbvm.com
	yopmail.com yopmail.fr yopmail.net`)

// isDomain reports whether a folded word is a domain of at least two labels (RFC 1035, 2.3.1).
func isDomain(s string) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
