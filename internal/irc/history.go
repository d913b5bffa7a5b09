package irc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Message is one line as it is stored. A conversation between two members is kept
// once for each of them who switched that on, as a copy of their own: nobody else
// reads it, and it is deleted when they ask for that.
type Message struct {
	Target    string // a channel in lower case, or what PrivateTarget returns
	ID        MsgID
	Kind      string // PRIVMSG, NOTICE, TAGMSG, JOIN, PART, QUIT, KICK, TOPIC, MODE or NICK
	Source    string // nick!user@host as it was shown
	Account   string // the site name then; "" of guests
	AccountID core.MemberID
	Bot       bool
	// Text is what follows the target. The lines of a message of several are
	// joined by \n, or by \r where the next one continues the one before.
	Text string
	Tags string // the client-only tags, as in a message
}

// Sent is a message on its way into the history. One between members has a peer and
// no target yet.
type Sent struct {
	Message
	Peer core.MemberID
}

// Retention says how long lines are kept when no channel's row decides it.
type Retention struct {
	FreeDays    int // in channels that exist only while somebody is in them; 0 keeps nothing
	PrivateDays int // between members
}

// History keeps what was said, in the table irc_message, with the members'
// settings and marks. It is safe for concurrent use.
type History struct {
	db        db.Conn
	log       *eventlog.Log
	clock     core.Clock
	retention Retention

	known *db.Gatherer[core.MemberID, *Known]
}

// NewHistory returns the store on d.
func NewHistory(d *db.DB, log *eventlog.Log, clock core.Clock, r Retention) *History {
	h := &History{db: d, log: log, clock: clock, retention: r}
	h.known = db.NewGatherer(knownTime, h.readKnown)
	return h
}

// In returns the history bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (h *History) In(tx *db.Tx) *History {
	bound := *h
	bound.db = tx
	bound.known = db.NewGatherer(knownTime, bound.readKnown)
	return &bound
}

// PrivateTarget is the target of the owner's copy of a conversation with peer.
func PrivateTarget(owner, peer core.MemberID) string {
	return privatePrefix(owner) + strconv.FormatInt(int64(peer), 10)
}

func privatePrefix(owner core.MemberID) string {
	return "@" + strconv.FormatInt(int64(owner), 10) + "/"
}

// privateRange returns the limits, both exclusive, of the targets of all copies of a
// member.
func privateRange(owner core.MemberID) (from, to string) {
	p := privatePrefix(owner)
	return p, p[:len(p)-1] + "0" // 0 follows /
}

const (
	messageColumns = "target, id, kind, source, account, account_id, bot, text, tags"
	spoken         = " AND kind IN ('PRIVMSG', 'NOTICE')"
)

func scanMessage(sc db.Scanner) (m Message, err error) {
	err = sc.Scan(&m.Target, &m.ID, &m.Kind, &m.Source, &m.Account, &m.AccountID, &m.Bot, &m.Text, &m.Tags)
	return m, err
}

// Append stores those messages that may be kept, in one transaction. A message that
// is there already changes nothing.
func (h *History) Append(ctx context.Context, batch []Sent) error {
	err := h.db.Tx(ctx, func(tx *db.Tx) error {
		policies, err := h.policies(ctx, tx)
		if err != nil {
			return err
		}
		keepers, err := h.keepers(ctx, tx, batch)
		if err != nil {
			return err
		}
		var rows [][]any
		add := func(m Message, target string) {
			rows = append(rows, []any{target, m.ID, m.Kind, m.Source, m.Account, m.AccountID, m.Bot, m.Text, m.Tags})
		}
		for _, m := range batch {
			switch {
			case m.Target != "":
				if h.policyOf(policies, m.Target).days > 0 {
					add(m.Message, m.Target)
				}
			default:
				if keepers[m.AccountID] {
					add(m.Message, PrivateTarget(m.AccountID, m.Peer))
				}
				if m.Peer != m.AccountID && keepers[m.Peer] {
					add(m.Message, PrivateTarget(m.Peer, m.AccountID))
				}
			}
		}
		return tx.Upsert(ctx, db.UpsertSpec{Table: "irc_message", Key: []string{"target", "id"},
			Keep: []string{"kind", "source", "account", "account_id", "bot", "text", "tags"}}, rows...)
	})
	if err != nil {
		return fmt.Errorf("keep what was said: %w", err)
	}
	return nil
}

