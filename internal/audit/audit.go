// Package audit keeps what staff and members did: who, when, by which way, with
// which arguments, what came of it, and how it can be taken back. The site, IRC,
// the shell and the IRC network write to the one log.
//
// The log is insert-only. An act and its row are committed together (Append); what
// was denied or failed left nothing behind and writes its row alone (Note).
//
// Concurrency: a Log is safe for concurrent use.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Via names the way by which somebody acted.
type Via string

// The ways.
const (
	ViaIRC   Via = "irc"
	ViaShell Via = "shell"
	ViaSite  Via = "site"
)

// Outcome says what came of an act.
type Outcome string

// The outcomes. Started is found in rows of releases that wrote a row before the
// act and completed it after: one that still says so had its program killed in
// between.
const (
	Started Outcome = "started"
	Done    Outcome = "done"
	Failed  Outcome = "failed"
	Denied  Outcome = "denied"
	Asked   Outcome = "asked" // it waits until another member of staff approves it
)

// Entry is one row of the log.
type Entry struct {
	ID        int64
	At        time.Time
	ActorID   core.MemberID // 0 for the shell and for guests
	ActorName string
	Via       Via
	Command   string
	Arguments string // secrets are left out
	Subject   string // what it was done to, from MemberSubject and its like; may be ""
	Outcome   Outcome
	Detail    string
	UndoWith  string // the command that takes it back; "" where there is none
	UndoState string // StateDigest of what that command rests on; "" where it was not noted
	Undoes    int64  // the row that this act took back; 0 for none
}

// MemberSubject names a member as what was acted on.
func MemberSubject(id core.MemberID) string { return fmt.Sprintf("member:%d", id) }

// TorrentSubject names a torrent as what was acted on.
func TorrentSubject(id core.TorrentID) string { return fmt.Sprintf("torrent:%d", id) }

// ChannelSubject names an IRC channel as what was acted on.
func ChannelSubject(name string) string { return "channel:" + text.FoldASCII(name) }

// StateDigest is a short digest of a state in words, to compare it later. It is
// never "".
func StateDigest(state string) string {
	sum := sha256.Sum256([]byte(state))
	return hex.EncodeToString(sum[:16])
}

// Log is the audit log.
type Log struct {
	db    db.Conn
	clock core.Clock
}

// New returns the log in d.
func New(d *db.DB, clock core.Clock) *Log { return &Log{db: d, clock: clock} }

// In returns the log bound to tx: what it reads is what that transaction sees.
func (l *Log) In(tx *db.Tx) *Log { return &Log{db: tx, clock: l.clock} }

// Append writes the row of an act in the transaction that holds its effect, and
// returns its id. Texts that are too long are cut.
func (l *Log) Append(ctx context.Context, tx *db.Tx, e Entry) (int64, error) {
	id, err := tx.Insert(ctx, "audit", db.Row{"at", l.clock().Unix(), "actor_id", e.ActorID, "actor_name", text.Cut(e.ActorName, 64),
		"via", e.Via, "command", text.Cut(e.Command, 64), "arguments", text.Cut(e.Arguments, 500), "subject", text.Cut(e.Subject, 80),
		"outcome", e.Outcome, "detail", text.Cut(text.Clean(e.Detail), 500), "undo_with", undoText(e.UndoWith), "undo_state", e.UndoState, "undoes", e.Undoes})
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return id, nil
}

// undoText leaves out a command that would not fit: half of one does something
// else.
func undoText(line string) string {
	const most = 500
	if len(line) > most {
		return ""
	}
	return line
}

// Note writes a row alone, in a transaction of its own: that of something that was
// denied or failed.
func (l *Log) Note(ctx context.Context, e Entry) (int64, error) {
	var id int64
	err := l.db.Tx(ctx, func(tx *db.Tx) (err error) {
		id, err = l.Append(ctx, tx, e)
		return err
	})
	return id, err
}

const columns = "id, at, actor_id, actor_name, via, command, arguments, subject, outcome, detail, undo_with, undo_state, undoes"

func scan(s db.Scanner) (Entry, error) {
	var e Entry
	var at int64
	err := s.Scan(&e.ID, &at, &e.ActorID, &e.ActorName, &e.Via, &e.Command, &e.Arguments, &e.Subject, &e.Outcome, &e.Detail,
		&e.UndoWith, &e.UndoState, &e.Undoes)
	e.At = time.Unix(at, 0).UTC()
	return e, err
}

// most is the longest list that one call returns.
const most = 200

// Recent returns up to limit (at most 200) rows, newest first.
func (l *Log) Recent(ctx context.Context, limit int) ([]Entry, error) {
	return db.All(ctx, l.db, scan, "SELECT "+columns+" FROM audit ORDER BY id DESC LIMIT ?", min(max(limit, 1), most))
}

// reach is how many of the newest rows About looks through.
const reach = 50_000

// About returns up to limit (at most 200) rows of what a member did and of what
// was done to them, newest first. Rows of older releases name no subject; they are
// found by the name in the arguments of a member command.
func (l *Log) About(ctx context.Context, id core.MemberID, name string, limit int) ([]Entry, error) {
	return db.All(ctx, l.db, scan, "SELECT "+columns+` FROM audit
		WHERE id > (SELECT COALESCE(MAX(id), 0) FROM audit) - ? AND (actor_id = ? OR subject = ? OR
			(command LIKE 'member %' AND (arguments = ? OR arguments LIKE ? ESCAPE '!')))
		ORDER BY id DESC LIMIT ?`, reach, id, MemberSubject(id), name, db.EscapeLike(name)+" %", min(max(limit, 1), most))
}

// On returns up to limit (at most 200) rows about one subject, newest first.
func (l *Log) On(ctx context.Context, subject string, limit int) ([]Entry, error) {
	return db.All(ctx, l.db, scan, "SELECT "+columns+" FROM audit WHERE subject = ? ORDER BY id DESC LIMIT ?",
		subject, min(max(limit, 1), most))
}

// ByID returns a row, or an error with code NotFound.
func (l *Log) ByID(ctx context.Context, id int64) (Entry, error) {
	e, ok, err := db.One(ctx, l.db, scan, "SELECT "+columns+" FROM audit WHERE id = ?", id)
	if err != nil {
		return Entry{}, fmt.Errorf("read audit row %d: %w", id, err)
	}
	if !ok {
		return Entry{}, core.Errorf(core.NotFound, "there is no entry %d in the audit log", id)
	}
	return e, nil
}

// UndoneBy returns the id of the row that took back the given one, 0 when it holds.
func (l *Log) UndoneBy(ctx context.Context, id int64) (int64, error) {
	by, _, err := db.One(ctx, l.db, db.Value[int64], "SELECT id FROM audit WHERE undoes = ? AND outcome = ? ORDER BY id LIMIT 1", id, Done)
	if err != nil {
		return 0, fmt.Errorf("read audit row %d: %w", id, err)
	}
	return by, nil
}

// String is the entry on one line, without its time and outcome.
func (e Entry) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s (%s): %s %s", e.ActorName, e.Via, e.Command, e.Arguments))
}
