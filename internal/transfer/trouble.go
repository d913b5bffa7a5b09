package transfer

import (
	"fmt"
	"time"
)

// Facts are what a diagnosis rests on beside the torrent itself.
type Facts struct {
	Now      time.Time
	Interval time.Duration // between two announces of a client
	KeyMade  time.Time     // when the member last got a new announce key; zero where that is not known
}

// patience is how long a client may be silent that announces as it should: those of large
// swarms announce half as often, and chance adds a tenth.
func (f Facts) patience() time.Duration { return f.Interval * 23 / 10 }

// Trouble is what is wrong with a member's client, and how to mend it, in words.
type Trouble struct {
	Code  string // of the refusal; or silent, old_key, absent, unreachable, hidden, clamped
	Grave bool   // nothing is credited until it is mended
	What  string
	Mend  string
}

// mends say what a member can do about a refusal, by its code.
var mends = map[Outcome]string{ //nolint:gosec // texts, no secrets
	"unknown_key":        "Download the .torrent file again from its page and give that one to your client.",
	"bad_request":        "Update your client, or take another from the list of allowed ones.",
	"disabled":           "Your account is open again if you read this, and your client tries again by itself within the hour. Ask staff if it is still refused then.",
	"client_refused":     "Take a client from the list of allowed ones, in a version that is new enough.",
	"unknown_torrent":    "Download the .torrent file again from its page: the one that your client has was changed by the upload, or is of another site.",
	"deleted_torrent":    "Remove it from your client, and look whether there is another version.",
	"leech_forbidden":    "Seed what you have. The top of each page of the site says why downloading is off, and whom to ask.",
	"too_many_clients":   "Stop this torrent in all clients but the one that you need.",
	"banned":             "The address is banned; ask staff why, and from when it may announce again.",
	"too_many_addresses": "Stop your clients at other places, or wait until they have timed out.",
	"no_slot":            "Let another download finish, or stop one. Seeding has no limit.",
	"foreign_torrent":    "Wait: your client tries again by itself. Over UDP choose HTTP instead.",
	"no_credit":          "Wait: your client tries again by itself, and nothing is lost.",
	"bad_proxy":          "Tell staff: only they can mend it.",
	"internal":           "Wait: your client tries again by itself. Tell staff if it lasts.",
}

// Diagnose says what is wrong with a member's part in a torrent, the gravest first; ok is
// false where nothing is. A moment in the future is a clock that was wrong, and counts as
// just now.
func (o Own) Diagnose(f Facts) (t Trouble, ok bool) {
	silence := max(f.Now.Sub(o.LastAt), 0)
	oldKey := o.Announced && f.KeyMade.After(o.LastAt) && !f.KeyMade.After(f.Now)
	switch {
	case o.Gone && o.Active:
		return Trouble{"deleted_torrent", true, "The torrent was deleted.", mends["deleted_torrent"]}, true
	case o.Last.Member != 0 && o.Last.Refused() && !o.LastAt.After(o.Last.At):
		return o.Last.trouble(), true
	case o.refusedWithAll(silence > f.patience()):
		return o.All.trouble(), true
	case oldKey && !o.stopped():
		return Trouble{"old_key", true, "You have a new announce key since " + when(f.KeyMade) + ", and this client has not announced with it: its .torrent file has the old key.",
			"Download the .torrent file again and give it to your client in place of the old one; the data stay."}, true
	case o.Active && silence > f.patience():
		return Trouble{"silent", true, "Your client has said nothing since " + when(o.LastAt) + ", for longer than between two announces. If it stays silent, it is taken off the list.",
			"Look whether it runs and whether it can reach the tracker: its own list of trackers shows the last answer."}, true
	case o.Announced && !o.Active && o.Left > 0 && !o.stopped():
		return Trouble{"silent", true, fmt.Sprintf("Your client has said nothing since %s and was taken off the list, while %s were missing.", when(o.LastAt), o.Left),
			"Start the torrent again in your client; it goes on from what it has."}, true
	case o.Mine && !o.Active && !o.Gone && o.Seeders == 0:
		return Trouble{"absent", true, "You uploaded it, and nobody seeds it.", "Seed it: open the .torrent file from its page in your client and point it to the data."}, true
	case !o.Active || o.Last.Member == 0 || o.Last.Refused():
		return Trouble{}, false
	case o.Last.Outcome == Clamped:
		return Trouble{"clamped", false, o.Last.Explain(), "If your line is that fast, tell staff."}, true
	case o.Last.Public && o.Last.Reach == ReachClosed:
		return Trouble{"unreachable", false, o.Last.Connectable(), "Open the client's port in your firewall and forward it in your router, or switch on UPnP in the client."}, true
	case !o.Last.Public:
		return Trouble{"hidden", false, o.Last.Connectable(), "Let the client announce from a public address. You can still connect to others."}, true
	}
	return Trouble{}, false
}

// trouble is what is wrong about an announce that was refused.
func (r Record) trouble() Trouble {
	mend, known := mends[r.Outcome]
	if !known {
		mend = "Ask staff what that means."
	}
	return Trouble{string(r.Outcome), true, r.explainRefusal(), mend}
}

// refusedWithAll reports whether a client was refused altogether that is likely the one
// that has the torrent: the one that announced it last, or else any, where nothing is heard
// of the torrent any more.
func (o Own) refusedWithAll(silent bool) bool {
	if o.All.Member == 0 || o.All.At.Before(o.LastAt) || o.stopped() {
		return false
	}
	return o.All.Outcome == "disabled" || o.All.Client == o.Last.Client || silent || !o.Active
}

// stopped reports whether the client said itself that it stops.
func (o Own) stopped() bool { return !o.Active && o.Last.Event == "stopped" }

func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }
