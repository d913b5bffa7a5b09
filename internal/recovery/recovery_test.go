package recovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/credential"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// world is a desk with its jobs, on a clock that stands still until it is moved.
type world struct {
	*Desk
	t     testing.TB
	clock *dbtest.Clock
	pos   int64 // of the event up to which letters were written
}

func newWorld(t testing.TB, d *db.DB, c mail.Config) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	clock := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	events := eventlog.New(d, clock.Now)
	letters, err := mail.NewQueue(d, events, keys, clock.Now, c, mail.Site{Name: "BioTest", URL: "https://bio.example"})
	if err != nil {
		t.Fatal(err)
	}
	members := member.NewStore(d, events, keys, clock.Now, member.LogTo(slog.New(slog.DiscardHandler)))
	if err := members.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &world{Desk: New(d, members, credential.NewStore(d, keys, clock.Now), letters, events, keys, clock.Now), t: t, clock: clock}
}

func withMail() mail.Config {
	c := mail.DefaultConfig()
	c.Host, c.From, c.Security = "127.0.0.1", "noreply@bio.example", mail.NoTLS
	return c
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, newWorld(t, d, withMail())) })
}

// join makes an account, with a confirmed address unless it is "".
func (w *world) join(name, address string) member.Created {
	w.t.Helper()
	made, err := w.members.Create(w.t.Context(), member.New{Name: name})
	w.must(err)
	if address != "" {
		address, err = w.members.AskEmail(w.t.Context(), made.Member.ID, address)
		w.must(err)
		w.must(w.members.ConfirmEmail(w.t.Context(), made.Member.ID, address))
	}
	return made
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// jobs handles the events since it was last called, each twice: nothing happens twice.
func (w *world) jobs() {
	w.t.Helper()
	events, err := w.events.Read(w.t.Context(), w.pos, 1000)
	w.must(err)
	for _, e := range events {
		w.pos = e.ID
		for _, h := range w.Handlers() {
			for range 2 {
				if h.Kind == e.Kind {
					w.must(w.db.Tx(w.t.Context(), func(tx *db.Tx) error { return h.Do(w.t.Context(), tx, e) }))
				}
			}
		}
	}
}

// letter is one of the queue, as it was sealed.
type letter struct {
	To, Subject, Link string
	Parts             []struct{ Text string }
}

// letters are all of the queue, oldest first.
func (w *world) queued() (out []letter) {
	w.t.Helper()
	boxes, err := db.All(w.t.Context(), w.db, db.Value[[]byte], "SELECT box FROM mail ORDER BY id")
	w.must(err)
	for _, box := range boxes {
		plain, err := w.keys.Open(box, "mail")
		w.must(err)
		var l letter
		w.must(json.Unmarshal(plain, &l))
		out = append(out, l)
	}
	return out
}

// token is the last part of the link in the newest letter.
func (w *world) token() string {
	w.t.Helper()
	all := w.queued()
	if len(all) == 0 {
		w.t.Fatal("there is no letter")
	}
	link := all[len(all)-1].Link
	return link[strings.LastIndexByte(link, '/')+1:]
}

func (w *world) code(what string, err error, want core.Code) {
	w.t.Helper()
	if core.CodeOf(err) != want {
		w.t.Errorf("%s: %v, want code %q", what, err, want)
	}
}

const fresh = "a passphrase that is new"

func TestRecoveryByMail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr("192.0.2.7")})
		ann := w.join("ann", "ann@lab.example")
		for _, typed := range []string{"Ann", " ANN@lab.example "} {
			w.must(w.Ask(ctx, typed))
			w.jobs()
			token := w.token()
			for range 3 { // looking at it uses nothing up
				if m, err := w.Look(ctx, token); err != nil || m.ID != ann.Member.ID {
					t.Fatalf("%s: %v", typed, err)
				}
			}
			_, err := w.ByLink(ctx, token, "short")
			w.code("too short", err, core.Invalid)
			if _, err := w.ByLink(ctx, token, fresh+typed); err != nil {
				t.Fatal(err)
			}
			if _, err := w.members.Login(ctx, "ann", fresh+typed); err != nil {
				t.Errorf("%s: %v", typed, err)
			}
			_, err = w.ByLink(ctx, token, fresh)
			w.code("used twice", err, core.Conflict)
			if !strings.Contains(core.SafeText(err), "You can ask for another one") {
				t.Errorf("it doesn't say what to do: %v", err)
			}
		}
		list, err := w.members.Security().Page(ctx, ann.Member.ID, 0, 50)
		w.must(err)
		found := map[security.Kind]string{}
		for _, e := range list {
			found[e.Kind] = e.Address
		}
		if found[security.RecoveryAsked] != "192.0.2.7" || found[security.PassphraseRecovered] != "192.0.2.7" {
			t.Errorf("security log %+v", list)
		}
		if n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM recovery_request"); err != nil || n != 0 {
			t.Errorf("%d requests are left, %v", n, err)
		}
	})
}

