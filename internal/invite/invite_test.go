package invite

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// world is a site with a clock that stands still until it is moved.
type world struct {
	*Store
	t     *testing.T
	clock *dbtest.Clock
	mail  bool  // the site sends mail
	rules int64 // the revision of the rules
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newWorld(t, d)) })
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	w := &world{t: t, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), rules: 3}
	log := eventlog.New(d, w.clock.Now)
	w.Store = NewStore(Deps{DB: d, Log: log, Keys: keys, Clock: w.clock.Now, Members: member.NewStore(d, log, keys, w.clock.Now),
		Links: credential.NewStore(d, keys, w.clock.Now), Settings: setting.NewStore(d, log, w.clock.Now),
		Guard:     guess.New(d, keys, w.clock.Now, slog.New(slog.DiscardHandler)),
		SendsMail: func() bool { return w.mail }, Rules: func(context.Context) (int64, error) { return w.rules, nil },
		Banned: func(_ context.Context, mail string) error {
			if strings.HasPrefix(mail, "banned@") {
				return core.FieldErrorf("email", "this address is banned")
			}
			return nil
		}})
	w.must(w.Members.Seed(t.Context()))
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// person makes an account.
func (w *world) person(name, class string) member.Member {
	w.t.Helper()
	made, err := w.Members.Create(w.t.Context(), member.New{Name: name, Class: class})
	w.must(err)
	return made.Member
}

func (w *world) set(name, value string) {
	w.t.Helper()
	_, _, err := w.Settings.Set(w.t.Context(), 0, name, value)
	w.must(err)
}

// invite makes an invite of a member.
func (w *world) invite(m member.Member, n New) Made {
	w.t.Helper()
	made, err := w.Make(w.t.Context(), m.ID, n)
	w.must(err)
	return made
}

// form is one that is in order.
func (w *world) form(name string) Form {
	f := Form{Name: name, Password: "correct horse battery", Rules: w.rules, Accepts: true, Human: w.human()}
	return f
}

// human is what a form carries that a person has filled in.
func (w *world) human() Human { return Human{Stamp: w.Stamps().Stamp(w.clock.Now().Add(-time.Minute))} }

// join joins by a token, and must.
func (w *world) join(token, name string) Joined {
	w.t.Helper()
	j, err := w.Join(w.t.Context(), Ticket(token), w.form(name))
	w.must(err)
	return j
}

func (w *world) left(m member.Member) int {
	w.t.Helper()
	a, _, err := w.AllowanceOf(w.t.Context(), m.ID)
	w.must(err)
	return a.Left()
}

// refused checks the code of an error, its field, and that a part of its text is there.
func refused(t *testing.T, err error, code core.Code, field, part string) {
	t.Helper()
	if core.CodeOf(err) != code || core.FieldOf(err) != field || !strings.Contains(core.SafeText(err), part) {
		t.Errorf("got %v (code %q, field %q), want code %q, field %q and %q", err, core.CodeOf(err), core.FieldOf(err), code, field, part)
	}
}

// events returns the bodies of a kind, oldest first.
func events[T eventlog.Body](w *world) (out []T) {
	w.t.Helper()
	list, err := w.Log.Read(w.t.Context(), 0, 1000)
	w.must(err)
	for _, e := range list {
		var kind T
		if e.Kind == kind.EventKind() {
			body, err := eventlog.Decode[T](e)
			w.must(err)
			out = append(out, body)
		}
	}
	return out
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a    Allowance
		left int
		from source
		code core.Code
	}{
		"all of the class":         {Allowance{Class: 2}, 2, fromClass, ""},
		"the last of the class":    {Allowance{Class: 2, ClassUsed: 1}, 1, fromClass, ""},
		"the class first":          {Allowance{Class: 2, ClassUsed: 1, Stock: 5}, 6, fromClass, ""},
		"then the stock":           {Allowance{Class: 2, ClassUsed: 2, Stock: 5, StockUsed: 4}, 1, fromStock, ""},
		"nothing left":             {Allowance{Class: 2, ClassUsed: 2, Stock: 5, StockUsed: 5}, 0, 0, core.Conflict},
		"none ever":                {Allowance{}, 0, 0, core.Conflict},
		"a class that had more":    {Allowance{Class: 1, ClassUsed: 4, Stock: 1}, 1, fromStock, ""},
		"staff":                    {Allowance{Unbounded: true}, 0, fromNone, ""},
		"too many open":            {Allowance{Class: 900, Open: maxOpen}, 900, 0, core.Conflict},
		"too many in a day":        {Allowance{Class: 900, Today: maxDaily}, 900, 0, core.Conflict},
		"staff, many open":         {Allowance{Unbounded: true, Open: maxOpen}, 0, fromNone, ""},
		"staff, too many open":     {Allowance{Unbounded: true, Open: maxOpen * staffMore}, 0, 0, core.Conflict},
		"staff, too many in a day": {Allowance{Unbounded: true, Today: maxDaily * staffMore}, 0, 0, core.Conflict},
	} {
		from, err := c.a.take()
		if c.a.Left() != c.left || from != c.from || core.CodeOf(err) != c.code {
			t.Errorf("%s: %d left, taken from %d, %v", name, c.a.Left(), from, err)
		}
	}
}

