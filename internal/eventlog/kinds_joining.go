package eventlog

import "github.com/caduceus-bio/caduceus/internal/core"

// InviteMade says that an invite is to be mailed: see invite.Store.Letter.
type InviteMade struct {
	Invite int64 `json:"invite"`
}

// EventKind implements Body.
func (InviteMade) EventKind() string { return "InviteMade" }

// MemberJoined says that somebody joined.
type MemberJoined struct {
	Member  core.MemberID `json:"member"`
	Inviter core.MemberID `json:"inviter"` // 0 where nobody invited them
	Via     string        `json:"via"`     // see invite.Via
}

// EventKind implements Body.
func (MemberJoined) EventKind() string { return "MemberJoined" }

// InvitesGiven says that staff gave a member invites, or took some away where the number is
// below 0.
type InvitesGiven struct {
	Member core.MemberID `json:"member"`
	Number int           `json:"number"`
}

// EventKind implements Body.
func (InvitesGiven) EventKind() string { return "InvitesGiven" }

// ApplicationMade says that somebody applied.
type ApplicationMade struct {
	Application int64 `json:"application"`
}

// EventKind implements Body.
func (ApplicationMade) EventKind() string { return "ApplicationMade" }

// ApplicationDecided says that staff let an applicant in, or did not: see
// invite.Store.Verdict. Whoever is let in is mailed their invite, of which InviteMade tells.
type ApplicationDecided struct {
	Application int64 `json:"application"`
}

// EventKind implements Body.
func (ApplicationDecided) EventKind() string { return "ApplicationDecided" }
