package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Outcome says what came of a command.
type Outcome string

// The outcomes. A row that still says "started" long after its time is one
// whose program was killed in between.
const (
	OutcomeStarted Outcome = "started"
	OutcomeDone    Outcome = "done"
	OutcomeFailed  Outcome = "failed"
	OutcomeDenied  Outcome = "denied"
)

// Entry is one row of the audit log.
type Entry struct {
	ID        int64
	At        time.Time
	ActorID   core.MemberID // 0 for the shell and for guests
	ActorName string
	Via       Via
	Command   string
	Arguments string // secrets are left out
	Outcome   Outcome
	Detail    string
	UndoWith  string
}

// Audit is the audit log. Other packages that change things for staff, such as
// the site's pages, write to it as well.
type Audit struct {
	db    *db.DB
	clock core.Clock
}

// NewAudit returns the log in d.
func NewAudit(d *db.DB, clock core.Clock) *Audit { return &Audit{db: d, clock: clock} }

// Start writes the row of something that is about to happen.
func (a *Audit) Start(ctx context.Context, e Entry) (int64, error) {
	e.Outcome = OutcomeStarted
	return a.insert(ctx, e)
}

// Denied writes the row of something that was refused.
func (a *Audit) Denied(ctx context.Context, e Entry, why string) error {
	e.Outcome, e.Detail = OutcomeDenied, why
	_, err := a.insert(ctx, e)
	return err
}

// Finish records what came of a started row.
func (a *Audit) Finish(ctx context.Context, id int64, o Outcome, detail, undo string) error {
	return a.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE audit SET outcome = ?, detail = ?, undo_with = ? WHERE id = ?",
			o, text.Cut(text.Clean(detail), 500), text.Cut(undo, 500), id)
		return err
	})
}

func (a *Audit) insert(ctx context.Context, e Entry) (int64, error) {
	var id int64
	err := a.db.Tx(ctx, func(tx *db.Tx) (err error) {
		id, err = tx.Insert(ctx, "audit", db.Row{"at", a.clock().Unix(), "actor_id", e.ActorID, "actor_name", text.Cut(e.ActorName, 64),
			"via", e.Via, "command", text.Cut(e.Command, 64), "arguments", text.Cut(e.Arguments, 500), "outcome", e.Outcome,
			"detail", text.Cut(text.Clean(e.Detail), 500), "undo_with", text.Cut(e.UndoWith, 500)})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	return id, nil
}

const auditColumns = "id, at, actor_id, actor_name, via, command, arguments, outcome, detail, undo_with"

// Recent returns up to limit (at most 200) rows, newest first.
func (a *Audit) Recent(ctx context.Context, limit int) ([]Entry, error) {
	return db.All(ctx, a.db, scanEntry, "SELECT "+auditColumns+" FROM audit ORDER BY id DESC LIMIT ?", min(max(limit, 1), 200))
}

// auditReach is how many of the newest rows About looks through.
const auditReach = 50_000

// About returns up to limit (at most 200) rows of what a member did and of what
// was done to them by name, newest first.
func (a *Audit) About(ctx context.Context, m member.Member, limit int) ([]Entry, error) {
	name := db.EscapeLike(m.Name)
	return db.All(ctx, a.db, scanEntry, "SELECT "+auditColumns+` FROM audit
		WHERE id > (SELECT COALESCE(MAX(id), 0) FROM audit) - ? AND (actor_id = ? OR
			(command LIKE 'member %' AND (arguments = ? OR arguments LIKE ? ESCAPE '!')))
		ORDER BY id DESC LIMIT ?`, auditReach, m.ID, m.Name, name+" %", min(max(limit, 1), 200))
}

func scanEntry(s db.Scanner) (Entry, error) {
	var e Entry
	var at int64
	err := s.Scan(&e.ID, &at, &e.ActorID, &e.ActorName, &e.Via, &e.Command, &e.Arguments, &e.Outcome, &e.Detail, &e.UndoWith)
	e.At = time.Unix(at, 0).UTC()
	return e, err
}

// auditEntry describes a command before it runs.
func auditEntry(actor Actor, s *Spec, words []string) Entry {
	e := Entry{ActorID: actor.Member.ID, ActorName: actor.Name, Via: actor.Via, Command: s.Name}
	given, err := bind(s, words)
	switch {
	case err == nil:
		e.Arguments = auditArguments(s, given)
	case len(words) > 0:
		// What fits no argument may be a secret: nothing of it is kept.
		e.Arguments = fmt.Sprintf("(%d words)", len(words))
	}
	return e
}

// auditArguments writes the arguments in the order of the table, without those
// that it marks as secret.
func auditArguments(s *Spec, given map[string]string) string {
	var shown []string
	for _, a := range s.Args {
		v, ok := given[a.Name]
		if !ok {
			continue
		}
		if a.Flag {
			shown = append(shown, "--"+a.Name)
		}
		switch {
		case a.Redact:
			shown = append(shown, "(left out)")
		case a.Kind == Text: // runs to the end of the line: needs no quotes
			shown = append(shown, v)
		default:
			shown = append(shown, Join([]string{v}))
		}
	}
	return text.Clean(strings.Join(shown, " "))
}
