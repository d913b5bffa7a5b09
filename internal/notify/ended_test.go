package notify_test

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// ends tells what has ended, and expects how many were told.
func (w *world) ends(want int64) {
	w.Helper()
	if n, err := w.consumer.TellEnds(w.Context()); err != nil || n != want {
		w.Errorf("told of %d ends, want %d (%v)", n, want, err)
	}
}

// TestEndsByThemselves lets what has a time end by it: each end is told once, and what staff
// or members ended themselves is none.
func TestEndsByThemselves(t *testing.T) {
	each(t, func(w *world) {
		invites := w.joining()
		w.begin()
		const day = 24 * time.Hour
		w.begin2(member.NewCause{Effect: member.NoUpload, Reason: "bad files", For: day})
		w.begin2(member.NewCause{Effect: member.Warned, Reason: "rude", For: day})
		w.begin2(member.NewCause{Effect: member.Granted, Permission: core.IRCVoice, Reason: "a talk", For: day})
		lifted := w.begin2(member.NewCause{Effect: member.NoIRC, Reason: "floods", For: day})
		_, err := w.members.EndCause(w.Context(), lifted.ID, member.By{ID: w.bob, Name: "bob"}, "")
		w.must(err)
		_, err = w.members.BeginCause(w.Context(), member.NewCause{Member: w.bob, Effect: member.Parked, Source: member.ByOwner, Reason: "leave", For: day, By: member.By{ID: w.bob, Name: "bob"}})
		w.must(err)
		_, err = invites.Make(w.Context(), w.ann, invite.New{})
		w.must(err)
		gone, err := invites.Make(w.Context(), w.ann, invite.New{})
		w.must(err)
		_, err = invites.Revoke(w.Context(), gone.ID, w.ann)
		w.must(err)
		w.ends(0)
		w.clock.Add(day)
		w.ends(3)
		w.ends(0)
		w.expect(w.ann, "You may upload again.", "A warning of your account is over.", "The time is over for which you had a permission.")
		w.expect(w.bob)
		w.clock.Add(2 * day)
		w.ends(1)
		w.ends(0)
		if got := w.told(w.ann); got[len(got)-1] != "Your invite 1 ran out, and nobody has used it." {
			w.Errorf("told %q", got)
		}
	})
}

// TestStaffAreToldOfWhatWaits asks for the approval of a colleague and applies: those who may
// see to it are told, and not who asked.
func TestStaffAreToldOfWhatWaits(t *testing.T) {
	each(t, func(w *world) {
		w.begin()
		w.must(w.members.SetClass(w.Context(), w.bob, "Moderator"))
		w.follow()
		before := len(w.told(w.bob))
		w.append(eventlog.ApprovalAsked{Act: 7, Permission: string(core.MemberKeys), By: w.ann})
		w.append(eventlog.ApprovalAsked{Act: 8, Permission: string(core.MemberKeys), By: w.bob})
		w.append(eventlog.ApprovalAsked{Act: 9}) // of an older release
		w.append(eventlog.ApplicationMade{Application: 4})
		w.append(eventlog.RecoveryGranted{Member: w.ann, Link: 3})
		w.follow()
		w.expect(w.ann, "Staff let you choose a new passphrase.")
		if got := w.told(w.bob)[before:]; len(got) != 2 || got[0] != "An act of a colleague waits for approval." || got[1] != "Application 4 waits." {
			w.Errorf("bob is told %q", got)
		}
	})
}
