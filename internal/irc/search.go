package irc

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Search is a search by staff. It never finds conversations between members.
type Search struct {
	Words   []string      // all must occur, in any case
	Channel string        // in lower case; "" any
	Account core.MemberID // who said it; 0 anybody
	Nick    string        // who said it, as a nick; "" anybody
	After   MsgID
	Before  MsgID // 0 up to now
	Limit   int
	Hidden  []string // channels that the asker may not enter, in lower case
}

// Found is a page of answers, newest first. Next, if not 0, is the Before of the
// next page.
type Found struct {
	Messages []Message
	Next     MsgID
}

// searchDepth is how many messages one search looks at: a rare word must not make it
// read the whole table at once.
const searchDepth = 20_000

// Search finds what was said in channels.
func (h *History) Search(ctx context.Context, s Search) (Found, error) {
	inner, args := "FROM irc_message WHERE id > ?", []any{s.After}
	if s.Before > 0 {
		inner, args = inner+" AND id < ?", append(args, s.Before)
	}
	switch {
	case s.Channel != "":
		inner, args = inner+" AND target = ?", append(args, s.Channel)
	case s.Account != 0:
		inner, args = inner+" AND account_id = ?", append(args, s.Account)
	}
	inner += " ORDER BY id DESC LIMIT ?"
	args = append(args, searchDepth)
	where, outer := " WHERE target >= '#' AND target < '$' AND kind IN ('PRIVMSG', 'NOTICE', 'TOPIC')", args[:len(args):len(args)]
	if s.Account != 0 {
		where, outer = where+" AND account_id = ?", append(outer, s.Account)
	}
	if s.Nick != "" {
		where, outer = where+" AND source LIKE ? ESCAPE '!'", append(outer, db.EscapeLike(s.Nick+"!")+"%")
	}
	for _, w := range s.Words {
		where, outer = where+" AND text LIKE ? ESCAPE '!'", append(outer, "%"+db.EscapeLike(w)+"%")
	}
	for _, name := range s.Hidden {
		where, outer = where+" AND target <> ?", append(outer, name)
	}
	var f Found
	var err error
	f.Messages, err = db.All(ctx, h.db, scanMessage, "SELECT "+messageColumns+" FROM (SELECT "+messageColumns+" "+inner+") m"+where+" ORDER BY id DESC LIMIT ?",
		append(outer, s.Limit)...)
	if err != nil {
		return f, fmt.Errorf("search what was said: %w", err)
	}
	if len(f.Messages) == s.Limit {
		f.Next = f.Messages[s.Limit-1].ID
		return f, nil
	}
	var seen int
	var oldest MsgID
	if err := h.db.QueryRowContext(ctx, "SELECT COUNT(*), COALESCE(MIN(id), 0) FROM (SELECT id "+inner+") m", args...).Scan(&seen, &oldest); err != nil {
		return f, fmt.Errorf("search what was said: %w", err)
	}
	if seen == searchDepth {
		f.Next = oldest
	}
	return f, nil
}

// Closed returns the channels, in lower case, that require a class, or a permission
// that somebody hasn't: to search those, core.IRCOverride is needed.
func (h *History) Closed(ctx context.Context, has func(core.Permission) bool) ([]string, error) {
	var out []string
	_, err := db.All(ctx, h.db, func(sc db.Scanner) (struct{}, error) {
		var name string
		var p core.Permission
		var class int64
		err := sc.Scan(&name, &p, &class)
		if p != "" && !has(p) || class != 0 && !has(core.IRCOverride) {
			out = append(out, text.FoldASCII(name))
		}
		return struct{}{}, err
	}, "SELECT name, join_permission, join_class FROM irc_channel LIMIT 10000")
	if err != nil {
		return nil, fmt.Errorf("read the channels: %w", err)
	}
	return out, nil
}
