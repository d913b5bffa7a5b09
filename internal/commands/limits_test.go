package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// TestLimits shows staff whom the guard holds back and whom processes refuse, and frees them.
func TestLimits(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.join(t, "alice", "User")
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "limits").Lines, "Nothing is held against anybody.")

		wrong := func(place, name string) {
			t.Helper()
			err := w.deps.Guard.Prove(ctx, guess.Try{Place: place, Account: name}, func(context.Context) (bool, error) {
				return false, core.Errorf(core.Forbidden, "wrong")
			})
			if core.CodeOf(err) != core.Forbidden {
				t.Fatal(err)
			}
		}
		for range 3 {
			wrong("192.0.2.7", "ALICE")
		}
		wrong("198.51.100.1", "correct horse battery")
		spam := rates.Refused{Limit: "commands on IRC", Who: rates.Who{By: rates.Account, Name: "alice"}, Times: 7}
		flood := rates.Refused{Limit: "wrong keys on the site", Who: rates.Who{By: rates.Network, Name: "203.0.113.9", Part: "token"}, Times: 3}
		if err := w.deps.Rates.Write(ctx, "site", []rates.Refused{spam, flood}); err != nil {
			t.Fatal(err)
		}
		lines := w.do(t, mona, "limits").Lines
		has(t, lines, " account alice: wrong logins, 3 tries, must wait 3s", " 192.0.2.7: wrong logins, 3 tries", " a name that nobody has: wrong logins, 1 try",
			" account alice: commands on IRC, 7 refused in a minute", " 203.0.113.9: wrong keys on the site, 3 refused in a minute")
		if all := strings.Join(lines, "\n"); strings.Contains(all, "horse") {
			t.Errorf("what nobody is called is shown:\n%s", all)
		}

		blind := mona
		blind.Permissions = core.NewPermissions(core.MemberSeePrivate)
		if all := strings.Join(w.do(t, blind, "limits").Lines, "\n"); strings.Contains(all, "192.0.2") || strings.Contains(all, "203.0.113") {
			t.Errorf("addresses are shown to somebody who may not see them:\n%s", all)
		}

		last, err := w.deps.Events.Last(ctx)
		if err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, mona, "guess clear Alice").Lines, "The wrong logins of Alice are forgotten")
		for _, try := range []guess.Try{{Place: "192.0.2.7", Account: "bob"}, {Place: "elsewhere", Account: "alice"}} {
			if d, err := w.deps.Guard.Wait(ctx, try); err != nil || d != 0 {
				t.Errorf("%+v waits %s (%v)", try, d, err)
			}
		}
		if events, err := w.deps.Events.Read(ctx, last, 10); err != nil || len(events) != 1 || events[0].Kind != "LimitsCleared" || strings.Contains(strings.ToLower(string(events[0].Body)), "alice") {
			t.Errorf("events %+v, %v", events, err)
		}
		all := strings.Join(w.do(t, mona, "limits").Lines, "\n")
		if strings.Contains(all, "alice") || !strings.Contains(all, "203.0.113.9") {
			t.Errorf("after alice was cleared:\n%s", all)
		}
		number, _, _ := strings.Cut(w.do(t, mona, "limits").Lines[len(w.do(t, mona, "limits").Lines)-1], " ")
		has(t, w.do(t, mona, "limits clear "+number).Lines, "is given back")
		if all := strings.Join(w.do(t, mona, "limits").Lines, "\n"); strings.Contains(all, "203.0.113.9") {
			t.Errorf("after %s was cleared:\n%s", number, all)
		}
		w.clock.Add(time.Hour)
		if err := w.deps.Rates.Write(ctx, "another", nil); err != nil {
			t.Fatal(err)
		}
	})
}
