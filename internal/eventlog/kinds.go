package eventlog

import "github.com/caduceus-bio/caduceus/internal/core"

// bodies is the table of all kinds that this program knows. What is not in it can't
// be appended; what comes from the database and is not in it is a newer program's.
func bodies() []Body {
	return []Body{
		ApprovalAsked{}, ApprovalGiven{}, RecoveryAsked{}, RecoveryGranted{}, MemberMailAsked{}, MemberMailFailed{},
		SecretChanged{}, NewLoginPlace{}, ClassGiven{},
		CauseBegan{}, CauseEnded{},
		MemberChanged{}, ClassChanged{}, TorrentAdded{}, TorrentChanged{}, TorrentDeleted{}, ClientsChanged{},
		LeechWindowsChanged{}, LeechEdge{}, TransferSuspect{}, RosterDrift{}, LedgerTrouble{},
		JobFailed{}, JobFinished{}, JobRequested{},
		IRCKeyChanged{}, IRCCertificateRemoved{}, IRCNickChanged{}, IRCChannelChanged{}, IRCForgotten{}, IRCRemoval{}, KeyShown{},
		EventSetAside{}, EventAgain{}, LimitsCleared{}, MailQueued{}, MailFailed{},
		SettingChanged{}, BansChanged{},
		InviteMade{}, MemberJoined{}, InvitesGiven{}, ApplicationMade{}, ApplicationDecided{},
		TicketOpened{}, TicketAnswered{},
	}
}

// knownKinds returns the kinds of the table.
func knownKinds() map[string]bool {
	kinds := map[string]bool{}
	for _, b := range bodies() {
		kinds[b.EventKind()] = true
	}
	return kinds
}

// Bodies name what changed, not how: a consumer reads the present state from the
// owner's tables, so handling an event twice or late does no harm.

