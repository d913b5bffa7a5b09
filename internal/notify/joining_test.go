package notify_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// joining lets the world's consumer write letters to those who join.
func (w *world) joining() *invite.Store {
	w.Helper()
	letters, err := mail.NewQueue(w.db, w.events, w.keys, w.clock.Now, mail.Config{Host: "127.0.0.1", From: "noreply@bio.example", PerHour: 600}, mail.Site{Name: "BioTest", URL: "http://site.example"})
	w.must(err)
	invites := invite.NewStore(invite.Deps{DB: w.db, Log: w.events, Keys: w.keys, Clock: w.clock.Now, Members: w.members, Links: credential.NewStore(w.db, w.keys, w.clock.Now),
		Settings: setting.NewStore(w.db, w.events, w.clock.Now), Guard: guess.New(w.db, w.keys, w.clock.Now, slog.New(slog.DiscardHandler)),
		SendsMail: letters.Configured, Rules: func(context.Context) (int64, error) { return 0, nil }})
	w.consumer.Joining = &notify.Joining{Invites: invites, Letters: letters}
	return invites
}

// queued counts the letters of a kind that wait.
func (w *world) queued(kind string) (n int) {
	w.Helper()
	n, _, err := db.One(w.Context(), w.db, db.Value[int], "SELECT COUNT(*) FROM mail WHERE kind = ? AND state = ?", kind, string(mail.Queued))
	w.must(err)
	return n
}

// again lets the consumer see every event once more.
func (w *world) again() {
	w.Helper()
	w.must(w.tx(func(tx *db.Tx) error {
		_, err := tx.Exec(w.Context(), "UPDATE event_cursor SET position = 0 WHERE consumer = ?", notify.Cursor)
		return err
	}))
	w.follow()
}

func TestLettersOfInvites(t *testing.T) {
	each(t, func(w *world) {
		invites := w.joining()
		w.begin()
		made, err := invites.Make(w.Context(), w.ann, invite.New{Mail: "cat@lab.example"})
		w.must(err)
		byHand, err := invites.Make(w.Context(), w.ann, invite.New{})
		w.must(err)
		w.follow()
		if n := w.queued("invite"); n != 1 {
			w.Errorf("%d letters", n)
		}
		if _, ok, err := invites.Letter(w.Context(), made.ID); ok || err != nil {
			w.Errorf("the link is kept after the letter was written, %v", err)
		}
		w.again()
		if n := w.queued("invite"); n != 1 {
			w.Errorf("%d letters after the events were read twice", n)
		}
		form := invite.Form{Name: "cat", Password: "correct horse battery", Accepts: true, Human: invite.Human{Stamp: invites.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}}
		if _, err := invites.Join(w.Context(), invite.Ticket(byHand.Token), form); err != nil {
			w.Fatal(err)
		}
		_, err = invites.Give(w.Context(), w.ann, 3)
		w.must(err)
		_, err = invites.Give(w.Context(), w.ann, -1)
		w.must(err)
		revoked, err := invites.Make(w.Context(), w.ann, invite.New{Mail: "dan@lab.example"})
		w.must(err)
		_, err = invites.Revoke(w.Context(), revoked.ID, w.ann)
		w.must(err)
		w.follow()
		w.expect(w.ann, "cat has joined by your invite.", "Staff gave you 3 invites.", "Staff took back 1 invite that you had not used.")
		if n := w.queued("invite"); n != 1 {
			w.Errorf("%d letters, one of them for an invite that was taken back", n)
		}
	})
}

func TestLettersOfVerdicts(t *testing.T) {
	each(t, func(w *world) {
		invites := w.joining()
		_, _, err := invites.Settings.Set(w.Context(), 0, setting.RegistrationMode.Name, setting.ModeApplication)
		w.must(err)
		w.begin()
		by := invite.Person{ID: w.bob, Name: "bob"}
		apply := func(name, mail string) int64 {
			a, _, err := invites.Apply(w.Context(), invite.ApplyForm{Name: name, Email: mail, Answers: map[int64]string{1: "Yeast.", 3: "By chance."},
				Human: invite.Human{Stamp: invites.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}})
			w.must(err)
			_, err = invites.Claim(w.Context(), a.ID, by)
			w.must(err)
			return a.ID
		}
		_, _, err = invites.Pass(w.Context(), apply("cat", "cat@lab.example"), by)
		w.must(err)
		_, err = invites.Refuse(w.Context(), apply("dan", "dan@lab.example"), by, "Say more.", -1)
		w.must(err)
		_, err = invites.Refuse(w.Context(), apply("eve", ""), by, "Say more.", -1)
		w.must(err)
		w.follow()
		w.again()
		if n := w.queued("application-verdict"); n != 2 {
			w.Errorf("%d letters, want one to each who gave an address", n)
		}
		w.expect(w.bob)
	})
}

func TestInvitesThatDoNotArrive(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.append(eventlog.MailFailed{Mail: 1, Member: w.ann, Kind: "invite", Address: true})
		w.append(eventlog.MailFailed{Mail: 2, Member: w.bob, Kind: "secret.changed", Address: true}) // told by what happened, and no circle
		w.follow()
		w.expect(w.ann, "An invite that you sent by mail did not arrive.")
		w.expect(w.bob)
	})
}
