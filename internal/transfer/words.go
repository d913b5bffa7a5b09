package transfer

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// refusals says in words why an announce is not answered, by the codes of the
// tracker. A code that is missing here is shown as it is.
var refusals = map[Outcome]string{ //nolint:gosec // texts, no secrets
	"unknown_passkey":    "the announce key is not known", // in rows of former versions
	"unknown_key":        "the announce key is not known",
	"bad_request":        "the client's request could not be read",
	"disabled":           "the account is disabled",
	"client_refused":     "this client is not on the list of allowed ones",
	"unknown_torrent":    "the torrent is not registered here, perhaps because its .torrent file was not downloaded again after the upload",
	"deleted_torrent":    "the torrent was deleted",
	"leech_forbidden":    "downloading is switched off for this account; seeding is not",
	"too_many_clients":   "too many clients of one member on one torrent",
	"banned":             "this address is banned",
	"too_many_addresses": "announces from too many addresses at once",
	"no_slot":            "as many torrents are being downloaded already as the member's class allows",
	"foreign_torrent":    "another part of the tracker serves the torrent, and the announce could not be sent on to it",
	"no_credit":          "the tracker could not record transfer just then; the client told it again later",
	"bad_proxy":          "the site's own proxy did not say where the client is",
	"internal":           "a fault of the tracker",
}

// Meaning says in words why announces are refused with this code.
func Meaning(o Outcome) string {
	if why, ok := refusals[o]; ok {
		return why
	}
	return strings.ReplaceAll(string(o), "_", " ")
}

// Explain says in plain words what came of an announce, and why.
func (r Record) Explain() string {
	if r.Refused() {
		return r.explainRefusal()
	}
	switch r.Outcome {
	case First:
		return "Counting begins here: it is the first announce of this client, so what it transferred before is not known."
	case Restarted:
		return "Counting starts over: the client's own counters went back, as they do when it is restarted. " +
			"What it transferred after its last announce was never told to the tracker."
	case Rebased:
		return "One of the client's counters went back, as it does when pieces fail their check or it starts over. " +
			"It is counted on from there; the other counter is not concerned. " + r.explainCredit()
	case Clamped:
		return fmt.Sprintf("More was announced than can be: of %s up and %s down, %s up and %s down count. "+
			"All clients of a member together are credited what the fastest line carries in the time, "+
			"and what the torrent and the others on it account for. Staff see these figures; tell them if this is wrong.",
			r.Announced.Up, r.Announced.Down, r.Credited.Up, r.Credited.Down)
	}
	if r.Announced == (Amount{}) {
		return "Nothing was transferred since the announce before."
	}
	return r.explainCredit()
}

func (r Record) explainRefusal() string {
	why := Meaning(r.Outcome)
	if r.Outcome == "client_refused" && r.Client != "" { // a member may have several
		why = r.Client + " is not on the list of allowed clients, or too old"
	}
	text := "Refused: " + why + "."
	if r.Announces > 1 {
		text += fmt.Sprintf(" So were %d announces in a row.", r.Announces)
	}
	return text
}

func (r Record) explainCredit() string {
	switch {
	case r.Credited == r.Announced:
		return "All of it counts."
	case r.Leech == core.LeechNeutral:
		return "Neutral leech: neither upload nor download counts."
	case r.Leech == core.LeechFree && r.Announced.Up == 0:
		return "Freeleech: the download does not count."
	case r.Leech == core.LeechFree:
		return "Freeleech: the upload counts, the download does not."
	default: // several announces, and the state changed between them
		return fmt.Sprintf("%s up and %s down count: the rest was transferred under freeleech or neutral leech.", r.Credited.Up, r.Credited.Down)
	}
}

// Connectable says in plain words whether others can reach the client.
func (r Record) Connectable() string {
	switch {
	case r.Refused():
		return ""
	case !r.Public:
		return "Others are not sent to this client: its address is not a public one."
	case r.Reach == ReachOpen:
		return "Others can reach this client."
	case r.Reach == ReachClosed:
		return "Others can't reach this client: its port did not answer the tracker over TCP."
	default:
		return "Whether others can reach this client was not checked."
	}
}

// Family names the address families over which the announces came.
func (r Record) Family() string {
	switch {
	case r.V4 && r.V6:
		return "IPv4 and IPv6"
	case r.V6:
		return "IPv6"
	case r.V4:
		return "IPv4"
	default:
		return ""
	}
}