// MemberChanged says that an account was made or that anything about it that
// others act on changed: class, permissions, state, keys, leech right.
type MemberChanged struct {
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (MemberChanged) EventKind() string { return "MemberChanged" }

// CauseBegan says that a cause (member.Cause) holds for a member from now on. MemberChanged
// comes with it, for those who only follow what a member may do.
type CauseBegan struct {
	Cause  int64         `json:"cause"`
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (CauseBegan) EventKind() string { return "CauseBegan" }

// CauseEnded says that somebody has ended a cause before its time. Nothing tells when one
// ends by itself.
type CauseEnded struct {
	Cause  int64         `json:"cause"`
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (CauseEnded) EventKind() string { return "CauseEnded" }

// ClassChanged says that what a class may do was changed.
type ClassChanged struct {
	Class int64 `json:"class"`
}

// EventKind implements Body.
func (ClassChanged) EventKind() string { return "ClassChanged" }

// TorrentAdded says that a new torrent may be announced.
type TorrentAdded struct {
	Torrent core.TorrentID `json:"torrent"`
	Group   core.GroupID   `json:"group"`
}

// EventKind implements Body.
func (TorrentAdded) EventKind() string { return "TorrentAdded" }

// TorrentChanged says that a torrent or its group was edited.
type TorrentChanged struct {
	Torrent core.TorrentID `json:"torrent"`
	Group   core.GroupID   `json:"group"`
	By      core.MemberID  `json:"by,omitempty"` // who edited what it says; 0: nobody did
}

// EventKind implements Body.
func (TorrentChanged) EventKind() string { return "TorrentChanged" }

// TorrentDeleted says that a torrent is no longer served.
type TorrentDeleted struct {
	Torrent core.TorrentID `json:"torrent"`
	Group   core.GroupID   `json:"group"`
}

// EventKind implements Body.
func (TorrentDeleted) EventKind() string { return "TorrentDeleted" }

// ClientsChanged says that the client whitelist was changed.
type ClientsChanged struct{}

// EventKind implements Body.
func (ClientsChanged) EventKind() string { return "ClientsChanged" }

// LeechWindowsChanged says that a freeleech window was opened, changed or ended.
type LeechWindowsChanged struct{}

// EventKind implements Body.
func (LeechWindowsChanged) EventKind() string { return "LeechWindowsChanged" }

// LeechEdge says that members are to be told of the edge of a window that
// concerns every torrent. It is appended once for each edge.
type LeechEdge struct {
	Key    string     `json:"key"`   // such as "calendar:2026-09"
	Phase  string     `json:"phase"` // "before", "start" or "end"
	Name   string     `json:"name"`  // such as "September equinox"
	State  core.Leech `json:"state"`
	Starts int64      `json:"starts"`
	Ends   int64      `json:"ends"` // not after Starts when the window was called off
	Late   bool       `json:"late"` // more than an hour after the edge itself
}

// EventKind implements Body.
func (LeechEdge) EventKind() string { return "LeechEdge" }

// TransferSuspect says that a member's clients told of transfer which hardly can be. It
// proves nothing: staff look. It sums up all such announces since the last event of the
// same member and reason.
type TransferSuspect struct {
	Member      core.MemberID  `json:"member"`
	Torrent     core.TorrentID `json:"torrent"` // of the announce that told most
	Reason      SuspectReason  `json:"reason"`
	Up          core.Bytes     `json:"up"`                     // told
	Down        core.Bytes     `json:"down"`                   // told, or of SuspectDownloaded in all
	CountedUp   core.Bytes     `json:"counted_up,omitempty"`   // what counts of Up
	CountedDown core.Bytes     `json:"counted_down,omitempty"` // what counts of Down
	Left        core.Bytes     `json:"left"`                   // told to be missing
	Limit       core.Bytes     `json:"limit"`                  // the torrent's size; of events without Announces also what can be
	Seconds     int64          `json:"seconds"`                // in which that was transferred, as it is told
	Announces   int            `json:"announces,omitempty"`    // how many; older events have 0, and are of one
	Torrents    int            `json:"torrents,omitempty"`     // of how many torrents, up to 20
}

// EventKind implements Body.
func (TransferSuspect) EventKind() string { return "TransferSuspect" }

// SuspectReason is why transfer is suspect.
type SuspectReason string

// The reasons.
const (
	SuspectLine       SuspectReason = "line"       // more than the fastest line carries in the time; it was cut
	SuspectTorrent    SuspectReason = "torrent"    // more than the torrent and its clients account for; it was cut
	SuspectAlone      SuspectReason = "alone"      // uploaded while nobody lacked anything
	SuspectLeft       SuspectReason = "left"       // more missing than the torrent has
	SuspectDownloaded SuspectReason = "downloaded" // several times the torrent was downloaded
)

// RosterDrift says that what a tracker knew was not what the database holds,
// though it had followed every event. It is mended.
type RosterDrift struct {
	Members  int  `json:"members"`  // that differed
	Torrents int  `json:"torrents"` // that differed
	Rules    bool `json:"rules"`    // the client list or the slots of classes did
}

// EventKind implements Body.
func (RosterDrift) EventKind() string { return "RosterDrift" }

// JobFailed says that a scheduled or requested job ended with an error.
type JobFailed struct {
	Run  int64  `json:"run"`
	Job  string `json:"job"`
	Text string `json:"text"`
}

// EventKind implements Body.
func (JobFailed) EventKind() string { return "JobFailed" }

// JobFinished says how a job ended that somebody asked for by hand.
type JobFinished struct {
	Run       int64  `json:"run"`
	Job       string `json:"job"`
	StartedBy string `json:"started_by"`
	OK        bool   `json:"ok"`
	Text      string `json:"text"`
}

// EventKind implements Body.
func (JobFinished) EventKind() string { return "JobFinished" }

// JobRequested says that somebody asked for a job to run now.
type JobRequested struct {
	Request int64 `json:"request"`
}

// EventKind implements Body.
func (JobRequested) EventKind() string { return "JobRequested" }

// LedgerTrouble says that a tracker can't record transfer, or can't bring it to
// the database, or that it can again. It is appended once for each episode.
type LedgerTrouble struct {
	Ledger string `json:"ledger"`
	Over   bool   `json:"over"`
	Since  int64  `json:"since"`
	Until  int64  `json:"until"` // 0 while it lasts
	Text   string `json:"text"`
}

// EventKind implements Body.
func (LedgerTrouble) EventKind() string { return "LedgerTrouble" }

// IRCKeyChanged says that a member has a new IRC key: what was logged in with the old
// one ends.
type IRCKeyChanged struct {
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (IRCKeyChanged) EventKind() string { return "IRCKeyChanged" }

// IRCCertificateRemoved says that a member may no longer log in to IRC with a
// certificate: what was logged in with it ends.
type IRCCertificateRemoved struct {
	Member      core.MemberID `json:"member"`
	Fingerprint string        `json:"fingerprint"`
}

// EventKind implements Body.
func (IRCCertificateRemoved) EventKind() string { return "IRCCertificateRemoved" }

// IRCNickChanged says that a member registered another nick for IRC, or gave it up.
type IRCNickChanged struct {
	Member  core.MemberID `json:"member"`
	Nick    string        `json:"nick"`
	Removed bool          `json:"removed"`
}

// EventKind implements Body.
func (IRCNickChanged) EventKind() string { return "IRCNickChanged" }

// IRCChannelChanged says that staff made, changed or deleted a channel of the IRC
// network.
type IRCChannelChanged struct {
	Channel string `json:"channel"`
}

// EventKind implements Body.
func (IRCChannelChanged) EventKind() string { return "IRCChannelChanged" }

// BansChanged says that staff changed who is banned from the site, the IRC network or the
// tracker.
type BansChanged struct{}

// EventKind implements Body.
func (BansChanged) EventKind() string { return "BansChanged" }

// IRCForgotten asks the network to delete what a member has said on IRC up to now, or only
// the member's own copies of conversations.
type IRCForgotten struct {
	Member  core.MemberID `json:"member"`
	Private bool          `json:"private"`
}

// EventKind implements Body.
func (IRCForgotten) EventKind() string { return "IRCForgotten" }

// IRCRemoval asks the IRC network to end the connections of whoever has a nick now.
type IRCRemoval struct {
	Nick   string `json:"nick"`
	By     string `json:"by"`
	Reason string `json:"reason"`
}

// EventKind implements Body.
func (IRCRemoval) EventKind() string { return "IRCRemoval" }

// KeyShown says that somebody wrote a member's key where others read it.
type KeyShown struct {
	Member  core.MemberID `json:"member"` // whose it is
	Key     string        `json:"key"`    // its kind: see member.SecretKind
	Nick    string        `json:"nick"`   // of the member, who wrote it; "" where it was somebody else
	Where   string        `json:"where"`  // a channel, or "a private message"
	Reached bool          `json:"reached"`
}

// EventKind implements Body.
func (KeyShown) EventKind() string { return "KeyShown" }

// EventSetAside says that a consumer has given up an event for now, because of a
// fault of the event itself. It is appended once for each event and consumer.
type EventSetAside struct {
	Skipped  int64  `json:"skipped"` // what RunAgain takes
	Consumer string `json:"consumer"`
	Event    int64  `json:"event"`
	Kind     string `json:"kind"`
	Tries    int    `json:"tries"`
	Text     string `json:"text"` // what the fault is
}

// EventKind implements Body.
func (EventSetAside) EventKind() string { return "EventSetAside" }

// EventAgain makes each consumer look whether it is to handle an event again. The log
// appends and reads it itself.
type EventAgain struct{}

// EventKind implements Body.
func (EventAgain) EventKind() string { return "EventAgain" }

// LimitsCleared says that staff gave back to somebody what they had used up of the rates
// that each process keeps. Who are keyed hashes of package rates, in hexadecimal.
type LimitsCleared struct {
	Who []string `json:"who"`
}

// EventKind implements Body.
func (LimitsCleared) EventKind() string { return "LimitsCleared" }

// MailQueued says that there is a letter to be sent.
type MailQueued struct{}

// EventKind implements Body.
func (MailQueued) EventKind() string { return "MailQueued" }

// MailFailed says that a letter could not be sent, and is not tried again.
type MailFailed struct {
	Mail    int64         `json:"mail"`
	Member  core.MemberID `json:"member"`  // whose letter it was: see mail.Letter; 0 for nobody
	Kind    string        `json:"kind"`    // of the letter
	Address bool          `json:"address"` // there is no such address: the server refused it for good
}

// EventKind implements Body.
func (MailFailed) EventKind() string { return "MailFailed" }

// SettingChanged says that staff changed a setting which holds while the site runs.
type SettingChanged struct {
	Name string `json:"name"`
}

// EventKind implements Body.
func (SettingChanged) EventKind() string { return "SettingChanged" }
