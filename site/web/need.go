package web

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Need is what a route asks of its visitor.
type Need struct {
	public  bool              // nobody has to be logged in
	same    bool              // the answer is the same for all, and who asks is not looked at
	any     []core.Permission // one of these is enough; none: any member
	waiting bool              // also members who must do something before they may do anything else
	early   func(*Visit) bool // what of it may be done before the rules are accepted again; nil is nothing
	scope   member.Scope      // of the API token; "" on routes for browsers
	guard   Guard
}

// Guard decides about the one thing that the address names, and puts what it
// read into the visit.
type Guard struct {
	Words string // what it asks, for the list of routes
	Check Handler
}

var (
	// Anyone may come, logged in or not.
	Anyone = Need{public: true}
	// Everyone gets the same answer, which may be kept by others: no cookie is in it.
	Everyone = Need{public: true, same: true}
	// Members are all who are logged in and may do something.
	Members = Need{}
	// Owners are all who are logged in, also those whose account waits for something that
	// only they can do, such as confirming their mail address.
	Owners = Need{waiting: true}
)

// Having asks for one of some permissions.
func Having(any ...core.Permission) Need { return Need{any: any} }

// Token asks for an API token of a scope, and for one of the permissions if there
// are any.
func Token(scope member.Scope, any ...core.Permission) Need { return Need{scope: scope, any: any} }

// Early lets members come before they have accepted the rules anew, where may says so.
func (n Need) Early(may func(*Visit) bool) Need {
	n.early = may
	return n
}

// About adds a guard.
func (n Need) About(g Guard) Need {
	n.guard = g
	return n
}

// String says in words what is needed.
func (n Need) String() string {
	var parts []string
	switch {
	case n.public:
		parts = append(parts, "anyone")
	case n.scope != "":
		parts = append(parts, "a token to "+string(n.scope))
	case n.waiting:
		parts = append(parts, "any member, also one who waits")
	case len(n.any) == 0:
		parts = append(parts, "any member")
	}
	if len(n.any) > 0 {
		var names []string
		for _, p := range n.any {
			names = append(names, string(p))
		}
		parts = append(parts, strings.Join(names, " or "))
	}
	if n.guard.Check != nil {
		parts = append(parts, n.guard.Words)
	}
	return strings.Join(parts, "; ")
}

// whyNot says why m, who has none of the permissions, may not use the route.
func (n Need) whyNot(m member.Member) error {
	for _, p := range n.any {
		if why, withheld := m.Withheld(p); withheld {
			return why
		}
	}
	return m.WhyNot(n.any[0])
}

// has reports whether m has one of the permissions, if any are asked for.
func (n Need) has(m member.Member) bool { return len(n.any) == 0 || slices.ContainsFunc(n.any, m.Can) }
