package notify_test

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// TestWhatIsWrittenToStaff tells staff of it, the member of the answer, and mails a stranger.
func TestWhatIsWrittenToStaff(t *testing.T) {
	each(t, func(w *world) {
		letters, err := mail.NewQueue(w.db, w.events, w.keys, w.clock.Now, mail.Config{Host: "127.0.0.1", From: "noreply@bio.example", PerHour: 600}, mail.Site{Name: "BioTest", URL: "http://site.example"})
		w.must(err)
		tickets := support.NewStore(support.Deps{DB: w.db, Log: w.events, Keys: w.keys, Clock: w.clock.Now, SendsMail: letters.Configured})
		w.consumer.Support = &notify.Support{Tickets: tickets, Letters: letters}
		made, err := w.members.Create(w.Context(), member.New{Name: "mona", Class: "Moderator"})
		w.must(err)
		mona := support.Person{ID: made.Member.ID, Name: "mona"}
		w.begin()
		form := support.Form{Category: support.Question, Subject: "About yeast", Text: "Who runs this?", Email: "eve@lab.example", Human: invite.Human{Stamp: tickets.Stamps().Stamp(w.clock.Now().Add(-time.Minute))}}
		stranger, err := tickets.Open(w.Context(), form)
		w.must(err)
		form.Member = w.ann
		own, err := tickets.Open(w.Context(), form)
		w.must(err)
		w.follow()
		w.expect(mona.ID, "Somebody wrote to staff: message #1.", "Somebody wrote to staff: message #2.")
		w.expect(w.bob)
		for _, id := range []int64{stranger.ID, own.ID} {
			_, _, err = tickets.Reply(w.Context(), id, mona, "Volunteers.")
			w.must(err)
		}
		w.append(eventlog.MailFailed{Mail: 1, Member: mona.ID, Kind: "contact-answer", Address: true})
		w.append(eventlog.TicketAnswered{Ticket: 4711, Message: 1})
		w.append(eventlog.TicketOpened{Ticket: 4711})
		w.follow()
		w.again()
		if n := w.queued("contact-answer"); n != 1 {
			w.Errorf("%d letters, want one to the stranger", n)
		}
		w.expect(w.ann, "Staff answered what you wrote to them.")
		w.expect(mona.ID, "Somebody wrote to staff: message #1.", "Somebody wrote to staff: message #2.", "An answer to somebody who wrote to staff did not arrive.")
	})
}