func TestLinksThatAreNoGood(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.join("ann", "ann@lab.example")
		w.must(w.Ask(ctx, "ann"))
		w.jobs()
		first := w.token()
		w.must(w.Ask(ctx, "ann"))
		w.jobs()
		_, err := w.Look(ctx, first)
		w.code("another one was asked for", err, core.Conflict)
		second := w.token()
		w.clock.Add(LinkTime)
		_, err = w.ByLink(ctx, second, fresh)
		w.code("expired", err, core.Conflict)
		w.clock.Add(-LinkTime)
		if _, _, err := w.LookConfirm(ctx, second); core.CodeOf(err) != core.NotFound {
			t.Errorf("for something else: %v", err)
		}
		_, err = w.Confirm(ctx, second)
		w.code("for something else", err, core.NotFound)
		for _, bad := range []string{"", "x", strings.Repeat("x", 32), strings.Repeat("x", 5000), second[:31] + "\x00"} {
			_, err := w.ByLink(ctx, bad, fresh)
			w.code("unknown", err, core.NotFound)
		}
		if _, err := w.ByLink(ctx, second, fresh); err != nil { // none of that used it up
			t.Error(err)
		}
	})
}

// TestOneWinner lets several use one link at once.
func TestOneWinner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.join("ann", "ann@lab.example")
		w.must(w.Ask(t.Context(), "ann"))
		w.jobs()
		token, errs := w.token(), make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.ByLink(t.Context(), token, fmt.Sprintf("%s %d", fresh, i)) })
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			if err != nil {
				w.code("one of several", err, core.Conflict)
				continue
			}
			won++
			if _, err := w.members.Login(t.Context(), "ann", fmt.Sprintf("%s %d", fresh, i)); err != nil {
				t.Errorf("the winner's passphrase: %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d won", won)
		}
	})
}

// typed are names and addresses that are known, or not, in each way.
func (w *world) typed() map[string]string {
	w.t.Helper()
	w.join("ann", "ann@lab.example")
	w.join("bob", "")
	carol := w.join("carol", "carol@lab.example").Member.ID
	w.must(w.members.MarkEmailFailed(w.t.Context(), carol, "gone", func(string) (bool, error) { return true, nil }))
	_, err := w.members.EnsureBot(w.t.Context(), "key-of-the-bot")
	w.must(err)
	return map[string]string{"a known name": "ann", "a known address": "ann@lab.example", "a name without an address": "bob", "one that fails": "carol", "its address": "carol@lab.example",
		"an unknown name": "zoe", "an unknown address": "zoe@lab.example", "the program's": member.BotName, "no name": "a b; c", "no address": "@@", "signs": "\u202e\x00'"}
}

