package irc

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// LineKind says what the mask of a line is compared with.
type LineKind string

// The kinds. Most staff must not know addresses, so the host of a K-line is also
// compared with what everyone sees.
const (
	KLine LineKind = "k" // user@host, where the host is the one that is shown or the real address
	DLine LineKind = "d" // an address or a network of addresses
)

// Line bans somebody from the whole network. It is how the network and its operators know
// a ban that reaches IRC.
type Line struct {
	ID      int64
	Kind    LineKind
	Mask    string
	Reason  string // is shown to those it bans
	By      string // who set it
	At      time.Time
	Expires time.Time // the zero time when it stays until it is removed
	Reach   ban.Reach // of the ban that it is; other than ban.IRC where it is wider
}

// Accounts finds members; *member.Store is one.
type Accounts interface {
	ByID(ctx context.Context, id core.MemberID) (member.Member, error)
	ByName(ctx context.Context, name string) (member.Member, error)
}

// Named returns the members whom a K-line names: by the user name before the @, or by the
// id with which the shown hosts of members begin. Masks with a wildcard there, and those
// for hosts of guests, name nobody. Nor do D-lines.
func (l Line) Named(ctx context.Context, who Accounts) ([]member.Member, error) {
	if l.Kind != KLine {
		return nil, nil
	}
	var out []member.Member
	user, host, _ := strings.Cut(l.Mask, "@")
	first, rest, _ := strings.Cut(host, ".")
	if !strings.ContainsAny(user, "*?") && !strings.HasPrefix(rest, "guest.") {
		m, err := who.ByName(ctx, user)
		switch {
		case err == nil:
			out = append(out, m)
		case core.CodeOf(err) != core.NotFound:
			return nil, err
		}
	}
	id, _ := strconv.ParseInt(first, 10, 64)                      // 0 for what is no number
	if id <= 0 || !strings.ContainsFunc(rest, unicode.IsLetter) { // an address may begin so
		return out, nil
	}
	m, err := who.ByID(ctx, core.MemberID(id))
	switch {
	case err == nil:
		out = append(out, m)
	case core.CodeOf(err) != core.NotFound:
		return nil, err
	}
	return out, nil
}

// Holds reports whether the line is not over yet. One with an end that was set by a clock
// far ahead is over: when it should end can't be known.
func (l Line) Holds(now time.Time) bool {
	return l.Expires.IsZero() || core.Lasts(now, l.Expires, l.Expires.Sub(l.At))
}

const maxReason = 255 // bytes of a line's reason

// NewLine checks and normalizes a line that somebody asks for. A mask that would
// match everybody is refused.
func NewLine(kind LineKind, mask, reason, by string, now time.Time, lasts time.Duration) (Line, error) {
	l := Line{Kind: kind, By: by, At: now}
	if lasts > 0 {
		l.Expires = now.Add(lasts)
	}
	var err error
	if l.Reason, err = oneLine("reason", reason, maxReason); err != nil {
		return l, err
	}
	if l.Reason == "" {
		return l, core.FieldErrorf("reason", "say why: those it bans are shown the reason")
	}
	l.Mask, err = lineMask(kind, mask)
	return l, err
}

