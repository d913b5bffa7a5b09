package eventlog

import "github.com/caduceus-bio/caduceus/internal/core"

// ApprovalAsked says that a member of staff asked for an act that another one has to
// approve.
type ApprovalAsked struct {
	Act        int64         `json:"act"`                  // the id of what waits: command.Registry.WaitingByID
	Permission string        `json:"permission,omitempty"` // that whoever approves it needs
	By         core.MemberID `json:"by,omitempty"`         // who asked for it
}

// EventKind implements Body.
func (ApprovalAsked) EventKind() string { return "ApprovalAsked" }

// ApprovalGiven says that such an act was approved, and done.
type ApprovalGiven struct {
	Entry int64         `json:"entry"` // the row of the act in the audit log
	By    core.MemberID `json:"by"`    // who approved it; 0 for the shell
	Alone bool          `json:"alone"` // who asked for it did, since there were too few others
}

// EventKind implements Body.
func (ApprovalGiven) EventKind() string { return "ApprovalGiven" }