// TestKnownAndUnknownCostTheSame counts what asking for a link takes, and the letters that
// are queued once jobs have run.
func TestKnownAndUnknownCostTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		costs := map[string][]string{}
		for what, typed := range w.typed() {
			w.jobs()
			hashes, letters := w.keys.Hashing().Done, len(w.queued())
			ctx, tally := db.WithTally(t.Context(), nil)
			w.must(w.Ask(ctx, typed))
			cost := fmt.Sprintf("%d hashes, %d statements", w.keys.Hashing().Done-hashes, tally.Statements())
			w.jobs()
			cost += fmt.Sprintf(", %d letters", len(w.queued())-letters)
			costs[cost] = append(costs[cost], what)
		}
		if len(costs) != 1 {
			t.Errorf("they differ: %q", costs)
		}
		real := 0
		for _, l := range w.queued() {
			if l.To != "" {
				real++
			}
		}
		if real != 2 {
			t.Errorf("%d letters go to somebody, want 2: %+v", real, w.queued())
		}
	})
}

// TestCodesOfKnownAndUnknownCostTheSame does so for recovery codes that are wrong.
func TestCodesOfKnownAndUnknownCostTheSame(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.join("ann", "ann@lab.example")
		_, err := w.members.NewRecoveryCodes(t.Context(), ann.Member.ID)
		w.must(err)
		w.join("bob", "")
		costs := map[string][]string{}
		for _, name := range []string{"ann", "bob", "zoe", "a b", "", strings.Repeat("x", 300), member.BotName} {
			hashes := w.keys.Hashing().Done
			ctx, tally := db.WithTally(t.Context(), nil)
			_, err := w.members.RecoverByCode(ctx, name, "ABCD-EFGH-IJKL-MNOP", fresh)
			w.code(name, err, core.Forbidden)
			cost := fmt.Sprintf("%d hashes, %d statements", w.keys.Hashing().Done-hashes, tally.Statements())
			costs[cost] = append(costs[cost], name)
		}
		for _, name := range []string{"ann", "zoe", "a b"} { // and logging in
			hashes := w.keys.Hashing().Done
			ctx, tally := db.WithTally(t.Context(), nil)
			_, err := w.members.Login(ctx, name, "a wrong passphrase")
			w.code(name, err, core.Forbidden)
			cost := fmt.Sprintf("login: %d hashes, %d statements", w.keys.Hashing().Done-hashes, tally.Statements())
			costs[cost] = append(costs[cost], name)
		}
		if len(costs) != 2 {
			t.Errorf("they differ: %q", costs)
		}
		for cost := range costs {
			if !strings.Contains(cost, "1 hashes") {
				t.Errorf("want one hash each: %q", costs)
			}
		}
	})
}

func TestNothingOfARequestIsReadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := security.With(t.Context(), security.Origin{Face: security.Site, Address: netip.MustParseAddr("192.0.2.7")})
		w.must(w.Ask(ctx, "ann@lab.example"))
		row, _, err := db.One(ctx, w.db, func(sc db.Scanner) (string, error) {
			var typed, origin []byte
			err := sc.Scan(&typed, &origin)
			return string(typed) + string(origin), err
		}, "SELECT typed_box, origin_box FROM recovery_request")
		w.must(err)
		events, err := w.events.Read(ctx, 0, 100)
		w.must(err)
		for _, e := range events {
			row += string(e.Body)
		}
		for _, secret := range []string{"ann", "lab.example", "192.0.2"} {
			if strings.Contains(row, secret) {
				t.Errorf("%q can be read", secret)
			}
		}
	})
}

// TestOldRequests leaves one until it is too old: nothing is sent, and nothing is left.
func TestOldRequests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.join("ann", "ann@lab.example")
		w.jobs()
		w.must(w.Ask(t.Context(), "ann"))
		w.clock.Add(requestTime)
		w.jobs()
		if l := w.queued(); len(l) != 0 {
			t.Errorf("letters %+v", l)
		}
		for _, bad := range []string{"", "  ", strings.Repeat("x", maxTyped+1)} {
			w.code("bad", w.Ask(t.Context(), bad), core.Invalid)
		}
	})
}

