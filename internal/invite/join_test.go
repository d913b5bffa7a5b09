package invite

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func TestJoin(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		w.set("registration.first_invites", "4")
		w.set("registration.first_class", "Member")
		made := w.invite(ann, New{})
		for range 3 { // a scanner of mail
			if i, _, err := w.Look(t.Context(), Ticket(made.Token), "192.0.2.1"); err != nil || i.ID != made.ID {
				t.Fatalf("%+v, %v", i, err)
			}
		}
		j := w.join(made.Token, "bob")
		if j.Member.Name != "bob" || j.Member.Class.Name != "Member" || j.Via != ViaInvite || j.Inviter != ann.ID || j.AnnounceKey == "" || j.IRCKey == "" {
			t.Errorf("%+v", j)
		}
		if m, err := w.Members.Login(t.Context(), "bob", "correct horse battery"); err != nil || m.ID != j.Member.ID {
			t.Errorf("the passphrase does not open the account: %v", err)
		}
		if o, err := w.Origin(t.Context(), j.Member.ID); err != nil || o.Inviter != ann.ID || o.Name != "ann" || o.Via != ViaInvite || o.Invite != made.ID {
			t.Errorf("%+v, %v", o, err)
		}
		if a, _, err := w.AllowanceOf(t.Context(), j.Member.ID); err != nil || a.Stock != 4 {
			t.Errorf("%+v, %v", a, err)
		}
		if rev, any, err := w.Accepted(t.Context(), j.Member.ID); err != nil || !any || rev != 3 {
			t.Errorf("accepted %d, %t, %v", rev, any, err)
		}
		if list := events[eventlog.MemberJoined](w); len(list) != 1 || list[0] != (eventlog.MemberJoined{Member: j.Member.ID, Inviter: ann.ID, Via: "invite"}) {
			t.Errorf("%+v", list)
		}
		_, err := w.Join(t.Context(), Ticket(made.Token), w.form("cat"))
		var r *credential.Refusal
		if !errors.As(err, &r) || r.State != credential.Used {
			t.Errorf("used twice: %v", err)
		}
	})
}

// TestJoinRefuses has forms that are wrong. None uses up the link.
func TestJoinRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		token := w.invite(ann, New{}).Token
		for _, c := range []struct {
			change      func(f *Form)
			code        core.Code
			field, part string
		}{
			{func(f *Form) { f.Name = "" }, core.Invalid, "name", "1 to 32"},
			{func(f *Form) { f.Name = "a b" }, core.Invalid, "name", "1 to 32"},
			{func(f *Form) { f.Name = "Sysop" }, core.Invalid, "name", "reserved"},
			{func(f *Form) { f.Name = "ANN" }, core.Conflict, "name", "taken"},
			{func(f *Form) { f.Name = "Hermes" }, core.Invalid, "name", "reserved"},
			{func(f *Form) { f.Password = "" }, core.Invalid, "password", "choose"},
			{func(f *Form) { f.Password = "short" }, core.Invalid, "password", "at least 15"},
			{func(f *Form) { f.Name, f.Password = "correct_horse_b", "correct_horse_b" }, core.Invalid, "password", "must not be the name"},
			{func(f *Form) { f.Email = "nothing" }, core.Invalid, "email", "not an e-mail"},
			{func(f *Form) { f.Email = "x@yopmail.com" }, core.Invalid, "email", "yopmail.com"},
			{func(f *Form) { f.Email = "banned@lab.example" }, core.Invalid, "email", "banned"},
			{func(f *Form) { f.Accepts = false }, core.Invalid, "rules", "accept"},
			{func(f *Form) { f.Rules = 2 }, core.Conflict, "rules", "changed"},
			{func(f *Form) { f.Trap = "https://spam.example" }, core.Invalid, TrapField, "robots"},
			{func(f *Form) { f.Stamp = "" }, core.Invalid, "", "not drawn here"},
			{func(f *Form) { f.Stamp = w.Stamps().Stamp(w.clock.Now()) }, core.Invalid, "", "faster"},
		} {
			f := w.form("bob")
			c.change(&f)
			_, err := w.Join(t.Context(), Ticket(token), f)
			refused(t, err, c.code, c.field, c.part)
			if err != nil && strings.Contains(err.Error(), "correct horse") {
				t.Errorf("the passphrase is in the error: %v", err)
			}
		}
		w.set("registration.mail", "required")
		_, err := w.Join(t.Context(), Ticket(token), w.form("bob"))
		refused(t, err, core.Invalid, "email", "asks everybody")
		w.set("registration.mail", "optional")
		if n, err := w.Members.Count(t.Context()); err != nil || n != 1 {
			t.Errorf("%d accounts, %v", n, err)
		}
		w.join(token, "bob")
	})
}

