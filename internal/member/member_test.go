package member

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a store with a clock that stands still until it is moved.
type world struct {
	*Store
	now time.Time
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t, openWorld(t, d)) })
}

func openWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	w := &world{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.Store = NewStore(d, eventlog.New(d, clock), keys, clock)
	if err := w.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func testKeys(t testing.TB) *secret.Keyring {
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	return keys
}

func (w *world) make(t *testing.T, name, class string) Created {
	t.Helper()
	c, err := w.Create(t.Context(), New{Name: name, Class: class, Email: name + "@lab.example"})
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	return c
}

func wantCode(t *testing.T, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("got %v (code %q), want code %q", err, core.CodeOf(err), code)
	}
}

func TestCreateAndLogIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice := w.make(t, "alice", "")
		if len(alice.AnnounceKey) != AnnounceKeyLen || alice.Member.Class.Name != "User" {
			t.Fatalf("unexpected account %+v", alice.Member)
		}
		_, err := w.Create(ctx, New{Name: "ALICE"})
		wantCode(t, err, core.Conflict)

		m, err := w.Login(ctx, "Alice", alice.Password)
		if err != nil || m.ID != alice.Member.ID {
			t.Fatalf("login: %v", err)
		}
		_, wrong := w.Login(ctx, "alice", alice.Password+"x")
		_, nobody := w.Login(ctx, "nobody", alice.Password)
		wantCode(t, wrong, core.Forbidden)
		if wrong.Error() != nobody.Error() {
			t.Errorf("the answer tells whether an account exists: %q, %q", wrong, nobody)
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for name, n := range map[string]New{
			"empty name":       {},
			"blank in name":    {Name: "a b"},
			"the bot":          {Name: "Hermes"},
			"the bot, nearly":  {Name: "HERME5"},
			"the bot and more": {Name: "hermes_bot"},
			"long name":        {Name: "abcdefghijklmnopqrstuvwxyz0123456"},
			"short password":   {Name: "bob", Password: "short"},
			"bad e-mail":       {Name: "bob", Email: "bob at home"},
			"unknown class":    {Name: "bob", Class: "Emperor"},
			"bot class":        {Name: "bob", Class: "Bot"},
		} {
			_, err := w.Create(t.Context(), n)
			if core.CodeOf(err) != core.Invalid || core.FieldOf(err) == "" {
				t.Errorf("%s: got %v, want a field error", name, err)
			}
		}
		if n, err := w.Count(t.Context()); err != nil || n != 0 {
			t.Errorf("refused accounts left %d rows (%v)", n, err)
		}
	})
}

func TestDisableEndsEverything(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.make(t, "bob", "Moderator")
		session, err := w.NewSession(ctx, c.Member.ID, "Mozilla")
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.NewToken(ctx, c.Member.ID, "script", ScopeUpload)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.BySession(ctx, session); err != nil {
			t.Fatal(err)
		}
		wantCode(t, w.begin(ctx, c.Member.ID, Disabled, " "), core.Invalid)
		if err := w.begin(ctx, c.Member.ID, Disabled, "left the lab"); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.BySession(ctx, session)
		wantCode(t, err, core.Forbidden)
		_, _, err = w.ByToken(ctx, token)
		wantCode(t, err, core.Forbidden)
		_, err = w.AuthIRC(ctx, "bob", c.IRCKey)
		wantCode(t, err, core.Forbidden)
		_, err = w.Login(ctx, "bob", c.Password)
		if got, want := core.SafeText(err), "your account is disabled: left the lab"; got != want {
			t.Errorf("login says %q, want %q", got, want)
		}
		m, err := w.ByID(ctx, c.Member.ID)
		if err != nil || m.Can(core.MemberCreate) {
			t.Errorf("a disabled moderator may still act (%v)", err)
		}
		roster, err := w.Roster(ctx, []core.MemberID{c.Member.ID})
		want := []RosterEntry{{ID: c.Member.ID, AnnounceKey: c.AnnounceKey, Phases: []Phase{{Shut: true, NoLeech: true, Why: "left the lab"}}, Class: 6}}
		if diff := cmp.Diff(want, roster); diff != "" || err != nil {
			t.Errorf("roster (%v): %s", err, diff)
		}
	})
}

func TestKeysChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.make(t, "carol", "")
		auth, err := w.AuthKey(ctx, c.Member.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.CheckDownload(ctx, auth, c.AnnounceKey); err != nil {
			t.Fatal(err)
		}
		for _, pair := range [][2]string{{auth, "x"}, {"x", c.AnnounceKey}, {"", ""}} {
			_, err := w.CheckDownload(ctx, pair[0], pair[1])
			wantCode(t, err, core.Forbidden)
		}
		fresh, err := w.NewAnnounceKey(ctx, c.Member.ID)
		if err != nil || fresh == c.AnnounceKey {
			t.Fatal("the announce key did not change", err)
		}
		_, err = w.CheckDownload(ctx, auth, fresh)
		wantCode(t, err, core.Forbidden)
		_, err = w.ByAnnounceKey(ctx, c.AnnounceKey)
		wantCode(t, err, core.NotFound)
		if got, err := w.AnnounceKey(ctx, c.Member.ID); err != nil || got != fresh {
			t.Errorf("stored announce key is another one (%v)", err)
		}
	})
}

func TestSessionsExpireAndAreBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.make(t, "dave", "")
		first, err := w.NewSession(ctx, c.Member.ID, "agent\x00\n")
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(20 * 24 * time.Hour)
		if _, _, err := w.BySession(ctx, first); err != nil {
			t.Fatalf("use must prolong: %v", err)
		}
		w.now = w.now.Add(29 * 24 * time.Hour)
		if _, _, err := w.BySession(ctx, first); err != nil {
			t.Fatalf("use must prolong: %v", err)
		}
		w.now = w.now.Add(31 * 24 * time.Hour)
		_, _, err = w.BySession(ctx, first)
		wantCode(t, err, core.Forbidden)
		if n, err := w.ExpireSessions(ctx, 10); err != nil || n != 1 {
			t.Errorf("expired %d (%v), want 1", n, err)
		}
		for range maxSessions + 3 {
			if _, err := w.NewSession(ctx, c.Member.ID, ""); err != nil {
				t.Fatal(err)
			}
		}
		var n int
		if err := w.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM session").Scan(&n); err != nil || n != maxSessions {
			t.Errorf("%d sessions (%v), want %d", n, err, maxSessions)
		}
	})
}

// TestSessionsOfAWrongClock logs in while the clock is a year ahead, and an older session is
// used then, too.
func TestSessionsOfAWrongClock(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, id := t.Context(), w.make(t, "dave", "").Member.ID
		const year = 365 * 24 * time.Hour
		token, err := w.NewToken(ctx, id, "program", ScopeRead)
		if err != nil {
			t.Fatal(err)
		}
		older, err := w.NewSession(ctx, id, "another browser")
		if err != nil {
			t.Fatal(err)
		}
		const weeks = 20 * 24 * time.Hour // within which an older session can be used still
		w.now = w.now.Add(weeks)
		if _, s, err := w.BySession(ctx, older); err != nil || !s.Renewed {
			t.Errorf("an older session is used: %+v, %v", s, err)
		}
		w.now = w.now.Add(-weeks)
		if _, _, err := w.BySession(ctx, older); core.CodeOf(err) != core.Forbidden {
			t.Errorf("an older session lasts longer than any: %v", err)
		}
		w.now = w.now.Add(year)
		ahead, err := w.NewSession(ctx, id, "browser")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.ByToken(ctx, token); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(-year)
		if _, _, err := w.BySession(ctx, ahead); core.CodeOf(err) != core.Forbidden {
			t.Errorf("a session lasts for a year: %v", err)
		}
		if list, err := w.Sessions(ctx, id); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		if n, err := w.ExpireSessions(ctx, 10); err != nil || n != 2 {
			t.Errorf("%d are deleted, %v", n, err)
		}
		if _, _, err := w.ByToken(ctx, token); err != nil { // which notes when it is used
			t.Fatal(err)
		}
		if list, err := w.Tokens(ctx, id); err != nil || len(list) != 1 || list[0].SeenAt.After(w.now) {
			t.Errorf("the token was seen in the time to come: %+v, %v", list, err)
		}
	})
}

