package member

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Note is what staff wrote down about a member. Only staff read it.
type Note struct {
	ID        int64
	Member    core.MemberID
	Text      string
	By        By
	At        time.Time
	RemovedAt time.Time // the zero time while nobody has taken it away
	RemovedBy By
}

// Limits of notes.
const (
	MaxNote  = 1000 // bytes of one
	maxNotes = 500  // of one member
)

// CheckNote checks the text of a note.
func CheckNote(note string) error {
	if !text.HasLetters(note) {
		return core.FieldErrorf("text", "write down what staff should know")
	}
	if len(note) > MaxNote {
		return core.FieldErrorf("text", "keep a note within %d bytes; this has %d", MaxNote, len(note))
	}
	return nil
}

// AddNote writes a note about a member and returns it. It fails with Invalid where the text
// is wrong, and with Conflict where there are too many. The caller checks who may do this.
func (s *Store) AddNote(ctx context.Context, id core.MemberID, note string, by By) (Note, error) {
	note = text.Line(note)
	if err := CheckNote(note); err != nil {
		return Note{}, err
	}
	n := Note{Member: id, Text: note, By: By{ID: by.ID, Name: clip(by.Name, 64)}, At: s.clock().Truncate(time.Second).UTC()}
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		if err := s.roomForNote(ctx, tx, id); err != nil {
			return err
		}
		var err error
		n.ID, err = tx.Insert(ctx, "member_note", db.Row{"member_id", n.Member, "text", n.Text, "by_id", n.By.ID, "by_name", n.By.Name,
			"at", n.At.Unix(), "removed_at", 0, "removed_by", 0, "removed_name", ""})
		return err
	})
	if err != nil {
		return Note{}, fmt.Errorf("write a note: %w", err)
	}
	return n, nil
}

// roomForNote refuses one more note where a member has too many.
func (s *Store) roomForNote(ctx context.Context, tx *db.Tx, id core.MemberID) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM member_note WHERE member_id = ? AND removed_at = 0", id).Scan(&n); err != nil {
		return err
	}
	if n >= maxNotes {
		return core.Errorf(core.Conflict, "there are %d notes about this member already; remove some first", n)
	}
	return nil
}

const noteColumns = "id, member_id, text, by_id, by_name, at, removed_at, removed_by, removed_name"

// Notes returns up to limit (1 to 200) notes about a member, newest first: those with
// smaller ids than before, or the newest where it is 0. Removed ones are left out.
func (s *Store) Notes(ctx context.Context, id core.MemberID, before int64, limit int) ([]Note, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	list, err := db.All(ctx, s.db, scanNote, "SELECT "+noteColumns+" FROM member_note WHERE member_id = ? AND removed_at = 0 AND id < ? ORDER BY id DESC LIMIT ?",
		id, before, min(max(limit, 1), 200))
	if err != nil {
		return nil, fmt.Errorf("read notes: %w", err)
	}
	return list, nil
}

// NoteByID returns a note about a member, removed or not, or an error with code NotFound.
func (s *Store) NoteByID(ctx context.Context, about core.MemberID, id int64) (Note, error) {
	n, ok, err := db.One(ctx, s.db, scanNote, "SELECT "+noteColumns+" FROM member_note WHERE id = ? AND member_id = ?", id, about)
	if err != nil {
		return n, fmt.Errorf("read a note: %w", err)
	}
	if !ok {
		return n, &core.Error{Code: core.NotFound, Field: "id", Text: fmt.Sprintf("there is no note %d about this member", id)}
	}
	return n, nil
}

// RemoveNote takes a note away. For NotesKept it can be put back. It fails with NotFound for
// one that there is not, and with Conflict where that was done already.
func (s *Store) RemoveNote(ctx context.Context, about core.MemberID, id int64, by By) (Note, error) {
	n, err := s.NoteByID(ctx, about, id)
	if err != nil {
		return n, err
	}
	return n, s.markNote(ctx, fmt.Sprintf("note %d is removed already", id),
		"UPDATE member_note SET removed_at = ?, removed_by = ?, removed_name = ? WHERE id = ? AND removed_at = 0", s.clock().Unix(), by.ID, clip(by.Name, 64), id)
}

// RestoreNote puts a note back that was removed. It fails with Conflict where it was not.
func (s *Store) RestoreNote(ctx context.Context, about core.MemberID, id int64) (Note, error) {
	n, err := s.NoteByID(ctx, about, id)
	if err != nil {
		return n, err
	}
	return n, s.markNote(ctx, fmt.Sprintf("note %d is there: nobody has removed it", id),
		"UPDATE member_note SET removed_at = 0, removed_by = 0, removed_name = '' WHERE id = ? AND removed_at > 0", id)
}

func (s *Store) markNote(ctx context.Context, conflict, update string, args ...any) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, update, args...)
		if err == nil && n == 0 {
			err = core.Errorf(core.Conflict, "%s", conflict)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("change a note: %w", err)
	}
	return nil
}

// NotesKept is how long a note can be put back that was removed.
const NotesKept = 30 * 24 * time.Hour

// PruneNotes destroys up to limit (1 to 1000) notes that were removed longer ago than
// NotesKept, and returns how many.
func (s *Store) PruneNotes(ctx context.Context, limit int) (int64, error) {
	var n int64
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM member_note WHERE removed_at > 0 AND removed_at < ? ORDER BY removed_at LIMIT ?",
			s.clock().Add(-NotesKept).Unix(), min(max(limit, 1), 1000))
		if err != nil || len(ids) == 0 {
			n = 0
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM member_note WHERE id IN ("+db.Marks(len(ids))+")", ids...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("destroy removed notes: %w", err)
	}
	return n, nil
}

func scanNote(sc db.Scanner) (n Note, err error) {
	var at, removed int64
	err = sc.Scan(&n.ID, &n.Member, &n.Text, &n.By.ID, &n.By.Name, &at, &removed, &n.RemovedBy.ID, &n.RemovedBy.Name)
	n.At, n.RemovedAt = instant(at), instant(removed)
	return n, err
}
