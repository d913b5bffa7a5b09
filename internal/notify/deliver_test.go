package notify_test

import (
	"errors"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/notify"
)

func (w *world) deliveryState(once string) (state string, tries int) {
	w.Helper()
	w.must(w.db.QueryRowContext(w.Context(), "SELECT d.state, d.tries FROM delivery d JOIN notification n ON n.id = d.notification_id WHERE n.once LIKE ?", "%"+once).Scan(&state, &tries))
	return state, tries
}

func TestDeliverOnce(t *testing.T) {
	each(t, func(w *world) {
		w.write(notify.Note{Member: w.ann, Kind: notify.SecretChanged, Title: "The IRC key was replaced.", Text: "Look.", Link: "/settings/security", Once: "a"})
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "b"})
		w.mail.homeless[w.bob] = true
		w.write(notify.Note{Member: w.bob, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "c"})
		w.deliver()
		w.deliver()
		if w.letters() != 2 || len(w.mail.carried) != 3 {
			w.Errorf("%d letters, carried %+v", w.letters(), w.mail.carried)
		}
		if first := w.mail.carried[0]; first.Off != "" || first.Title != "The IRC key was replaced." || first.Link != "/settings/security" {
			w.Errorf("%+v", first)
		}
		if second := w.mail.carried[1]; second.Off == "" {
			w.Error("it can't be switched off")
		}
		if state, _ := w.deliveryState("c"); state != "nowhere" {
			w.Errorf("to nobody: %s", state)
		}
	})
}

// TestDeliverAgain has a way that is broken for a while, and for good.
func TestDeliverAgain(t *testing.T) {
	each(t, func(w *world) {
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "a"})
		w.mail.broken = errors.New("the queue is away")
		w.deliver()
		if state, tries := w.deliveryState("a"); state != "waiting" || tries != 1 {
			w.Errorf("%s after %d tries", state, tries)
		}
		w.deliver() // too early
		if _, tries := w.deliveryState("a"); tries != 1 {
			w.Errorf("%d tries at once", tries)
		}
		w.mail.broken = nil
		w.clock.Add(time.Minute)
		w.deliver()
		if state, _ := w.deliveryState("a"); state != "done" || w.letters() != 1 {
			w.Errorf("%s, %d letters", state, w.letters())
		}
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "b"})
		w.mail.broken = errors.New("the queue is away")
		for range 20 {
			w.clock.Add(time.Hour)
			w.deliver()
		}
		if state, tries := w.deliveryState("b"); state != "failed" || tries != 10 {
			w.Errorf("%s after %d tries", state, tries)
		}
	})
}

// TestDeliveryOfAWrongClock has one whose time lies far ahead.
func TestDeliveryOfAWrongClock(t *testing.T) {
	each(t, func(w *world) {
		w.clock.Add(1000 * time.Hour)
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "a"})
		w.clock.Add(-1000 * time.Hour)
		w.deliver()
		if w.letters() != 1 {
			w.Error("it waits for the wrong time")
		}
	})
}

func TestPrune(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		w.write(w.note("read"))
		w.write(w.note("unread"))
		read := w.inbox(w.ann)[1].ID
		if _, err := w.store.MarkRead(ctx, w.ann, read); err != nil {
			w.Fatal(err)
		}
		prune := func() (sum int64) {
			for {
				n, err := w.store.Prune(ctx, 100)
				w.must(err)
				if sum += n; n < 100 {
					return sum
				}
			}
		}
		if n := prune(); n != 0 {
			w.Errorf("pruned %d young ones", n)
		}
		w.clock.Add(91 * 24 * time.Hour)
		if n := prune(); n != 1 || len(w.inbox(w.ann)) != 1 {
			w.Errorf("pruned %d that are read and old", n)
		}
		w.clock.Add(275 * 24 * time.Hour)
		if n := prune(); n != 1 {
			w.Errorf("pruned %d that are a year old", n)
		}
		w.must(w.tx(func(tx *db.Tx) error {
			for i := range 720 {
				m := w.ann
				if i >= 710 {
					m = w.bob
				}
				id, err := tx.Insert(ctx, "notification", db.Row{"member_id", m, "kind", "upload.edited", "subject_kind", "", "subject_id", 0, "title", "It.", "body", "", "link", "",
					"once", i, "event_id", 0, "times", 1, "inbox", 1, "created_at", w.clock.Now().Unix(), "read_at", 0})
				if err != nil {
					return err
				}
				if _, err := tx.Insert(ctx, "delivery", db.Row{"notification_id", id, "way", "mail", "state", "done", "tries", 0, "next_at", 0}); err != nil {
					return err
				}
			}
			return nil
		}))
		if n := prune(); n != 210 {
			w.Errorf("pruned %d of somebody with too many", n)
		}
		for _, c := range []struct {
			query string
			want  int
		}{{"SELECT COUNT(*) FROM notification WHERE member_id = 3 OR member_id <> 3", 510}, {"SELECT COUNT(*) FROM delivery", 510}} {
			var n int
			w.must(w.db.QueryRowContext(ctx, c.query).Scan(&n))
			if n != c.want {
				w.Errorf("%s: %d are left, want %d", c.query, n, c.want)
			}
		}
	})
}

// TestHold gives up what waits: it may have been delivered before a restore.
func TestHold(t *testing.T) {
	each(t, func(w *world) {
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "It was deleted.", Once: "a"})
		w.deliver()
		w.write(notify.Note{Member: w.ann, Kind: notify.UploadDeleted, Title: "Another was deleted.", Once: "b"})
		before := w.letters()
		if n, err := w.store.Hold(w.Context()); err != nil || n != 1 {
			w.Errorf("held %d: %v", n, err)
		}
		w.clock.Add(24 * time.Hour)
		w.deliver()
		if state, _ := w.deliveryState("a"); state != "done" {
			w.Errorf("what was delivered is %s", state)
		}
		if state, _ := w.deliveryState("b"); state != "failed" || w.letters() != before {
			w.Errorf("what waited is %s, and %d letters went", state, w.letters()-before)
		}
	})
}
