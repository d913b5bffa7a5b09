package irc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Settings are a member's choices about history.
type Settings struct {
	KeepPrivate bool // keep the conversations with other members
	Replay      int  // how many missed lines of a channel simple clients are shown; -1 the network's default
	// Left is the last message there was when the member's last connection ended;
	// 0 when none has.
	Left MsgID
}

// MaxReplay bounds Settings.Replay.
const MaxReplay = 200

// Known is what is stored about a member besides messages.
type Known struct {
	Settings
	Read map[string]time.Time // up to when the member has read each target; nil for none
}

// knownTime bounds one reading of Known.
const knownTime = 5 * time.Second

// Known returns what is stored about a member, or the defaults if there is nothing.
func (h *History) Known(ctx context.Context, m core.MemberID) (Known, error) {
	k, found, err := h.known.Ask(ctx, m)
	switch {
	case err != nil:
		return Known{}, fmt.Errorf("read what is known of a member on IRC: %w", err)
	case !found:
		return Known{Settings: defaults}, nil
	}
	return Known{Settings: k.Settings, Read: maps.Clone(k.Read)}, nil // it may have been read for several
}

var defaults = Settings{Replay: -1}

func (h *History) readKnown(ctx context.Context, members []core.MemberID) (map[core.MemberID]*Known, error) {
	out, now := make(map[core.MemberID]*Known), h.clock()
	of := func(m core.MemberID) *Known {
		if out[m] == nil {
			out[m] = &Known{Settings: defaults}
		}
		return out[m]
	}
	_, err := db.All(ctx, h.db, func(sc db.Scanner) (struct{}, error) {
		var m core.MemberID
		var s Settings
		err := sc.Scan(&m, &s.KeepPrivate, &s.Replay, &s.Left)
		if s.Left.ahead(now) {
			s.Left = FirstOf(now)
		}
		of(m).Settings = s
		return struct{}{}, err
	}, "SELECT member_id, keep_private, replay, left_at FROM irc_setting WHERE member_id IN ("+db.Marks(len(members))+")", db.Anys(members)...)
	if err != nil {
		return nil, err
	}
	_, err = db.All(ctx, h.db, func(sc db.Scanner) (struct{}, error) {
		var m core.MemberID
		var target string
		var at int64
		err := sc.Scan(&m, &target, &at)
		k := of(m)
		if time.UnixMilli(at).After(core.Horizon(now, 0)) {
			return struct{}{}, err // nobody has read what is not said yet
		}
		if k.Read == nil {
			k.Read = map[string]time.Time{}
		}
		k.Read[target] = time.UnixMilli(at).UTC()
		return struct{}{}, err
	}, "SELECT member_id, target, at FROM irc_marker WHERE member_id IN ("+db.Marks(len(members))+") LIMIT ?",
		append(db.Anys(members), MaxMarkers*len(members))...)
	return out, err
}

// SetKeepPrivate says whether the member's conversations are kept from now on.
func (h *History) SetKeepPrivate(ctx context.Context, m core.MemberID, on bool) error {
	return h.set(ctx, "keep_private", []any{m, on, -1, 0}, []string{"replay", "left_at"})
}

// SetReplay sets Settings.Replay.
func (h *History) SetReplay(ctx context.Context, m core.MemberID, lines int) error {
	if lines < -1 || lines > MaxReplay {
		return core.FieldErrorf("lines", "0 to %d lines can be shown", MaxReplay)
	}
	return h.set(ctx, "replay", []any{m, lines, false, 0}, []string{"keep_private", "left_at"})
}

// SetLeft sets Settings.Left of members.
func (h *History) SetLeft(ctx context.Context, left map[core.MemberID]MsgID) error {
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		for _, m := range slices.Sorted(maps.Keys(left)) { // in one order, so that no two wait for each other
			if err := setOne(ctx, tx, "left_at", []any{m, left[m], false, -1}, []string{"keep_private", "replay"}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("set left_at of members: %w", err)
	}
	return nil
}

func (h *History) set(ctx context.Context, column string, row []any, keep []string) error {
	err := h.db.Tx(ctx, func(tx *db.Tx) error { return setOne(ctx, tx, column, row, keep) })
	if err != nil {
		return fmt.Errorf("set %s of a member: %w", column, err)
	}
	return nil
}

func setOne(ctx context.Context, tx *db.Tx, column string, row []any, keep []string) error {
	return tx.Upsert(ctx, db.UpsertSpec{Table: "irc_setting", Key: []string{"member_id"}, Set: []string{column}, Keep: keep}, row)
}

// MaxMarkers is for how many targets a member's read marker is kept; the oldest are
// dropped.
const MaxMarkers = 256

// SetMarker stores up to when a member has read a target. It never goes back, unless it is
// ahead of the time, and is never set ahead.
func (h *History) SetMarker(ctx context.Context, m core.MemberID, target string, at time.Time) error {
	now := h.clock()
	if at.After(now) {
		at = now
	}
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		fresh, err := tx.InsertIgnore(ctx, "irc_marker", db.Row{"member_id", m, "target", target, "at", at.UnixMilli()})
		if err != nil {
			return err
		}
		if !fresh {
			_, err := tx.Exec(ctx, "UPDATE irc_marker SET at = ? WHERE member_id = ? AND target = ? AND (at < ? OR at > ?)",
				at.UnixMilli(), m, target, at.UnixMilli(), core.Horizon(now, 0).UnixMilli())
			return err
		}
		old, found, err := db.One(ctx, tx, db.Value[int64], "SELECT at FROM irc_marker WHERE member_id = ? ORDER BY at DESC LIMIT 1 OFFSET ?", m, MaxMarkers)
		if err != nil || !found {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM irc_marker WHERE member_id = ? AND at <= ?", m, old)
		return err
	})
	if err != nil {
		return fmt.Errorf("keep up to where a member has read: %w", err)
	}
	return nil
}
