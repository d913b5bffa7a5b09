package member

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

func TestNotes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member.ID, w.make(t, "bob", "").Member.ID
		mona := By{ID: 9, Name: "mona"}
		for _, wrong := range []string{"", " . ", strings.Repeat("x", MaxNote+1)} {
			if _, err := w.AddNote(ctx, alice, wrong, mona); core.FieldOf(err) != "text" {
				t.Errorf("a note of %d bytes: %v", len(wrong), err)
			}
		}
		longest := strings.Repeat("ü", MaxNote/2)
		var ids []int64
		for _, said := range []string{"asked about a\nsecond account", "shares a lab with carl", longest} {
			n, err := w.AddNote(ctx, alice, said, mona)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, n.ID)
		}
		texts := func(id core.MemberID, before int64, limit int) string {
			list, err := w.Notes(ctx, id, before, limit)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, n := range list {
				if n.By != mona || !n.At.Equal(w.now) || n.Member != id {
					t.Errorf("note %+v", n)
				}
				out = append(out, n.Text)
			}
			return strings.Join(out, "; ")
		}
		if got, want := texts(alice, 0, 10), longest+"; shares a lab with carl; asked about a second account"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := texts(alice, ids[2], 1); got != "shares a lab with carl" {
			t.Errorf("the second page: %q", got)
		}
		if got := texts(bob, 0, 10); got != "" {
			t.Errorf("of another: %q", got)
		}

		// A note belongs to its member: nobody reaches it by another one's name.
		_, err := w.RemoveNote(ctx, bob, ids[1], mona)
		wantCode(t, err, core.NotFound)
		_, err = w.RestoreNote(ctx, alice, ids[1])
		wantCode(t, err, core.Conflict)
		if _, err := w.RemoveNote(ctx, alice, ids[1], By{ID: 3, Name: "boss"}); err != nil {
			t.Fatal(err)
		}
		_, err = w.RemoveNote(ctx, alice, ids[1], mona)
		wantCode(t, err, core.Conflict)
		if n, err := w.NoteByID(ctx, alice, ids[1]); err != nil || n.RemovedBy.Name != "boss" || !n.RemovedAt.Equal(w.now) || n.Text == "" {
			t.Errorf("removed: %+v, %v", n, err)
		}
		if got, want := texts(alice, 0, 10), longest+"; asked about a second account"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, err := w.RestoreNote(ctx, alice, ids[1]); err != nil || !strings.Contains(texts(alice, 0, 10), "carl") {
			t.Errorf("restored: %v", err)
		}

		// It is destroyed long after it was removed, and no other is.
		if _, err := w.RemoveNote(ctx, alice, ids[0], mona); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			pass time.Duration
			want int64
		}{{NotesKept, 0}, {time.Second, 1}, {NotesKept, 0}} {
			w.now = w.now.Add(c.pass)
			if n, err := w.PruneNotes(ctx, 100); err != nil || n != c.want {
				t.Errorf("%s later %d are destroyed (%v), want %d", c.pass, n, err, c.want)
			}
		}
		_, err = w.RestoreNote(ctx, alice, ids[0])
		wantCode(t, err, core.NotFound)
		if list, err := w.Notes(ctx, alice, 0, 10); err != nil || len(list) != 2 {
			t.Errorf("%d are left, %v", len(list), err)
		}
	})
}

func TestNotesAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice := w.make(t, "alice", "").Member.ID
		rows := make([][]any, maxNotes)
		for i := range rows {
			rows[i] = []any{i + 1, alice, "one of many", 0, "shell", 0, 0, 0, ""}
		}
		if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), db.UpsertSpec{Table: "member_note", Key: []string{"id"}, Keep: []string{"member_id", "text", "by_id", "by_name", "at", "removed_at", "removed_by", "removed_name"}}, rows...)
		}); err != nil {
			t.Fatal(err)
		}
		_, err := w.AddNote(t.Context(), alice, "one too many", By{Name: "shell"})
		wantCode(t, err, core.Conflict)
	})
}