// TestGivenBack follows the count of a member through everything that can come of an invite.
func TestGivenBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		check := func(what string, want int) {
			t.Helper()
			if got := w.left(ann); got != want {
				t.Errorf("%s: %d are left, want %d", what, got, want)
			}
		}
		next := func(what string, in time.Duration) {
			t.Helper()
			a, err := w.Allowance(t.Context(), ann)
			if w.must(err); a.Next.Sub(w.clock.Now()) != in && in != 0 || in == 0 && !a.Next.IsZero() {
				t.Errorf("%s: the next is there at %v, it is %v", what, a.Next, w.clock.Now())
			}
		}
		check("at first", 2)
		next("at first", 0)
		one := w.invite(ann, New{Note: "  for  Bob "})
		if one.Left != 1 || one.Free || one.Note != "for Bob" || one.Token == "" || one.Mailed || !one.ExpiresAt.Equal(w.clock.Now().Add(72*time.Hour)) {
			t.Errorf("%+v", one)
		}
		two := w.invite(ann, New{})
		check("with two open", 0)
		next("with two open", 72*time.Hour)
		_, err := w.Make(t.Context(), ann.ID, New{})
		refused(t, err, core.Conflict, "", "no invite left")
		_, err = w.Revoke(t.Context(), two.ID, ann.ID)
		w.must(err)
		check("one is taken back", 1)
		_, err = w.Revoke(t.Context(), two.ID, ann.ID)
		refused(t, err, core.Conflict, "", "revoked already")
		_, err = w.Revoke(t.Context(), 4711, ann.ID)
		refused(t, err, core.NotFound, "", "no invite")
		w.clock.Add(72*time.Hour - time.Second)
		check("a second before its end", 1)
		w.clock.Add(time.Second)
		check("one has expired", 2)
		_, err = w.Revoke(t.Context(), one.ID, ann.ID)
		refused(t, err, core.Conflict, "", "expired already")
		w.join(w.invite(ann, New{}).Token, "bob")
		check("one is used", 1)
		next("one is used", Window)
		w.clock.Add(Window - time.Minute)
		check("nearly 30 days later", 1)
		w.clock.Add(2 * time.Minute)
		check("after 30 days", 2)
		next("after 30 days", 0)
		w.must(w.Members.SetInvites(t.Context(), "User", 0))
		check("the class is given none", 0)
		_, err = w.Give(t.Context(), ann.ID, 3)
		w.must(err)
		check("staff gave three", 3)
		used := w.invite(ann, New{})
		w.join(used.Token, "cat")
		w.clock.Add(10 * Window)
		check("what was used of the stock is used for good", 2)
		_, err = w.Give(t.Context(), ann.ID, -3)
		refused(t, err, core.Conflict, "", "has 2 invites")
		_, err = w.Give(t.Context(), ann.ID, -2)
		w.must(err)
		check("the rest is taken", 0)
		for _, n := range []int{0, MaxGiven + 1, -MaxGiven - 1} {
			_, err = w.Give(t.Context(), ann.ID, n)
			refused(t, err, core.Invalid, "number", "from 1 to")
		}
		list, err := w.Of(t.Context(), ann.ID, 0, 10)
		w.must(err)
		var came []string
		for _, i := range list {
			came = append(came, string(i.State(w.clock.Now()))+i.UsedName)
		}
		if got := strings.Join(came, " "); got != "usedcat usedbob revoked expired" {
			t.Errorf("the list: %s", got)
		}
	})
}

