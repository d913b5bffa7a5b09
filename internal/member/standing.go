package member

import (
	"maps"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// This file holds the rule of what somebody may do: a pure function of their classes, of
// the causes that concern them, and of the instant.

// HoldsAt reports whether a cause holds at an instant. What has an end never lasts longer
// than from its beginning to that end, so one that begins ahead of now was written by a
// clock that was wrong, and does not hold.
func (c Cause) HoldsAt(now time.Time) bool {
	switch {
	case !c.EndedAt.IsZero():
		return false
	case c.Ends.IsZero():
		return true
	}
	return core.Lasts(now, c.Ends, c.Ends.Sub(c.Starts))
}

// At is the member as they stand at an instant: with the permissions of their classes and
// with what their causes give and take then.
func (m Member) At(now time.Time) Member {
	m.at = now
	m.Holding = nil
	m.Permissions = m.classPermissions()
	for i := range m.Causes {
		if m.Causes[i].HoldsAt(now) {
			if m.Holding == nil {
				m.Holding = make([]Cause, 0, len(m.Causes)-i)
			}
			m.Holding = append(m.Holding, m.Causes[i])
		}
	}
	if len(m.Holding) == 0 {
		return m
	}
	m.Permissions = maps.Clone(m.Permissions)
	if m.Permissions == nil {
		m.Permissions = core.Permissions{}
	}
	for i := range m.Holding {
		if c := &m.Holding[i]; c.Effect == Granted {
			m.Permissions[c.Permission] = struct{}{}
		}
	}
	for i := range m.Holding { // what is taken is taken, however it was given
		c := &m.Holding[i]
		if c.Effect == Withheld {
			delete(m.Permissions, c.Permission)
			continue
		}
		for _, p := range c.Effect.info().Takes {
			delete(m.Permissions, p)
		}
	}
	if len(m.Holding) > 1 {
		slices.SortStableFunc(m.Holding, func(a, b Cause) int { return a.Effect.rank() - b.Effect.rank() })
	}
	return m
}

// classPermissions are those of all classes. The set is shared with the class where there
// is but one, so it must not be changed.
func (m Member) classPermissions() core.Permissions {
	if len(m.Secondary) == 0 {
		return m.Class.Permissions
	}
	all := make(core.Permissions, len(m.Class.Permissions)+8)
	for p := range m.Class.Permissions {
		all[p] = struct{}{}
	}
	for _, c := range m.Secondary {
		for p := range c.Permissions {
			all[p] = struct{}{}
		}
	}
	return all
}

func (c *Cause) takes() []core.Permission {
	if c.Effect == Withheld {
		return []core.Permission{c.Permission}
	}
	return c.Effect.info().Takes
}

// rank orders effects, the gravest first.
func (e Effect) rank() int {
	for i := range effects {
		if effects[i].Effect == e {
			return i
		}
	}
	return len(effects)
}

// NextEdge is the next instant after the one at which the member stands when they may
// stand differently, the zero time if there is none.
func (m Member) NextEdge() (next time.Time) {
	for _, c := range m.Holding {
		if !c.Ends.IsZero() && (next.IsZero() || c.Ends.Before(next)) {
			next = c.Ends
		}
	}
	return next
}

// Holds returns the cause that has an effect on the member: the one that lasts longest,
// if there are several.
func (m Member) Holds(e Effect) (Cause, bool) {
	return m.longest(func(c *Cause) bool { return c.Effect == e })
}

func (m *Member) longest(concerns func(*Cause) bool) (Cause, bool) {
	var found *Cause
	for i := range m.Holding {
		if c := &m.Holding[i]; concerns(c) && (found == nil || found.endsBefore(c)) {
			found = c
		}
	}
	if found == nil {
		return Cause{}, false
	}
	return *found, true
}

func (c *Cause) endsBefore(other *Cause) bool {
	return !c.Ends.IsZero() && (other.Ends.IsZero() || c.Ends.Before(other.Ends))
}

// shut is the cause for which the account may not be used by anybody.
func (m Member) shut() (Cause, bool) {
	return m.longest(func(c *Cause) bool { return c.Effect.info().Shuts })
}

// Open reports whether the owner may log in, if only to do what ends a wait.
func (m Member) Open() bool {
	_, shut := m.shut()
	return !shut
}

// Enabled reports whether the account may be used: it is not disabled, and nothing has to
// be done first.
func (m Member) Enabled() bool {
	_, closed := m.closed()
	return !closed
}

// closed is the cause for which the account may not take part.
func (m Member) closed() (Cause, bool) {
	return m.longest(func(c *Cause) bool { i := c.Effect.info(); return i.Shuts || i.Waits })
}

// Can reports whether the member may do p. One whose account may not be used may do
// nothing.
func (m Member) Can(p core.Permission) bool { return m.Enabled() && m.Permissions.Has(p) }

// MayDownload reports whether the tracker gives the member peers to download from.
func (m Member) MayDownload() bool {
	_, off := m.DownloadsOff()
	return !off
}

// DownloadsOff returns the cause for which the member may not download.
func (m Member) DownloadsOff() (Cause, bool) {
	return m.longest(func(c *Cause) bool { return c.Effect.info().NoDownload })
}

// ClosedWhy says for which reason the account may not be used, and until when; it is ""
// where it may.
func (m Member) ClosedWhy() string {
	c, closed := m.closed()
	if !closed {
		return ""
	}
	return c.Why()
}

// WhyNot says why the member may not do p: as an error with code Forbidden, or nil if they
// may.
func (m Member) WhyNot(p core.Permission) error {
	if c, closed := m.closed(); closed {
		return c.refusal()
	}
	if m.Permissions.Has(p) {
		return nil
	}
	if why, withheld := m.Withheld(p); withheld {
		return why
	}
	return core.Errorf(core.Forbidden, "your class (%s) may not do this", m.Class.Name)
}

// Withheld reports whether it is a cause that keeps the member from doing p, and says which,
// as an error with code Forbidden.
func (m Member) Withheld(p core.Permission) (why error, withheld bool) {
	c, taken := m.longest(func(c *Cause) bool { return slices.Contains(c.takes(), p) })
	if !taken {
		return nil, false
	}
	return c.refusal(), true
}

// refusal is what somebody is told who may not do something for this cause.
func (c Cause) refusal() error {
	switch c.Effect {
	case Disabled:
		return core.Errorf(core.Forbidden, "your account is disabled%s", c.told())
	case Unconfirmed:
		return core.Errorf(core.Forbidden, "confirm your mail address first: follow the link in the letter that was sent to you")
	case NoUpload:
		return core.Errorf(core.Forbidden, "you may not upload%s", c.told())
	case NoIRC:
		return core.Errorf(core.Forbidden, "you may not use IRC%s", c.told())
	case NoInvites:
		return core.Errorf(core.Forbidden, "you may not invite anybody%s", c.told())
	}
	return core.Errorf(core.Forbidden, "this is withheld from you%s", c.told())
}

// told is the end of a cause and its reason, as the rest of a sentence.
func (c Cause) told() string {
	if c.Ends.IsZero() {
		return ": " + c.Told()
	}
	return " until " + text.Instant(c.Ends) + ": " + c.Told()
}

// Why is the reason of a cause, and until when it holds if it has an end.
func (c Cause) Why() string {
	if c.Ends.IsZero() {
		return c.Told()
	}
	return c.Told() + " (until " + text.Instant(c.Ends) + ")"
}

// NoReason stands for the reason of what was begun when none was asked for.
const NoReason = "no reason was recorded"

// Told is the reason as the member is told it.
func (c Cause) Told() string {
	if c.Reason == "" {
		return NoReason
	}
	return c.Reason
}
