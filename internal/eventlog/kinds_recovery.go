package eventlog

import "github.com/caduceus-bio/caduceus/internal/core"

// RecoveryAsked says that somebody asked for a letter with a link to choose a new passphrase,
// by a name or an address that may be nobody's.
type RecoveryAsked struct {
	Request int64 `json:"request"`
}

// EventKind implements Body.
func (RecoveryAsked) EventKind() string { return "RecoveryAsked" }

// RecoveryGranted says that staff made a link by which a member may choose a new passphrase,
// and that it is to be mailed.
type RecoveryGranted struct {
	Member core.MemberID `json:"member"`
	Link   int64         `json:"link"` // the one-time link
}

// EventKind implements Body.
func (RecoveryGranted) EventKind() string { return "RecoveryGranted" }

// MemberMailAsked says that a member gave a mail address, which is to be confirmed by a link.
type MemberMailAsked struct {
	Member core.MemberID `json:"member"`
	Link   int64         `json:"link"` // the one-time link
}

// EventKind implements Body.
func (MemberMailAsked) EventKind() string { return "MemberMailAsked" }

// MemberMailFailed says that letters to a member's address come back for good.
type MemberMailFailed struct {
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (MemberMailFailed) EventKind() string { return "MemberMailFailed" }