// TestClockWasWrong has a machine make invites whose clock is far ahead.
func TestClockWasWrong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		w.clock.Add(1000 * 24 * time.Hour)
		w.invite(ann, New{})
		i := w.invite(ann, New{})
		w.clock.Add(-1000 * 24 * time.Hour)
		if got := w.left(ann); got != 2 {
			t.Errorf("%d are left", got)
		}
		_, err := w.Join(t.Context(), Ticket(i.Token), w.form("bob"))
		refused(t, err, core.Conflict, "", "expired")
	})
}

// TestMakeAtOnce has a member make more invites at once than there are.
func TestMakeAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		_, err := w.Give(t.Context(), ann.ID, 1)
		w.must(err)
		if made := atOnce(t, 8, core.Conflict, func(int) error { _, err := w.Make(t.Context(), ann.ID, New{}); return err }); made != 3 {
			t.Errorf("%d were made", made)
		}
		if got := w.left(ann); got != 0 {
			t.Errorf("%d are left", got)
		}
	})
}

// atOnce runs f n times at once, and returns how often it worked. Every other time it must
// fail with the code.
func atOnce(t *testing.T, n int, code core.Code, f func(i int) error) (worked int) {
	t.Helper()
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil {
			worked++
		} else if core.CodeOf(err) != code {
			t.Errorf("got %v, want code %s", err, code)
		}
	}
	return worked
}

func TestWhoMayInvite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann, boss := w.person("ann", "User"), w.person("boss", "Sysop")
		w.must(w.Members.SetClassPermission(t.Context(), "User", core.InviteSend, false))
		_, err := w.Make(t.Context(), ann.ID, New{})
		refused(t, err, core.Forbidden, "", "may not invite")
		for range 5 {
			if m := w.invite(boss, New{}); !m.Free {
				t.Errorf("staff are bounded: %+v", m)
			}
		}
		if m, err := w.Make(t.Context(), 0, New{}); err != nil || !m.Free || m.Token == "" {
			t.Errorf("the shell: %+v, %v", m, err)
		}
		w.set("registration.mode", "closed")
		_, err = w.Make(t.Context(), boss.ID, New{})
		refused(t, err, core.Conflict, "", "closed")
	})
}

func TestMail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		boss := w.person("boss", "Sysop")
		for mail, part := range map[string]string{"nobody": "not an e-mail", "a@b@c.example": "not an e-mail", "Ann <ann@lab.example>": "not an e-mail",
			"x@Mail.YOPMAIL.com": "they last only", "banned@lab.example": "banned", strings.Repeat("x", 250) + "@lab.example": "not an e-mail", "x@lab.example\r\nBcc: y@lab.example": "not an e-mail"} {
			_, err := w.Make(t.Context(), boss.ID, New{Mail: mail})
			refused(t, err, core.Invalid, "email", part)
		}
		_, err := w.Make(t.Context(), boss.ID, New{Note: strings.Repeat("ä", maxNote+1)})
		refused(t, err, core.Invalid, "note", "within 100")
		if n := len(events[eventlog.InviteMade](w)); n != 0 {
			t.Errorf("%d letters for what was refused", n)
		}

		// Without mail, the link is for whoever invites.
		byHand := w.invite(boss, New{Mail: "ann@lab.example"})
		if byHand.Mailed || byHand.Token == "" {
			t.Errorf("%+v", byHand)
		}
		if got, err := w.Token(t.Context(), byHand.Invite); err != nil || got != byHand.Token {
			t.Errorf("%q, %v", got, err)
		}
		if _, ok, err := w.Letter(t.Context(), byHand.ID); ok || err != nil {
			t.Errorf("a letter where none can be sent: %v", err)
		}
		if i, mail, err := w.Look(t.Context(), Ticket(byHand.Token), ""); err != nil || mail != "ann@lab.example" || i.ID != byHand.ID {
			t.Errorf("%+v, %q, %v", i, mail, err)
		}

		w.mail = true
		made := w.invite(boss, New{Mail: "bob@lab.example"})
		if !made.Mailed || made.Token != "" {
			t.Errorf("whoever invites has the link, too: %+v", made)
		}
		_, err = w.Token(t.Context(), made.Invite)
		refused(t, err, core.Conflict, "", "by mail")
		if list := events[eventlog.InviteMade](w); len(list) != 1 || list[0].Invite != made.ID {
			t.Errorf("%+v", list)
		}
		l, ok, err := w.Letter(t.Context(), made.ID)
		if err != nil || !ok || l.To != "bob@lab.example" || l.Inviter != "boss" || l.Token == "" || !l.ExpiresAt.Equal(made.ExpiresAt) {
			t.Fatalf("%+v, %v, %v", l, ok, err)
		}
		w.must(w.Posted(t.Context(), made.ID))
		if _, ok, err := w.Letter(t.Context(), made.ID); ok || err != nil {
			t.Errorf("a second letter, or %v", err)
		}
		f := w.form("bob")
		f.Email = "Bob@Lab.example"
		j, err := w.Join(t.Context(), Ticket(l.Token), f)
		if err != nil || !j.Proven || j.Confirm || j.Inviter != boss.ID {
			t.Errorf("%+v, %v", j, err)
		}
		again := w.invite(boss, New{Mail: "cat@lab.example"})
		l, _, err = w.Letter(t.Context(), again.ID)
		w.must(err)
		f = w.form("cat")
		f.Email = "other@lab.example"
		if j, err := w.Join(t.Context(), Ticket(l.Token), f); err != nil || j.Proven || !j.Confirm || j.Member.Holding[0].Effect != member.Unconfirmed {
			t.Errorf("another address than the letter's: %+v, %v", j, err)
		}
		if _, ok, err := w.Letter(t.Context(), 4711); ok || err != nil {
			t.Errorf("a letter of nothing, or %v", err)
		}
		if raw, _, err := db.One(t.Context(), w.db, db.Value[int64], "SELECT COALESCE(SUM(LENGTH(mail_box)), 0) FROM invite WHERE used_at > 0"); err != nil || raw != 0 {
			t.Errorf("used invites hold %d bytes of addresses, %v", raw, err)
		}
	})
}

