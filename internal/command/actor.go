package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Actor is who asks. Make one afresh for each command from the account as it is
// now: what a class may do can change at any time.
type Actor struct {
	Member      member.Member // the zero Member for a guest and for the shell
	Name        string
	Via         audit.Via
	Permissions core.Permissions
}

// Shell is whoever may run a program of the operator's account on the machine.
// It may do everything.
func Shell() Actor {
	all := core.Permissions{}
	for _, p := range core.AllPermissions() {
		all[p.Name] = struct{}{}
	}
	return Actor{Name: "shell", Via: audit.ViaShell, Permissions: all}
}

// Of is a member who asks.
func Of(m member.Member, via audit.Via) Actor {
	return Actor{Member: m, Name: m.Name, Via: via, Permissions: m.Permissions}
}

// Guest is somebody who is not logged in. They are answered, but may do nothing.
func Guest(name string, via audit.Via) Actor { return Actor{Name: name, Via: via} }

// IsShell reports whether the shell of the machine asks.
func (a Actor) IsShell() bool { return a.Via == audit.ViaShell }

// IsGuest reports whether somebody asks who is not logged in.
func (a Actor) IsGuest() bool { return !a.IsShell() && a.Member.ID == 0 }

// Can reports whether the actor has p. Nobody but the shell has anything
// without an enabled account.
func (a Actor) Can(p core.Permission) bool {
	if a.IsShell() {
		return a.Permissions.Has(p)
	}
	return a.Member.ID != 0 && a.Member.Enabled() && a.Permissions.Has(p)
}

// in is ctx with the actor, for the security log: whose hand it is that changes keys.
func (a Actor) in(ctx context.Context) context.Context {
	faces := map[audit.Via]security.Face{audit.ViaIRC: security.IRC, audit.ViaShell: security.Shell, audit.ViaSite: security.Site}
	return security.By(ctx, faces[a.Via], a.Member.ID, a.Name)
}

// MemberOr returns the member that an optional argument names, or else who asks.
// The shell is no member: it gets an error with code Invalid.
func (a Actor) MemberOr(named *member.Member) (member.Member, error) {
	switch {
	case named != nil:
		return *named, nil
	case a.Member.ID == 0:
		return member.Member{}, core.Errorf(core.Invalid, "the shell has no account of its own; name a member, or ask as one")
	}
	return a.Member, nil
}

// MayActOn says why the actor may not act on m, as an error with code Forbidden: see
// member.Member.MayActOn.
func (a Actor) MayActOn(m member.Member) error {
	switch {
	case m.Class.Name == member.BotClass:
		return core.Errorf(core.Forbidden, "%s is the program's own account", m.Name)
	case !a.IsShell() && !a.Member.MayActOn(m):
		return core.Errorf(core.Forbidden, "you can't do this to %s: only to members whose class is below yours, and not to yourself", m.Name)
	}
	return nil
}

// mayGive reports whether the actor may give the class: see member.Member.MayGive.
func (a Actor) mayGive(c member.Class) bool { return a.IsShell() || a.Member.MayGive(c) }

// Sees is the actor as who looks at members and their figures. What the shell sees of what
// is hidden is noted as that of staff is.
func (a Actor) Sees() member.Viewer { return member.ViewerBy(a.Member.ID, a.Name, a.Can) }

// key names an actor. A code is of use to nobody else, and only on the way by
// which it was asked for.
func (a Actor) key() string { return fmt.Sprintf("%s/%d/%s", a.Via, a.Member.ID, a.Name) }
