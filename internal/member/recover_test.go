package member

import (
	"strings"
	"sync"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

const fresh = "a passphrase that is new"

func TestRecoveryCodes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", ""), w.make(t, "bob", "")
		id := alice.Member.ID
		old, err := w.NewRecoveryCodes(ctx, id)
		if err != nil || len(old) != RecoveryCodes {
			t.Fatalf("%q, %v", old, err)
		}
		codes, err := w.NewRecoveryCodes(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if left, made, err := w.RecoveryCodesLeft(ctx, id); err != nil || left != RecoveryCodes || !made.Equal(w.now) {
			t.Errorf("%d left, made %s, %v", left, made, err)
		}
		session, err := w.NewSession(ctx, id, "browser")
		if err != nil {
			t.Fatal(err)
		}
		token, err := w.NewToken(ctx, id, "script", ScopeRead)
		if err != nil {
			t.Fatal(err)
		}
		for what, try := range map[string][3]string{
			"a code that was replaced": {"alice", old[0], fresh}, "no code": {"alice", "", fresh}, "somebody else's": {"bob", codes[0], fresh},
			"nobody": {"nobody", codes[0], fresh}, "no name at all": {"a b", codes[0], fresh}, "the program's": {BotName, codes[0], fresh},
		} {
			if _, err := w.RecoverByCode(ctx, try[0], try[1], try[2]); core.CodeOf(err) != core.Forbidden || err.Error() != errCode().Error() {
				t.Errorf("%s: %v", what, err)
			}
		}
		if _, err := w.RecoverByCode(ctx, "alice", codes[0], "short"); core.FieldOf(err) != "password" {
			t.Errorf("a short passphrase: %v", err)
		}
		m, err := w.RecoverByCode(ctx, " Alice ", strings.ToLower(strings.ReplaceAll(codes[0], "-", " ")), fresh)
		if err != nil || m.ID != id {
			t.Fatalf("%+v, %v", m, err)
		}
		if _, err := w.RecoverByCode(ctx, "alice", codes[0], fresh+"!"); core.CodeOf(err) != core.Forbidden {
			t.Errorf("used twice: %v", err)
		}
		if left, _, err := w.RecoveryCodesLeft(ctx, id); err != nil || left != RecoveryCodes-1 {
			t.Errorf("%d left, %v", left, err)
		}
		if _, err := w.Login(ctx, "alice", fresh); err != nil {
			t.Errorf("the new passphrase: %v", err)
		}
		_, err = w.Login(ctx, "alice", alice.Password)
		wantCode(t, err, core.Forbidden)
		w.allEnded(t, id, session, token, alice)
		if _, err := w.Login(ctx, "bob", bob.Password); err != nil {
			t.Errorf("bob: %v", err)
		}
		list, err := w.Security().Page(ctx, id, 0, 20)
		if err != nil || !strings.Contains(kindsOf(list), string(security.PassphraseRecovered)) || !strings.Contains(kindsOf(list), string(security.RecoveryCodesNew)) {
			t.Errorf("security log %s, %v", kindsOf(list), err)
		}
		if notice, err := w.TakeNotice(ctx, id); err != nil || !strings.Contains(notice, "with a recovery code") {
			t.Errorf("told %q, %v", notice, err)
		}
	})
}

func kindsOf(list []security.Entry) string {
	var out []string
	for _, e := range list {
		out = append(out, string(e.Kind))
	}
	return strings.Join(out, ", ")
}

// allEnded makes sure that nothing lets anybody act as a member any more, but the announce
// key.
func (w *world) allEnded(t *testing.T, id core.MemberID, session, token string, was Created) {
	t.Helper()
	ctx := t.Context()
	if _, _, err := w.BySession(ctx, session); err == nil {
		t.Error("the session goes on")
	}
	if _, _, err := w.ByToken(ctx, token); err == nil {
		t.Error("the token goes on")
	}
	if key, err := w.IRCKey(ctx, id); err != nil || key == was.IRCKey {
		t.Errorf("the IRC key goes on, %v", err)
	}
	if key, err := w.AnnounceKey(ctx, id); err != nil || key != was.AnnounceKey {
		t.Errorf("the announce key ended, %v", err)
	}
	if n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM event WHERE kind = 'IRCKeyChanged'"); err != nil || n == 0 {
		t.Errorf("the IRC network is told %d times, %v", n, err)
	}
}

// TestOneCodeHasOneWinner lets several use one code at once.
func TestOneCodeHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		id := w.make(t, "alice", "").Member.ID
		codes, err := w.NewRecoveryCodes(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		errs := make([]error, 4)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() { _, errs[i] = w.RecoverByCode(t.Context(), "alice", codes[0], fresh) })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if core.CodeOf(err) != core.Forbidden {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d came in by one code: %v", won, errs)
		}
	})
}

// TestCodesAreNotReadable looks for them in the database.
func TestCodesAreNotReadable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		codes, err := w.NewRecoveryCodes(t.Context(), w.make(t, "alice", "").Member.ID)
		if err != nil {
			t.Fatal(err)
		}
		macs, err := db.All(t.Context(), w.db, db.Value[[]byte], "SELECT code_mac FROM recovery_code")
		if err != nil || len(macs) != RecoveryCodes {
			t.Fatalf("%d rows, %v", len(macs), err)
		}
		for _, mac := range macs {
			if len(mac) != 32 || strings.Contains(string(mac), codes[0][:4]) {
				t.Errorf("row %x", mac)
			}
		}
	})
}