func TestDoors(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "Sysop")
		token := func() string { return w.invite(ann, New{}).Token }
		tokens := []string{token(), token(), token(), token()}
		for i, c := range []struct {
			mode       string
			free, link bool
		}{{"invite", false, true}, {"application", false, true}, {"open", true, true}, {"closed", false, false}} {
			w.set("registration.mode", c.mode)
			if d, err := w.Door(t.Context()); err != nil || d.Mode != c.mode || d.Full || d.Rules != 3 {
				t.Errorf("%+v, %v", d, err)
			}
			_, err := w.Join(t.Context(), "", w.form(fmt.Sprintf("free_%d", i)))
			if (err == nil) != c.free || err != nil && core.CodeOf(err) != core.Forbidden {
				t.Errorf("%s, by nothing: %v", c.mode, err)
			}
			_, err = w.Join(t.Context(), Ticket(tokens[i]), w.form(fmt.Sprintf("linked_%d", i)))
			if (err == nil) != c.link || err != nil && core.CodeOf(err) != core.Forbidden {
				t.Errorf("%s, by a link: %v", c.mode, err)
			}
		}
		w.set("registration.mode", "open")
		w.set("registration.limit", "6")
		w.set("registration.per_network", "2")
		if o, err := w.Origin(t.Context(), w.named("free_2")); err != nil || o.Via != ViaOpen || o.Inviter != 0 {
			t.Errorf("%+v, %v", o, err)
		}
		w.join(tokens[3], "last") // it was kept while all was closed
		for code, tok := range map[core.Code]string{core.Conflict: ""} {
			_, err := w.Join(t.Context(), Ticket(tok), w.form("one_more"))
			refused(t, err, code, "", "")
		}
		w.set("registration.limit", "0")
		for i, place := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.1"} {
			f := w.form(fmt.Sprintf("net_%d", i))
			f.Place = place
			_, err := w.Join(t.Context(), "", f)
			if want := i == 2; want != (core.CodeOf(err) == core.Unavailable) {
				t.Errorf("account %d, from %s: %v", i, place, err)
			}
		}
		w.clock.Add(24 * time.Hour)
		f := w.form("net_again")
		f.Place = "192.0.2.9"
		if _, err := w.Join(t.Context(), "", f); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

func (w *world) named(name string) core.MemberID {
	w.t.Helper()
	m, err := w.Members.ByName(w.t.Context(), name)
	w.must(err)
	return m.ID
}

