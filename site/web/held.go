package web

import (
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// askStaff leads to who they are and how they can be reached.
var askStaff = part.Link{Text: "How to reach staff", Address: "/help/staff"}

// downloadsOff tells somebody whose downloads are off why, since when, and what to do.
func downloadsOff(m member.Member) part.Notice {
	why := "No reason was recorded; ask staff."
	if m.LeechOffReason != "" {
		why = "Staff gave this reason on " + instant(m.LeechOffAt) + ": “" + m.LeechOffReason + "”."
	}
	return part.Notice{Title: "Your downloads are switched off.", Action: askStaff,
		Text: why + " You can go on seeding what you have; the tracker gives you no peers to download from until staff switch them on again."}
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
