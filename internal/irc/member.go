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

// Settings are what a member chose for history.
type Settings struct {
	KeepPrivate bool // keep the conversations with other members
	Replay      int  // how many missed lines of a channel simple clients are shown; -1 the network's default
	// Left is the last message there was when the member's last connection ended;
	// 0 when none has.
	Left MsgID
}

// MaxReplay bounds Settings.Replay.
const MaxReplay = 200

// recallTime bounds a reading of what is known of members.
const recallTime = 5 * time.Second

// Settings returns what a member chose, or the defaults.
func (h *History) Settings(ctx context.Context, m core.MemberID) (Settings, error) {
	s, found, err := h.settings.Ask(ctx, m)
	if err != nil {
		return s, fmt.Errorf("read a member's IRC settings: %w", err)
	}
	if !found {
		s.Replay = -1
	}
	return s, nil
}

func (h *History) readSettings(ctx context.Context, members []core.MemberID) (map[core.MemberID]Settings, error) {
	out := make(map[core.MemberID]Settings, len(members))
	_, err := db.All(ctx, h.db, func(sc db.Scanner) (struct{}, error) {
		var m core.MemberID
		var s Settings
		err := sc.Scan(&m, &s.KeepPrivate, &s.Replay, &s.Left)
		out[m] = s
		return struct{}{}, err
	}, "SELECT member_id, keep_private, replay, left_at FROM irc_setting WHERE member_id IN ("+db.Marks(len(members))+")", db.Anys(members)...)
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

// MaxMarkers is in how many places it is kept up to where a member has read; the
// oldest give way.
const MaxMarkers = 256

// Markers returns up to when a member has read, by target.
func (h *History) Markers(ctx context.Context, m core.MemberID) (map[string]time.Time, error) {
	out, _, err := h.markers.Ask(ctx, m)
	if err != nil {
		return nil, fmt.Errorf("read up to where a member has read: %w", err)
	}
	if out == nil {
		return map[string]time.Time{}, nil
	}
	return maps.Clone(out), nil // it may have been read for several
}

func (h *History) readMarkers(ctx context.Context, members []core.MemberID) (map[core.MemberID]map[string]time.Time, error) {
	out := map[core.MemberID]map[string]time.Time{}
	_, err := db.All(ctx, h.db, func(sc db.Scanner) (struct{}, error) {
		var m core.MemberID
		var target string
		var at int64
		err := sc.Scan(&m, &target, &at)
		if out[m] == nil {
			out[m] = map[string]time.Time{}
		}
		out[m][target] = time.UnixMilli(at).UTC()
		return struct{}{}, err
	}, "SELECT member_id, target, at FROM irc_marker WHERE member_id IN ("+db.Marks(len(members))+") LIMIT ?",
		append(db.Anys(members), MaxMarkers*len(members))...)
	return out, err
}

// SetMarker keeps up to when a member has read. It never goes back.
func (h *History) SetMarker(ctx context.Context, m core.MemberID, target string, at time.Time) error {
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		fresh, err := tx.InsertIgnore(ctx, "irc_marker", db.Row{"member_id", m, "target", target, "at", at.UnixMilli()})
		if err != nil {
			return err
		}
		if !fresh {
			_, err := tx.Exec(ctx, "UPDATE irc_marker SET at = ? WHERE member_id = ? AND target = ? AND at < ?", at.UnixMilli(), m, target, at.UnixMilli())
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
