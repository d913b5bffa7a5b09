// Package notify is what members are told: notifications in their inbox on the site, and
// what leaves the house by mail. The event log feeds it: domain packages append events and
// know nothing of it. A command of the staff may tell a member something, too (Tell).
//
// A kind of notification is a row of the table in kinds.go: what the settings call it, by
// which ways it goes unless a member chooses otherwise, and which ways can't be switched
// off. To add one:
//
//  1. let the package that owns the thing append an event, ids only (internal/eventlog);
//  2. add a constant and a row in kinds.go;
//  3. write a renderer beside those in tellers.go, a function from the event to notes,
//     which reads what it needs from the domain, and list it in Consumer.Handlers.
//
// A way is data. The inbox is the notification itself; each other way has a row in the
// table delivery, with a state, tries and the time of the next. A new way is a constant, a
// carrier in Options.Carriers, and its name in the kinds for which it is a default.
//
// Nothing is told twice: a note names what it tells of (Note.Once), which is unique in the
// database. A burst is bounded: beyond a few of a kind within an hour, those that follow
// fall into the last one, which then says how often it happened and how things stand.
//
// Concurrency: a Store is safe for concurrent use. One process at a time runs the consumer
// and Deliver (by the leases of the room jobs); two at once would do no harm.
package notify

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Limits of what members are told.
const (
	MaxTitle = 150  // characters
	MaxText  = 1000 // characters

	burstTime = time.Hour
	burst     = 5  // of a kind for a member within that time; others fall into the last
	maxTells  = 20 // by staff to a member within that time
	keepMost  = 500
)

// Subject is what a notification is about: a kind of thing and its id.
type Subject struct {
	Kind string // such as "torrent"; "" for the account itself
	ID   int64
}

// Note is something to tell a member.
type Note struct {
	Member  core.MemberID
	Kind    Kind
	Subject Subject
	Title   string // a sentence
	Text    string // what to know besides, and what to do; may be ""
	Link    string // a path on the site; "" for none
	Once    string // what it tells of: a second note of the same is dropped
	Event   int64  // the event behind it; 0 for none
}

// Store reads and writes notifications.
type Store struct {
	db       db.Conn
	keys     *secret.Keyring
	clock    core.Clock
	carriers map[Way]Carrier
	log      *slog.Logger
}

// Options are what a store need not have.
type Options struct {
	// Carriers take to a member what goes by ways other than the inbox. A way without
	// one is not offered.
	Carriers map[Way]Carrier
	Log      *slog.Logger // of deliveries that fail; nil is nowhere
}

