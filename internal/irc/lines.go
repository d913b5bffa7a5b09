package irc

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
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

// Line bans somebody from the whole network.
type Line struct {
	ID      int64
	Kind    LineKind
	Mask    string
	Reason  string // is shown to those it bans
	By      string // who set it
	At      time.Time
	Expires time.Time // the zero time when it stays until it is removed
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

// Limits of lines.
const (
	MaxLines    = 5000
	maxLineMask = 128
	maxReason   = 255
)

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
		switch {
		case err != nil:
			return "", core.FieldErrorf("mask", "write an address or a network, such as 192.0.2.7 or 192.0.2.0/24")
		case p.Addr().Is4() && p.Bits() < 8, p.Addr().Is6() && p.Bits() < 16:
			return "", core.FieldErrorf("mask", "this network is too large: it would keep out everybody")
		}
		return p.Masked().String(), nil
	}
	mask = text.FoldASCII(mask)
	user, host, ok := strings.Cut(mask, "@")
	if !ok {
		user, host = "*", mask
	}
	if user == "" || host == "" || strings.ContainsAny(mask, " !,") || len(mask) > maxLineMask-2 {
		return "", core.FieldErrorf("mask", "write user@host, where * is anything and ? one character; the host is the one that WHOIS shows")
	}
	if strings.Trim(user+host, "*?.") == "" {
		return "", core.FieldErrorf("mask", "this mask would keep out everybody")
	}
	return user + "@" + host, nil
}

// Lines returns the lines that are in force, newest first.
func (s *Store) Lines(ctx context.Context) ([]Line, error) {
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (l Line, err error) {
		var at, expires int64
		err = sc.Scan(&l.ID, &l.Kind, &l.Mask, &l.Reason, &l.By, &at, &expires)
		l.At = time.Unix(at, 0).UTC()
		if expires != 0 {
			l.Expires = time.Unix(expires, 0).UTC()
		}
		return l, err
	}, "SELECT id, kind, mask, reason, set_by, set_at, expires_at FROM irc_line WHERE expires_at = 0 OR expires_at > ? AND set_at <= ? ORDER BY id DESC LIMIT ?",
		s.clock().Unix(), core.Horizon(s.clock(), 0).Unix(), MaxLines)
	return rows, wrap("read the lines", err)
}

// AddLine adds a line that NewLine made, in place of one with the same mask, and
// tells the network.
func (s *Store) AddLine(ctx context.Context, l Line) error { return s.saveLine(ctx, l, true) }

// SaveLine is AddLine for the network itself.
func (s *Store) SaveLine(ctx context.Context, l Line) error { return s.saveLine(ctx, l, false) }

func (s *Store) saveLine(ctx context.Context, l Line, tell bool) error {
	expires := int64(0)
	if !l.Expires.IsZero() {
		expires = l.Expires.Unix()
	}
	return wrap("add a line", s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "irc lines"); err != nil {
			return err
		}
		// Old lines are deleted here to make room: nothing else needs them gone.
		if _, err := tx.Exec(ctx, "DELETE FROM irc_line WHERE expires_at > 0 AND (expires_at <= ? OR set_at > ?)",
			s.clock().Unix(), core.Horizon(s.clock(), 0).Unix()); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM irc_line WHERE kind = ? AND mask = ?", l.Kind, l.Mask); err != nil {
			return err
		}
		n, err := count(ctx, tx, "irc_line")
		if err != nil {
			return err
		}
		if n >= MaxLines {
			return core.Errorf(core.Conflict, "there are %d lines already, which is the most; remove some first", n)
		}
		if _, err := tx.Insert(ctx, "irc_line", db.Row{"kind", l.Kind, "mask", l.Mask, "reason", l.Reason, "set_by", l.By,
			"set_at", l.At.Unix(), "expires_at", expires}); err != nil {
			return err
		}
		return s.tellLines(ctx, tx, tell)
	}))
}

func (s *Store) tellLines(ctx context.Context, tx *db.Tx, tell bool) error {
	if !tell {
		return nil
	}
	_, err := s.log.Append(ctx, tx, eventlog.IRCLinesChanged{})
	return err
}

// RemoveLine removes the line with a mask, in whatever form it is written, and
// returns it; NotFound when there is none.
func (s *Store) RemoveLine(ctx context.Context, kind LineKind, mask string) (Line, error) {
	return s.dropLine(ctx, kind, mask, true)
}

// DropLine is RemoveLine for the network itself.
func (s *Store) DropLine(ctx context.Context, kind LineKind, mask string) (Line, error) {
	return s.dropLine(ctx, kind, mask, false)
}

func (s *Store) dropLine(ctx context.Context, kind LineKind, mask string, tell bool) (Line, error) {
	l, err := s.Line(ctx, kind, mask)
	if err != nil {
		return Line{}, err
	}
	return l, wrap("remove a line", s.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM irc_line WHERE kind = ? AND mask = ?", l.Kind, l.Mask); err != nil {
			return err
		}
		return s.tellLines(ctx, tx, tell)
	}))
}

// Line returns the line in force with a mask, in whatever form it is written, or
// NotFound.
func (s *Store) Line(ctx context.Context, kind LineKind, mask string) (Line, error) {
	mask, err := lineMask(kind, mask)
	if err != nil {
		return Line{}, err
	}
	lines, err := s.Lines(ctx)
	if err != nil {
		return Line{}, err
	}
	for _, l := range lines {
		if l.Kind == kind && l.Mask == mask {
			return l, nil
		}
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