func TestClassesGivePermissionsTogether(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "erin", "User").Member.ID
		if err := w.SetSecondary(ctx, id, "first-line support", true); err != nil {
			t.Fatal(err)
		}
		m, err := w.ByID(ctx, id)
		if err != nil || !m.Can(core.IRCStaff) || !m.Can(core.TorrentUpload) || m.Can(core.MemberCreate) {
			t.Errorf("permissions are %v (%v)", m.Permissions.Sorted(), err)
		}
		if err := w.SetClassPermission(ctx, "User", core.TorrentUpload, false); err != nil {
			t.Fatal(err)
		}
		if err := w.SetSecondary(ctx, id, "First-line Support", false); err != nil {
			t.Fatal(err)
		}
		m, err = w.ByID(ctx, id)
		if err != nil || m.Can(core.TorrentUpload) || m.Can(core.IRCStaff) {
			t.Errorf("permissions are %v (%v)", m.Permissions.Sorted(), err)
		}
		wantCode(t, w.SetClass(ctx, id, "Emperor"), core.Invalid)
		wantCode(t, w.SetClass(ctx, 999, "Elite"), core.NotFound)
	})
}

func TestBotAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for _, key := range []string{"first-key", "first-key", "second-key"} {
			if _, err := w.EnsureBot(ctx, key); err != nil {
				t.Fatal(err)
			}
			m, err := w.AuthIRC(ctx, "hermes", key)
			if err != nil || !m.Can(core.IRCAnnounce) {
				t.Fatalf("Hermes with %s: %v", key, err)
			}
		}
		_, err := w.AuthIRC(ctx, BotName, "first-key")
		wantCode(t, err, core.Forbidden)
	})
}

func TestSecretsAreNotStoredReadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.make(t, "frank", "")
		var hash string
		var mac, pk, irc, mail []byte
		err := w.db.QueryRowContext(ctx, "SELECT password_hash, passkey_mac, passkey_box, irc_key_box, email_box FROM member WHERE id = ?", c.Member.ID).
			Scan(&hash, &mac, &pk, &irc, &mail)
		if err != nil {
			t.Fatal(err)
		}
		stored := hash + string(mac) + string(pk) + string(irc) + string(mail)
		for _, s := range []string{c.Password, c.AnnounceKey, c.IRCKey, "frank@lab.example"} {
			if strings.Contains(stored, s) {
				t.Errorf("%q lies readable in the database", s)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "grace", "").Member.ID
		_, err := w.NewToken(ctx, id, "", ScopeRead)
		wantCode(t, err, core.Invalid)
		_, err = w.NewToken(ctx, id, "x", "everything")
		wantCode(t, err, core.Invalid)
		for range maxTokens {
			if _, err := w.NewToken(ctx, id, "x", ScopeRead); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.NewToken(ctx, id, "one more", ScopeRead)
		wantCode(t, err, core.Conflict)
		list, err := w.Tokens(ctx, id)
		if err != nil || len(list) != maxTokens {
			t.Fatalf("%d tokens (%v)", len(list), err)
		}
		if err := w.RevokeToken(ctx, id+1, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if list, _ = w.Tokens(ctx, id); len(list) != maxTokens {
			t.Error("another member revoked the token")
		}
	})
}

func TestLeechSlots(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		before, err := w.log.Last(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{3, 3, 12} {
			if err := w.SetLeechSlots(ctx, "user", n); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.SetLeechSlots(ctx, "Elite", 0); err != nil {
			t.Fatal(err)
		}
		got, err := w.LeechSlots(ctx)
		if diff := cmp.Diff(map[int64]int{1: 12}, got); diff != "" || err != nil {
			t.Errorf("%v, %s", err, diff)
		}
		for _, bad := range []error{w.SetLeechSlots(ctx, "User", -1), w.SetLeechSlots(ctx, "User", MaxLeechSlots+1), w.SetLeechSlots(ctx, "Donor", 1), w.SetLeechSlots(ctx, "nobody", 1)} {
			if core.CodeOf(bad) != core.Invalid {
				t.Errorf("got %v", bad)
			}
		}
		if last, err := w.log.Last(ctx); err != nil || last != before+4 {
			t.Errorf("%d events, %v", last-before, err)
		}
	})
}