func TestRefusedDomain(t *testing.T) {
	t.Parallel()
	list := []string{"bad.example", "worse.example"}
	for mail, want := range map[string]bool{"x@bad.example": true, "x@BAD.example.": true, "x@a.b.worse.example": true, "x@notbad.example": false, "x@bad.example.org": false, `"x@bad.example"@lab.example`: false} {
		if got := RefusedDomain(mail, list); got != want {
			t.Errorf("%s: %t", mail, got)
		}
	}
}

func TestStamps(t *testing.T) {
	t.Parallel()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	other, err := secret.NewKeyring([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	s := NewStamps(keys)
	for what, c := range map[string]struct {
		stamp string
		ok    bool
	}{
		"of a minute ago":       {s.Stamp(now.Add(-time.Minute)), true},
		"just old enough":       {s.Stamp(now.Add(-MinFormAge)), true},
		"too fast":              {s.Stamp(now.Add(-MinFormAge + time.Second)), false},
		"just young enough":     {s.Stamp(now.Add(-MaxFormAge)), true},
		"too old":               {s.Stamp(now.Add(-MaxFormAge - time.Second)), false},
		"of a clock that is on": {s.Stamp(now.Add(time.Hour)), false},
		"signed by another":     {NewStamps(other).Stamp(now.Add(-time.Minute)), false},
		"none":                  {"", false},
		"no signature":          {"abc", false},
		"an empty one":          {".", false},
		"another time":          {"1" + s.Stamp(now.Add(-time.Minute)), false},
		"long":                  {strings.Repeat("z", 10_000), false},
	} {
		if err := s.Check(c.stamp, now); (err == nil) != c.ok || err != nil && core.CodeOf(err) != core.Invalid {
			t.Errorf("a stamp %s: %v", what, err)
		}
	}
}

// TestNothingIsReadable looks for what was given in what the database holds.
func TestNothingIsReadable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	boss := w.person("boss", "Sysop")
	made := w.invite(boss, New{Mail: "ann@lab.example"})
	for _, table := range []string{"invite", "one_time_link", "event"} {
		list, err := db.All(t.Context(), w.db, func(sc db.Scanner) (string, error) {
			var s string
			err := sc.Scan(&s)
			return s, err
		}, "SELECT json_group_array(hex("+map[string]string{"invite": "mail_box", "one_time_link": "token_box", "event": "body"}[table]+")) FROM "+table)
		w.must(err)
		for _, plain := range []string{"ann@lab", made.Token} {
			if strings.Contains(strings.Join(list, ""), fmt.Sprintf("%X", plain)) {
				t.Errorf("%s is readable in %s", plain, table)
			}
		}
	}
}
