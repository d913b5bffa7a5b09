package web

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// askStaff leads to who they are and how they can be reached.
var askStaff = part.Link{Text: "How to reach staff", Address: "/help/staff"}

// heldBy tells somebody what holds for them and why, since when and until when, and what to
// do.
func heldBy(c member.Cause) part.Notice {
	i := c.Effect.Info()
	why := "No reason was recorded; ask staff."
	if c.Reason != "" {
		who := "Staff gave this reason"
		if c.Source == member.ByOwner {
			who = "You gave this reason"
		}
		if !c.Starts.IsZero() {
			who += " on " + instant(c.Starts)
		}
		why = who + ": “" + c.Reason + "”."
	}
	if !c.Ends.IsZero() {
		why += " It ends on " + instant(c.Ends) + "."
	}
	return part.Notice{Title: i.Title, Action: askStaff, Text: strings.TrimSpace(why + " " + i.Means)}
}

// clientRefused tells why a visitor's client is refused, and what to do.
func clientRefused(t transfer.Trouble) part.Notice {
	n := part.Notice{Title: "Your client is refused.", Text: t.What + " " + t.Mend,
		Action: part.Link{Text: "Which clients are allowed", Address: "/rules/clients"}}
	if t.Code != "client_refused" { // the account was disabled: another client would help nothing
		n.Title, n.Action = "Your client was refused.", askStaff
	}
	return n
}

// causeWord is a cause in a word or two, for staff.
func causeWord(c member.Cause) string {
	switch c.Effect {
	case member.Granted:
		return "granted " + string(c.Permission)
	case member.Withheld:
		return "without " + string(c.Permission)
	case member.NoDownload:
		return "downloads off"
	case member.Unconfirmed:
		return "mail not confirmed"
	}
	return strings.ReplaceAll(string(c.Effect), "-", " ")
}

// causeTone is the class of its badge.
func causeTone(c member.Cause) string {
	switch {
	case c.Effect.Info().Shuts:
		return "bad"
	case c.Effect == member.Granted:
		return "good"
	}
	return "neutral"
}