func TestConfirmation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ann, bob := w.join("ann", "ann@lab.example").Member, w.join("bob", "").Member
		w.must(w.AskEmail(ctx, ann.ID, "new@lab.example"))
		w.jobs()
		all := w.queued()
		if len(all) != 2 || all[0].To != "new@lab.example" || !strings.Contains(all[0].Link, "/confirm/") || all[1].To != "ann@lab.example" ||
			!strings.Contains(all[1].Subject, "Another mail address") {
			t.Fatalf("letters %+v", all)
		}
		token := all[0].Link[strings.LastIndexByte(all[0].Link, '/')+1:]
		if m, address, err := w.LookConfirm(ctx, token); err != nil || m.ID != ann.ID || address != "new@lab.example" {
			t.Errorf("%v %s %v", m.Name, address, err)
		}
		// Another address takes its place.
		w.must(w.AskEmail(ctx, ann.ID, "newer@lab.example"))
		w.jobs()
		_, err := w.Confirm(ctx, token)
		w.code("replaced", err, core.Conflict)
		all = w.queued()
		token = all[2].Link[strings.LastIndexByte(all[2].Link, '/')+1:]
		if id, err := w.Confirm(ctx, token); err != nil || id != ann.ID {
			t.Fatalf("%v, %v", id, err)
		}
		_, err = w.Confirm(ctx, token)
		w.code("used twice", err, core.Conflict)
		if e, err := w.members.Email(ctx, ann.ID); err != nil || e.Address != "newer@lab.example" || !e.Reachable() {
			t.Errorf("%+v, %v", e, err)
		}
		// Nobody is told that somebody else has it, until they read what is sent there.
		w.must(w.AskEmail(ctx, bob.ID, "newer@lab.example"))
		w.jobs()
		token = w.token()
		_, err = w.Confirm(ctx, token)
		w.code("of another account", err, core.Conflict)
		if _, _, err := w.LookConfirm(ctx, token); err != nil {
			t.Errorf("it was used up though nothing came of it: %v", err)
		}
		w.clock.Add(ConfirmTime)
		_, err = w.Confirm(ctx, token)
		w.code("expired", err, core.Conflict)
		for range 30 {
			err = w.AskEmail(ctx, bob.ID, "newer@lab.example")
			w.jobs()
		}
		w.code("too many letters to one address", err, core.Conflict)
	})
}

