package ircd

import (
	"context"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// marks are the times up to which somebody has read, by folded target.
type marks map[string]time.Time

// set moves a mark forward. It returns where the mark is then, and whether it moved. When
// there are too many, the oldest is dropped.
func (m marks) set(target string, at time.Time) (time.Time, bool) {
	old, known := m[target]
	if known && !at.After(old) {
		return old, false
	}
	if !known && len(m) >= irc.MaxMarkers {
		oldest := target
		for name, t := range m {
			if oldest == target || t.Before(m[oldest]) {
				oldest = name
			}
		}
		delete(m, oldest)
	}
	m[target] = at
	return at, true
}

// marks are those of the member, or of the guest for as long as it is here.
func (u *user) marks() marks {
	m := &u.guestMarks
	if u.account != nil {
		m = &u.account.known.marks
	}
	if *m == nil {
		*m = marks{}
	}
	return *m
}

// markLine is MARKREAD with a mark, or * without one.
func (n *network) markLine(target string, at time.Time) *line {
	value := "*"
	if !at.IsZero() {
		value = "timestamp=" + at.UTC().Format(instantStamp)
	}
	return n.line("MARKREAD", target, value)
}

// cmdMarkread is MARKREAD (IRCv3 draft/read-marker). A mark is saved before the
// member's other sessions hear of it.
func cmdMarkread(r *request) {
	if !r.wants(capReadMarker) {
		return
	}
	target := r.param(0)
	if target == "" {
		r.refuse(refusal{"NEED_MORE_PARAMS", "Missing parameters"})
		return
	}
	if len(target) > maxChannel || strings.ContainsAny(target, ", ") {
		r.refuse(refusal{"INVALID_TARGET", clip(target, maxChannel), "There is nothing of that name to read"})
		return
	}
	if len(r.params) == 1 {
		r.locked(func() { r.n.send(r.s, r.n.markLine(target, r.user().marks()[fold(target)])) })
		return
	}
	value, ok := strings.CutPrefix(r.param(1), "timestamp=")
	at, err := time.Parse(time.RFC3339Nano, value)
	if !ok || err != nil || at.Year() < 1970 || at.Year() > 9999 {
		r.refuse(refusal{"INVALID_PARAMS", target, "Write timestamp=2026-01-31T12:00:00.000Z"})
		return
	}
	if now := r.n.clock(); at.After(now) {
		at = now // nobody has read what is not said yet
	}
	r.mark(target, at.Truncate(time.Millisecond).UTC())
}

func (r *request) mark(target string, at time.Time) {
	n := r.n
	var owner core.MemberID
	forward := false
	r.locked(func() {
		u := r.user()
		forward = at.After(u.marks()[fold(target)])
		if u.account != nil {
			owner = u.account.member.ID
		}
	})
	if forward && owner != 0 && n.rec != nil {
		ctx, cancel := context.WithTimeout(r.ctx, queryTimeout)
		defer cancel()
		if err := n.rec.store.SetMarker(ctx, owner, fold(target), at); err != nil {
			n.log.Error("a read mark can't be saved", "err", err)
			r.refuse(refusal{"INTERNAL_ERROR", target, "The mark can't be saved at the moment"})
			return
		}
	}
	r.locked(func() {
		now, moved := r.user().marks().set(fold(target), at)
		l := n.markLine(target, now)
		for _, s := range r.user().sessions {
			if s == r.s || moved && s.has(capReadMarker) {
				n.send(s, l)
			}
		}
	})
}