// lineMask brings a mask into the one form in which it is stored.
func lineMask(kind LineKind, mask string) (string, error) {
	if kind == DLine {
		p, err := netip.ParsePrefix(mask)
		if a, aerr := netip.ParseAddr(mask); aerr == nil {
			a = a.Unmap().WithZone("")
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		p = ban.Plain(p)
		switch {
		case err != nil:
			return "", core.FieldErrorf("mask", "write an address or a network, such as 192.0.2.7 or 192.0.2.0/24")
		case p.Addr().Is4() && p.Bits() < 8, p.Addr().Is6() && p.Bits() < 16:
			return "", core.FieldErrorf("mask", "this network is too large: it would keep out everybody")
		}
		return p.String(), nil
	}
	return ban.MaskOf(mask)
}

// Lines returns the lines that are in force, newest first: all bans that reach IRC.
func (s *Store) Lines(ctx context.Context) ([]Line, error) {
	list, err := s.bans.Active(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Line, 0, len(list))
	for _, b := range list {
		if b.Reach&ban.IRC != 0 {
			out = append(out, lineOf(b))
		}
	}
	return out, nil
}

// lineOf is a ban as the network knows it.
func lineOf(b ban.Ban) Line {
	l := Line{ID: b.ID, Kind: KLine, Mask: b.Value, Reason: b.Reason, By: b.By, At: b.Starts, Expires: b.Ends, Reach: b.Reach}
	if p := b.Prefix(); p.IsValid() {
		l.Kind, l.Mask = DLine, p.String()
	}
	return l
}

// Ban is the ban that a line is.
func (l Line) Ban() (ban.Ban, error) {
	b := ban.Ban{Kind: ban.Mask, Value: l.Mask, Reach: ban.IRC, Reason: l.Reason, By: l.By, Starts: l.At, Ends: l.Expires}
	if l.Kind != DLine {
		return b, nil
	}
	var err error
	b.Kind, b.Value, err = ban.Value(l.Mask, ban.IRC)
	return b, err
}

// AddLine adds a line that NewLine made, in place of one with the same mask.
func (s *Store) AddLine(ctx context.Context, l Line) error {
	b, err := l.Ban()
	if err == nil {
		_, err = s.bans.Put(ctx, b)
	}
	return wrap("add a line", err)
}

// RemoveLine removes the line with a mask, in whatever form it is written, and returns it
// as it was; by is who removes it. The error is
// NotFound when there is none. A ban that reaches more than IRC is a Conflict that names
// it: whoever has the right to lifts it as a ban.
func (s *Store) RemoveLine(ctx context.Context, kind LineKind, mask, by string) (Line, error) {
	l, err := s.Line(ctx, kind, mask)
	if err != nil {
		return Line{}, err
	}
	if l.Reach != ban.IRC {
		return Line{}, core.Errorf(core.Conflict, "ban %d is not from IRC alone, so it is lifted as a whole: ban lift %d REASON", l.ID, l.ID)
	}
	_, err = s.bans.Lift(ctx, l.ID, by, "removed from IRC's lines")
	return l, wrap("remove a line", err)
}

// Line returns the line in force with a mask, in whatever form it is written, or
// NotFound. One that reaches IRC alone comes before one that reaches more.
func (s *Store) Line(ctx context.Context, kind LineKind, mask string) (Line, error) {
	mask, err := lineMask(kind, mask)
	if err != nil {
		return Line{}, err
	}
	lines, err := s.Lines(ctx)
	if err != nil {
		return Line{}, err
	}
	var wider Line
	for _, l := range lines {
		switch {
		case l.Kind != kind || l.Mask != mask:
		case l.Reach == ban.IRC:
			return l, nil
		default:
			wider = l
		}
	}
	if wider.ID != 0 {
		return wider, nil
	}
	return Line{}, core.Errorf(core.NotFound, "there is no such line for %s", mask)
}

// Left is how long the line holds from now on, to the minute and one at least; 0
// when that is for good.
func (l Line) Left(now time.Time) time.Duration {
	if l.Expires.IsZero() {
		return 0
	}
	return max(time.Minute, l.Expires.Sub(now).Round(time.Minute))
}

// LineAddition is the command that adds a line for as long as it is to hold from
// now, as staff would write it.
func LineAddition(l Line, now time.Time) string {
	lasts := ""
	if left := l.Left(now); left > 0 {
		lasts = fmt.Sprintf(" --for=%dm", int(left.Minutes()))
	}
	return string(l.Kind) + "line add" + lasts + " " + text.Quote(l.Mask) + " " + text.QuoteRest(l.Reason)
}

// LineRemoval is the command that removes a line, as staff would write it.
func LineRemoval(l Line) string { return string(l.Kind) + "line remove " + text.Quote(l.Mask) }
