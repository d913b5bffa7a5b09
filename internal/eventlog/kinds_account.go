package eventlog

import "github.com/caduceus-bio/caduceus/internal/core"

// SecretChanged says that a member has a new passphrase or key, or one more way to log in.
type SecretChanged struct {
	Member core.MemberID `json:"member"`
	Kind   string        `json:"kind"` // of the entry in the security log: see security.Kind
	By     core.MemberID `json:"by"`   // 0: the machine's operator, or the program
}

// EventKind implements Body.
func (SecretChanged) EventKind() string { return "SecretChanged" }

// NewLoginPlace says that somebody logged in to an account from a network from which that
// was not done before.
type NewLoginPlace struct {
	Member core.MemberID `json:"member"`
}

// EventKind implements Body.
func (NewLoginPlace) EventKind() string { return "NewLoginPlace" }

// ClassGiven says that a member has another primary class. MemberChanged comes with it.
type ClassGiven struct {
	Member core.MemberID `json:"member"`
	Class  int64         `json:"class"`
}

// EventKind implements Body.
func (ClassGiven) EventKind() string { return "ClassGiven" }
