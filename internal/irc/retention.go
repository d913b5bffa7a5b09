package irc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// policy says how much of a target is kept.
type policy struct {
	days  int
	lines int // 0: not limited
}

// Limits of a channel's retention.
const (
	MaxHistoryDays  = 3650
	MaxHistoryLines = 10_000_000
)

// policies reads what staff set for the channels, by name in lower case.
func (h *History) policies(ctx context.Context, q db.Queryer) (map[string]policy, error) {
	out := map[string]policy{}
	_, err := db.All(ctx, q, func(sc db.Scanner) (struct{}, error) {
		var name string
		var p policy
		err := sc.Scan(&name, &p.days, &p.lines)
		out[text.FoldASCII(name)] = p
		return struct{}{}, err
	}, "SELECT name, history_days, history_lines FROM irc_channel LIMIT 10000")
	return out, err
}

func (h *History) policyOf(policies map[string]policy, target string) policy {
	switch p, ok := policies[target]; {
	case ok:
		return p
	case strings.HasPrefix(target, "@"):
		return policy{days: h.retention.PrivateDays}
	}
	return policy{days: h.retention.FreeDays}
}

func (h *History) exec(ctx context.Context, what, missing, query string, args ...any) error {
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err == nil && n == 0 && missing != "" {
			err = core.Errorf(core.NotFound, "%s", missing)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

const (
	step     = 500              // rows that one transaction deletes, so that writers never wait long
	stepTime = 20 * time.Second // for one
)

// Prune deletes, in small steps, what need not be kept any longer, and returns how
// much. Before that it mends the times of what a wrong clock has dated ahead. It may be stopped at any time; the next call goes on.
func (h *History) Prune(ctx context.Context) (int64, error) {
	if err := h.mend(ctx); err != nil {
		return 0, err
	}
	policies, err := h.policies(ctx, h.db)
	if err != nil {
		return 0, fmt.Errorf("read how long lines are kept: %w", err)
	}
	var total int64
	for target := ""; ; {
		next, found, err := db.One(ctx, h.db, db.Value[string], "SELECT target FROM irc_message WHERE target > ? ORDER BY target LIMIT 1", target)
		if err != nil || !found {
			return total, err
		}
		target = next
		n, err := h.pruneTarget(ctx, target, h.policyOf(policies, target))
		total += n
		if err != nil {
			return total, fmt.Errorf("delete old lines: %w", err)
		}
	}
}

func (h *History) pruneTarget(ctx context.Context, target string, p policy) (int64, error) {
	cut := FirstOf(h.clock().Add(-time.Duration(p.days) * 24 * time.Hour))
	if p.days == 0 {
		cut = lastMsgID
	}
	if p.lines > 0 {
		last, found, err := db.One(ctx, h.db, db.Value[MsgID],
			"SELECT id FROM irc_message WHERE target = ? AND id >= ? ORDER BY id DESC LIMIT 1 OFFSET ?", target, cut, p.lines)
		if err != nil {
			return 0, err
		}
		if found {
			cut = last + 1
		}
	}
	return h.deleteUpTo(ctx, "target = ?", target, cut)
}

// deleteUpTo deletes the messages that match where with ids below cut.
func (h *History) deleteUpTo(ctx context.Context, where string, arg any, cut MsgID) (int64, error) {
	var total int64
	for {
		n, more, err := h.deleteStep(ctx, where, arg, cut)
		total += n
		if err != nil || !more {
			return total, err
		}
	}
}

// deleteStep deletes the oldest of them, a step at most, and reports whether there may be
// more.
func (h *History) deleteStep(ctx context.Context, where string, arg any, cut MsgID) (n int64, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	last, more, err := db.One(ctx, h.db, db.Value[MsgID],
		"SELECT id FROM irc_message WHERE "+where+" AND id < ? ORDER BY id LIMIT 1 OFFSET ?", arg, cut, step-1)
	if err != nil {
		return 0, false, err
	}
	upTo := cut - 1
	if more {
		upTo = last
	}
	err = h.db.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, "DELETE FROM irc_message WHERE "+where+" AND id <= ?", arg, upTo)
		return err
	})
	return n, more, err
}