func TestLettersThatFail(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ann := w.join("ann", "ann@lab.example").Member
		w.must(w.Ask(ctx, "ann"))
		w.jobs()
		for _, f := range []eventlog.MailFailed{{Mail: 1, Member: ann.ID, Kind: "recover"}, {Mail: 4711, Member: ann.ID, Address: true}, {Mail: 1, Address: true}, {Mail: 1, Member: ann.ID, Kind: "recover", Address: true}} {
			if e, err := w.members.Email(ctx, ann.ID); err != nil || !e.Reachable() {
				t.Errorf("before %+v: %+v, %v", f, e, err)
			}
			w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
				_, err := w.events.Append(ctx, tx, f)
				return err
			}))
			w.jobs()
		}
		if e, err := w.members.Email(ctx, ann.ID); err != nil || e.Reachable() || e.FailedWhy == "" {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

// grant is what the command member recover does.
func (w *world) grant(id, by core.MemberID) (mailed bool) {
	w.t.Helper()
	w.must(w.db.Tx(w.t.Context(), func(tx *db.Tx) (err error) {
		mailed, err = w.Grant(w.t.Context(), tx, id, by)
		return err
	}))
	return mailed
}

func (w *world) shown(id, by core.MemberID) (path string, err error) {
	err = w.db.Tx(w.t.Context(), func(tx *db.Tx) (err error) {
		path, _, err = w.Shown(w.t.Context(), tx, id, by)
		return err
	})
	return path, err
}

func TestRecoveryByStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ann, bob, mona := w.join("ann", "ann@lab.example").Member, w.join("bob", "").Member, w.join("mona", "").Member
		if !w.grant(ann.ID, mona.ID) {
			t.Error("it is not mailed though it could be")
		}
		w.jobs()
		if l := w.queued(); len(l) != 1 || l[0].To != "ann@lab.example" {
			t.Errorf("letters %+v", l)
		}
		_, err := w.shown(ann.ID, mona.ID)
		w.code("mailed and shown", err, core.NotFound)
		if _, err := w.ByLink(ctx, w.token(), fresh); err != nil {
			t.Error(err)
		}
		list, err := w.members.Security().Page(ctx, ann.ID, 0, 50)
		w.must(err)
		if !strings.Contains(fmt.Sprintf("%+v", list), "with a link by staff") {
			t.Errorf("security log %+v", list)
		}
		for _, by := range []core.MemberID{mona.ID, 0} { // 0 is the shell
			if w.grant(bob.ID, by) {
				t.Error("it is mailed to nobody")
			}
			_, err = w.shown(bob.ID, ann.ID)
			w.code("shown to others", err, core.NotFound)
			path, err := w.shown(bob.ID, by)
			w.must(err)
			_, err = w.shown(bob.ID, by)
			w.code("shown twice", err, core.NotFound)
			if m, err := w.Look(ctx, strings.TrimPrefix(path, "/recover/")); err != nil || m.ID != bob.ID {
				t.Errorf("%v, %v", m.Name, err)
			}
			if _, err := w.ByLink(ctx, strings.TrimPrefix(path, "/recover/"), fresh); err != nil {
				t.Error(err)
			}
		}
		w.grant(bob.ID, mona.ID)
		w.must(w.db.Tx(ctx, func(tx *db.Tx) error {
			n, err := w.Withdraw(ctx, tx, bob.ID)
			if n != 1 {
				err = errors.Join(err, fmt.Errorf("%d links were taken back", n))
			}
			return err
		}))
		_, err = w.shown(bob.ID, mona.ID)
		w.code("taken back", err, core.NotFound)
	})
}

func TestWithoutMail(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d, mail.DefaultConfig())
		ann := w.join("ann", "ann@lab.example").Member
		w.code("ask", w.Ask(t.Context(), "ann"), core.Unavailable)
		w.code("an address", w.AskEmail(t.Context(), ann.ID, "b@lab.example"), core.Unavailable)
		if w.grant(ann.ID, 0) {
			t.Error("it is mailed where there is no mail")
		}
		w.jobs()
		if path, err := w.shown(ann.ID, 0); err != nil || !strings.HasPrefix(path, "/recover/") {
			t.Errorf("%q, %v", path, err)
		}
	})
}

// BenchmarkKnownAndUnknown asks for a link, tries a code and logs in, as somebody who is
// known and as somebody who is not: each pair takes the same time.
func BenchmarkKnownAndUnknown(b *testing.B) {
	w := newWorld(b, dbtest.SQLite(b), withMail())
	ann := w.join("ann", "ann@lab.example")
	if _, err := w.members.NewRecoveryCodes(b.Context(), ann.Member.ID); err != nil {
		b.Fatal(err)
	}
	for _, who := range []struct{ is, name, address string }{{"known", "ann", "ann@lab.example"}, {"unknown", "zoe", "zoe@lab.example"}} {
		for what, f := range map[string]func() error{
			"link/name":    func() error { return w.Ask(b.Context(), who.name) },
			"link/address": func() error { return w.Ask(b.Context(), who.address) },
		} {
			b.Run(what+"/"+who.is, func(b *testing.B) {
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		for what, f := range map[string]func() error{
			"code":  func() error { _, err := w.members.RecoverByCode(b.Context(), who.name, "ABCD", fresh); return err },
			"login": func() error { _, err := w.members.Login(b.Context(), who.name, fresh); return err },
		} {
			b.Run(what+"/"+who.is, func(b *testing.B) {
				for b.Loop() {
					if err := f(); core.CodeOf(err) != core.Forbidden {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