// TestOneLinkAtOnce has many join by one link, and many by links of their own while there is
// room for a few.
func TestOneLinkAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := w.person("boss", "Sysop")
		token := w.invite(boss, New{}).Token
		if n := atOnce(t, 4, core.Conflict, func(i int) error {
			_, err := w.Join(t.Context(), Ticket(token), w.form(fmt.Sprintf("same_link_%d", i)))
			return err
		}); n != 1 {
			t.Errorf("%d have joined by one link", n)
		}
		var tokens []string
		for range 5 {
			tokens = append(tokens, w.invite(boss, New{}).Token)
		}
		w.set("registration.limit", "4") // two are there
		if n := atOnce(t, 5, core.Conflict, func(i int) error {
			_, err := w.Join(t.Context(), Ticket(tokens[i]), w.form(fmt.Sprintf("limited_%d", i)))
			return err
		}); n != 2 {
			t.Errorf("%d have joined where there was room for 2", n)
		}
		if n, err := w.Members.Count(t.Context()); n != 4 || err != nil {
			t.Errorf("%d members, %v", n, err)
		}
		open := 0
		for _, tok := range tokens {
			if _, err := w.Links.Look(t.Context(), credential.Invite, tok); err == nil {
				open++
			}
		}
		if open != 3 {
			t.Errorf("%d links are left of those who found no room", open)
		}
	})
}

// TestJoinIsWhole stops the transaction of joining at each of its statements.
func TestJoinIsWhole(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := w.person("boss", "Sysop")
		token := w.invite(boss, New{}).Token
		draft, err := w.Members.Draft(t.Context(), member.New{Name: "bob", Password: "correct horse battery"})
		w.must(err)
		boom := errors.New("boom")
		err = w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			var out Joined
			if err := w.In(tx).join(t.Context(), tx, Ticket(token), w.form("bob"), draft, &out); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if _, err := w.Members.ByName(t.Context(), "bob"); core.CodeOf(err) != core.NotFound {
			t.Errorf("the account is there: %v", err)
		}
		if n := len(events[eventlog.MemberJoined](w)); n != 0 {
			t.Errorf("%d events", n)
		}
		w.join(token, "bob")
	})
}

// TestInviterMayNot has whoever made the invite lose the right to.
func TestInviterMayNot(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		token := w.invite(ann, New{}).Token
		w.must(w.Members.SetClassPermission(t.Context(), "User", core.InviteSend, false))
		_, err := w.Join(t.Context(), Ticket(token), w.form("bob"))
		refused(t, err, core.Forbidden, "", "may not invite")
		w.must(w.Members.SetClassPermission(t.Context(), "User", core.InviteSend, true))
		w.join(token, "bob")
	})
}

// TestGuessing has somebody look for links that there are not.
func TestGuessing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		token := w.invite(ann, New{}).Token
		var limited *guess.Limited
		for range 20 {
			if _, _, err := w.Look(t.Context(), Ticket(strings.Repeat("x", 32)), "203.0.113.9"); errors.As(err, &limited) {
				break
			} else if core.CodeOf(err) != core.NotFound {
				t.Fatalf("an unknown link: %v", err)
			}
		}
		if limited == nil {
			t.Fatal("nobody is slowed")
		}
		if _, _, err := w.Look(t.Context(), Ticket(token), "203.0.113.9"); !errors.As(err, &limited) {
			t.Errorf("the right one, by whoever guesses: %v", err)
		}
		for range 20 { // looking at one that there is costs nothing
			if _, _, err := w.Look(t.Context(), Ticket(token), "198.51.100.7"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		must := func(want bool) {
			t.Helper()
			if got, err := w.MustAccept(t.Context(), ann.ID); got != want || err != nil {
				t.Errorf("must accept: %t, %v", got, err)
			}
		}
		must(false)
		w.set("rules.revision", "3")
		must(true)
		refused(t, w.Accept(t.Context(), ann.ID, 2), core.Conflict, "rules", "changed")
		must(true)
		w.must(w.Accept(t.Context(), ann.ID, 3))
		w.must(w.Accept(t.Context(), ann.ID, 3)) // twice does no harm
		must(false)
		w.rules = 4 // a slip was mended, and nobody is asked again
		must(false)
		w.set("rules.revision", "4")
		must(true)
		if rev, any, err := w.Accepted(t.Context(), 4711); rev != 0 || any || err != nil {
			t.Errorf("nobody: %d, %t, %v", rev, any, err)
		}
	})
}