// Find returns the message with an id, in a channel or in a conversation of the
// member. Member 0 is nobody.
func (h *History) Find(ctx context.Context, id MsgID, m core.MemberID) (Message, bool, error) {
	from, to := privateRange(m)
	msg, found, err := db.One(ctx, h.db, scanMessage,
		"SELECT "+messageColumns+" FROM irc_message WHERE id = ? AND (target >= '#' AND target < '$' OR target > ? AND target < ?) LIMIT 1", id, from, to)
	if err != nil {
		return msg, false, fmt.Errorf("look up a message: %w", err)
	}
	return msg, found, nil
}

// FindIn returns the message with an id in one target.
func (h *History) FindIn(ctx context.Context, id MsgID, target string) (Message, bool, error) {
	msg, found, err := db.One(ctx, h.db, scanMessage, "SELECT "+messageColumns+" FROM irc_message WHERE target = ? AND id = ?", target, id)
	if err != nil {
		return msg, false, fmt.Errorf("look up a message: %w", err)
	}
	return msg, found, nil
}

// Delete removes the message with an id, all copies of it.
func (h *History) Delete(ctx context.Context, id MsgID) error {
	return h.exec(ctx, "delete a message", "there is no such message, or it is gone already", "DELETE FROM irc_message WHERE id = ?", id)
}

// Forget has everything removed that a member has said and done up to now, from everybody's
// history, with the member's own copies of conversations. There may be much of it, so the
// network does it, which also knows the lines that are not written yet.
func (h *History) Forget(ctx context.Context, m core.MemberID) error {
	return h.forget(ctx, eventlog.IRCForgotten{Member: m})
}

// ForgetPrivate has the member's own copies of conversations removed, as Forget.
func (h *History) ForgetPrivate(ctx context.Context, m core.MemberID) error {
	return h.forget(ctx, eventlog.IRCForgotten{Member: m, Private: true})
}

func (h *History) forget(ctx context.Context, what eventlog.IRCForgotten) error {
	if what.Member == 0 {
		return core.Errorf(core.Invalid, "only members can be forgotten: guests can't be told apart")
	}
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := h.log.Append(ctx, tx, what)
		return err
	})
	if err != nil {
		return fmt.Errorf("let the network forget what a member said: %w", err)
	}
	return nil
}

// ForgetUpTo removes what Forget and ForgetPrivate ask for of the stored history, up to and
// including a message, and returns how much. It takes as many short transactions as there
// is need for, and each is a step ahead: it may be stopped at any time and run again.
func (h *History) ForgetUpTo(ctx context.Context, what eventlog.IRCForgotten, last MsgID) (n int64, err error) {
	if !what.Private {
		n, err = h.deleteUpTo(ctx, "account_id = ?", what.Member, last+1)
	}
	if err == nil {
		var more int64
		more, err = h.forgetCopies(ctx, what.Member, last)
		n += more
	}
	if err != nil {
		return n, fmt.Errorf("forget what a member said: %w", err)
	}
	return n, nil
}

// forgetCopies deletes the member's own copies of conversations up to a message.
func (h *History) forgetCopies(ctx context.Context, m core.MemberID, last MsgID) (int64, error) {
	target, end := privateRange(m)
	var total int64
	for {
		next, found, err := db.One(ctx, h.db, db.Value[string], "SELECT target FROM irc_message WHERE target > ? AND target < ? ORDER BY target LIMIT 1", target, end)
		if err != nil || !found {
			return total, err
		}
		target = next
		n, err := h.deleteUpTo(ctx, "target = ?", target, last+1)
		total += n
		if err != nil {
			return total, err
		}
	}
}