// keepers returns those members in the batch who want their conversations kept.
func (h *History) keepers(ctx context.Context, q db.Queryer, batch []Sent) (map[core.MemberID]bool, error) {
	var ids []any
	seen := map[core.MemberID]bool{}
	for _, m := range batch {
		for _, id := range []core.MemberID{m.AccountID, m.Peer} {
			if m.Target == "" && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	keepers := map[core.MemberID]bool{}
	for some := range slices.Chunk(ids, 500) {
		list, err := db.All(ctx, q, db.Value[core.MemberID],
			"SELECT member_id FROM irc_setting WHERE keep_private = 1 AND member_id IN ("+db.Marks(len(some))+")", some...)
		if err != nil {
			return nil, err
		}
		for _, id := range list {
			keepers[id] = true
		}
	}
	return keepers, nil
}

// Last returns the greatest id, 0 if there is none, after it has mended the times of what a
// wrong clock has dated ahead.
func (h *History) Last(ctx context.Context) (MsgID, error) {
	if err := h.mend(ctx); err != nil {
		return 0, err
	}
	id, _, err := db.One(ctx, h.db, db.Value[MsgID], "SELECT COALESCE(MAX(id), 0) FROM irc_message")
	if err != nil {
		return 0, fmt.Errorf("look up the newest message: %w", err)
	}
	return id, nil
}

// Span is the part of a history that is asked for, between two ids that do not belong
// to it. If there are more than Limit messages, the oldest are returned, or the
// newest.
type Span struct {
	After, Before MsgID // 0 leaves the end open
	Limit         int
	Newest        bool
	Events        bool // not only what was said
}

// Read returns a part of the history of a target, oldest first.
func (h *History) Read(ctx context.Context, target string, s Span) ([]Message, error) {
	query, args := "SELECT "+messageColumns+" FROM irc_message WHERE target = ? AND id > ?", []any{target, s.After}
	if s.Before > 0 {
		query, args = query+" AND id < ?", append(args, s.Before)
	}
	if !s.Events {
		query += spoken
	}
	order := " ORDER BY id"
	if s.Newest {
		order += " DESC"
	}
	list, err := db.All(ctx, h.db, scanMessage, query+order+" LIMIT ?", append(args, s.Limit)...)
	if err != nil {
		return nil, fmt.Errorf("read what was said: %w", err)
	}
	if s.Newest {
		slices.Reverse(list)
	}
	return list, nil
}

// Target is a channel or conversation with a history, and its newest message.
type Target struct {
	Name string
	Peer core.MemberID // of a conversation between members
	Last MsgID
}

// maxPeers bounds how many conversations of a member are listed.
const maxPeers = 500

// Targets returns which of the channels, and of the member's conversations, had their
// last message between the two ids, ordered by it. Member 0 is nobody.
func (h *History) Targets(ctx context.Context, channels []string, m core.MemberID, s Span) ([]Target, error) {
	var out []Target
	fits := func(t Target) {
		if t.Last > s.After && (s.Before == 0 || t.Last < s.Before) {
			out = append(out, t)
		}
	}
	for _, name := range channels {
		last, found, err := db.One(ctx, h.db, db.Value[MsgID], "SELECT id FROM irc_message WHERE target = ?"+spoken+" ORDER BY id DESC LIMIT 1", name)
		if err != nil {
			return nil, fmt.Errorf("look up the newest message: %w", err)
		}
		if found {
			fits(Target{Name: name, Last: last})
		}
	}
	if m != 0 {
		from, to := privateRange(m)
		list, err := db.All(ctx, h.db, func(sc db.Scanner) (t Target, err error) {
			if err := sc.Scan(&t.Name, &t.Last); err != nil {
				return t, err
			}
			peer, err := strconv.ParseInt(strings.TrimPrefix(t.Name, from), 10, 64)
			t.Peer = core.MemberID(peer)
			return t, err
		}, "SELECT target, MAX(id) FROM irc_message WHERE target > ? AND target < ?"+spoken+" GROUP BY target ORDER BY MAX(id) DESC LIMIT ?", from, to, maxPeers)
		if err != nil {
			return nil, fmt.Errorf("list conversations: %w", err)
		}
		for _, t := range list {
			fits(t)
		}
	}
	slices.SortFunc(out, func(a, b Target) int { return cmp.Compare(a.Last, b.Last) })
	return out[:min(len(out), s.Limit)], nil
}
