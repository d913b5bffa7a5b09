package member

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// RosterEntry is what the tracker needs to know of a member.
type RosterEntry struct {
	ID          core.MemberID
	AnnounceKey string
	Class       int64 // the primary one
	Phases      []Phase
}

// RosterPage returns up to limit (1 to 5000) entries after an id, in order of
// ids. For the tracker only: the entries hold announce keys.
func (s *Store) RosterPage(ctx context.Context, after core.MemberID, limit int) ([]RosterEntry, error) {
	return s.roster(ctx, "WHERE m.id > ? ORDER BY m.id LIMIT ?", after, min(max(limit, 1), 5000))
}

// Roster returns the entries of the given members (at most 1000) without those that
// do not exist.
func (s *Store) Roster(ctx context.Context, ids []core.MemberID) ([]RosterEntry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	if len(ids) > 1000 {
		return nil, core.Errorf(core.Invalid, "at most 1000 members at once")
	}
	return s.roster(ctx, "WHERE m.id IN ("+db.Marks(len(ids))+")", db.Anys(ids)...)
}

func (s *Store) roster(ctx context.Context, where string, args ...any) ([]RosterEntry, error) {
	now := s.clock()
	out, err := db.All(ctx, s.db, func(sc db.Scanner) (e RosterEntry, err error) {
		var box, data []byte
		if err := sc.Scan(&e.ID, &box, &e.Class, &data); err != nil {
			return e, err
		}
		causes, err := readCauses(data, e.ID, now)
		if err != nil {
			return e, err
		}
		e.Phases = phases(Member{ID: e.ID, Causes: causes}, now)
		key, err := s.keys.Open(box, announceKeyUse)
		e.AnnounceKey = string(key)
		return e, err
	}, "SELECT m.id, m.passkey_box, m.class_id, "+causesOf(s.db.Engine())+" FROM member m "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read the roster: %w", err)
	}
	return out, nil
}

// Phase is a time in which the tracker treats a member in one way.
type Phase struct {
	Until   int64  // in Unix seconds, when the next phase begins; 0 for the last
	Shut    bool   // every announce is refused
	NoLeech bool   // the member gets no peers to download from
	Why     string // the reason of what is shut
}

// phases are what a member's causes mean for the tracker from now on, in order of time; nil
// if nothing is held against the member. So that nothing has to happen when one ends.
func phases(m Member, now time.Time) (out []Phase) {
	for range maxCauses + 1 {
		m = m.At(now)
		p := Phase{Shut: !m.Enabled(), NoLeech: !m.MayDownload(), Why: m.ClosedWhy()}
		next := m.NextEdge()
		if next.IsZero() {
			if len(out) > 0 || p != (Phase{}) {
				out = append(out, p)
			}
			return out
		}
		if p.Until = next.Unix(); len(out) > 0 && out[len(out)-1].same(p) {
			out[len(out)-1].Until = p.Until
		} else {
			out = append(out, p)
		}
		now = next
	}
	return out
}

func (p Phase) same(other Phase) bool {
	other.Until = p.Until
	return p == other
}