// NewStore returns the store on d.
func NewStore(d *db.DB, keys *secret.Keyring, clock core.Clock, o Options) *Store {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Store{db: d, keys: keys, clock: clock, carriers: o.Carriers, log: o.Log}
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

// Ways are those that this site has, in the order in which they are shown.
func (s *Store) Ways() []Way {
	return slices.DeleteFunc(allWays(), func(w Way) bool { return w != Inbox && !s.carries(w) })
}

func (s *Store) carries(w Way) bool { return s.carriers[w] != nil && s.carriers[w].Ready() }

// Write tells a member something, by the ways that hold for them. It reports whether
// that is new: it is not if a note of the same Once and kind was written before, or if
// nothing is left by which the member wants it. The kind must be one of the table.
func (s *Store) Write(ctx context.Context, n Note) (fresh bool, err error) {
	info, ok := KindNamed(n.Kind)
	if !ok {
		return false, fmt.Errorf("tell: there is no kind %q", n.Kind)
	}
	if n, err = n.tidied(); err != nil {
		return false, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		inside := s.In(tx)
		fresh, err = inside.write(ctx, tx, info, n)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("tell member %d: %w", n.Member, err)
	}
	return fresh, nil
}

func (s *Store) write(ctx context.Context, tx *db.Tx, info Info, n Note) (bool, error) {
	now := s.clock()
	folded, err := s.fold(ctx, tx, info, n, now)
	if err != nil || folded {
		return false, err
	}
	chosen, err := s.Choices(ctx, n.Member)
	if err != nil {
		return false, err
	}
	var out []Way
	inbox := chosen.Wants(info, Inbox)
	for _, w := range s.Ways() {
		if w != Inbox && chosen.Wants(info, w) {
			out = append(out, w)
		}
	}
	if !inbox && len(out) == 0 {
		return false, nil
	}
	once := n.key()
	fresh, err := tx.InsertIgnore(ctx, "notification", db.Row{"member_id", n.Member, "kind", n.Kind, "subject_kind", n.Subject.Kind, "subject_id", n.Subject.ID,
		"title", n.Title, "body", n.Text, "link", n.Link, "once", once, "event_id", n.Event, "times", 1, "inbox", inbox, "created_at", now.Unix(), "read_at", 0})
	if err != nil || !fresh || len(out) == 0 {
		return fresh, err
	}
	var id int64
	if err := tx.QueryRowContext(ctx, "SELECT id FROM notification WHERE once = ?", once).Scan(&id); err != nil {
		return false, err
	}
	for _, w := range out {
		if _, err := tx.Insert(ctx, "delivery", db.Row{"notification_id", id, "way", w, "state", waiting, "tries", 0, "next_at", now.Unix()}); err != nil {
			return false, err
		}
	}
	return true, nil
}

// fold lets a note fall into the last of its kind, if there are many lately, and
// reports whether it did. What left the house is sent once more, at the end of the time:
// the last word must arrive.
func (s *Store) fold(ctx context.Context, tx *db.Tx, info Info, n Note, now time.Time) (bool, error) {
	type last struct {
		id, event, at int64
	}
	lately, err := db.All(ctx, tx, func(sc db.Scanner) (l last, err error) { return l, sc.Scan(&l.id, &l.event, &l.at) },
		`SELECT id, event_id, created_at FROM notification WHERE member_id = ? AND kind = ? AND created_at > ? AND created_at <= ?
		ORDER BY id DESC LIMIT ?`, n.Member, n.Kind, now.Add(-burstTime).Unix(), core.Horizon(now, 0).Unix(), maxTells)
	if err != nil {
		return false, err
	}
	if info.Said { // each is somebody's own words
		if len(lately) >= maxTells {
			return false, core.Errorf(core.Unavailable, "the member was told %d such things within the last hour; wait a little", len(lately))
		}
		return false, nil
	}
	if len(lately) < burst {
		return false, nil
	}
	l := lately[0]
	if n.Event <= l.event { // it is in there already
		return true, nil
	}
	_, err = tx.Exec(ctx, "UPDATE notification SET subject_kind = ?, subject_id = ?, title = ?, body = ?, link = ?, event_id = ?, times = times + 1, created_at = ?, read_at = 0 WHERE id = ?",
		n.Subject.Kind, n.Subject.ID, n.Title, n.Text, n.Link, n.Event, now.Unix(), l.id)
	if err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, "UPDATE delivery SET state = ?, tries = 0, next_at = ? WHERE notification_id = ? AND state IN (?, ?)",
		waiting, time.Unix(l.at, 0).Add(burstTime).Unix(), l.id, done, failed)
	return true, err
}

// key is what is unique of a note.
func (n Note) key() string { return string(n.Kind) + " " + fmt.Sprint(n.Member) + " " + n.Once }

// tidied is the note with texts that fit.
func (n Note) tidied() (Note, error) {
	var whole bool
	if n.Title, whole = text.OneLine(n.Title); !whole || n.Title == "" || n.Once == "" || n.Member == 0 {
		return n, fmt.Errorf("tell: a note of kind %s has no title, no member or nothing that it tells of", n.Kind)
	}
	if n.Link != "" && (!strings.HasPrefix(n.Link, "/") || strings.HasPrefix(n.Link, "//") || strings.ContainsAny(n.Link, "\\\n\r") || len(n.Link) > 255) {
		return n, fmt.Errorf("tell: a note of kind %s leads off the site", n.Kind)
	}
	if len(n.Once) > 64 {
		return n, fmt.Errorf("tell: what a note of kind %s tells of has %d bytes", n.Kind, len(n.Once))
	}
	n.Title, n.Text = short(n.Title, MaxTitle), short(text.Line(n.Text), MaxText)
	return n, nil
}

// short cuts a text to some characters.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	r := []rune(s)
	return strings.TrimSpace(string(r[:most-1])) + "…"
}
