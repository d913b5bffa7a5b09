package member

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/xdg-go/scram"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestIRCVerifier compares what is derived with what another program derives.
func TestIRCVerifier(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice := w.make(t, "Alice", "")
		v, err := w.IRCVerifier(ctx, "alice")
		if err != nil {
			t.Fatal(err)
		}
		client, err := scram.SHA256.NewClient("alice", alice.IRCKey, "")
		if err != nil {
			t.Fatal(err)
		}
		want, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: v.Salt, Iters: v.Iterations})
		if err != nil || !bytes.Equal(v.StoredKey, want.StoredKey) || !bytes.Equal(v.ServerKey, want.ServerKey) {
			t.Error("the verifier is another than that of the key")
		}
		if m, err := w.AuthIRCVerified(ctx, v); err != nil || m.ID != alice.Member.ID {
			t.Errorf("verified: %v, %v", m.ID, err)
		}

		nobody, err := w.IRCVerifier(ctx, "nobody")
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.IRCVerifier(ctx, "NOBODY")
		if err != nil || again.Salt != nobody.Salt || nobody.Salt == v.Salt || len(nobody.Salt) != len(v.Salt) || !bytes.Equal(again.StoredKey, nobody.StoredKey) {
			t.Errorf("a name that nobody has: %v", err)
		}
		_, err = w.AuthIRCVerified(ctx, nobody)
		wantCode(t, err, core.Forbidden)

		if _, err := w.NewIRCKey(ctx, alice.Member.ID); err != nil {
			t.Fatal(err)
		}
		_, err = w.AuthIRCVerified(ctx, v)
		wantCode(t, err, core.Forbidden)
		if v, err = w.IRCVerifier(ctx, "alice"); err != nil {
			t.Fatal(err)
		}
		if err := w.begin(ctx, alice.Member.ID, Disabled, "left"); err != nil {
			t.Fatal(err)
		}
		m, err := w.AuthIRCVerified(ctx, v)
		if core.SafeText(err) != "your account is disabled: left" || m.ID != alice.Member.ID {
			t.Errorf("disabled: %v, %v", m.ID, err)
		}
	})
}

const (
	printA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	printB = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
)

func TestParseFingerprint(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	sum := sha256.Sum256(der)
	for _, c := range []struct{ text, want string }{
		{printA, printA},
		{" " + strings.ToUpper(printA) + "\n", printA},
		{strings.TrimSuffix(strings.Repeat("AB:", 32), ":"), strings.Repeat("ab", 32)},
		{block, hex.EncodeToString(sum[:])},
		{block + "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n", ""},
		{printA[2:], ""},
		{"xy" + printA[2:], ""},
		{"", ""},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", ""},
		{"-----BEGIN ", ""},
	} {
		got, err := ParseFingerprint(c.text)
		if got != c.want || (c.want == "") != (core.CodeOf(err) == core.Invalid) {
			t.Errorf("%.30q: %q, %v", c.text, got, err)
		}
	}
}

func TestCertificates(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member, w.make(t, "bob", "").Member
		_, err := w.AuthCertificate(ctx, printA, "")
		wantCode(t, err, core.Forbidden)
		if _, err := w.AddCertificate(ctx, alice.ID, strings.ToUpper(printA), " lap\u200btop\u202e "); err != nil {
			t.Fatal(err)
		}
		_, err = w.AddCertificate(ctx, alice.ID, printA, "")
		wantCode(t, err, core.Conflict)
		_, err = w.AddCertificate(ctx, alice.ID, printB, "a\nb")
		wantCode(t, err, core.Invalid)
		_, err = w.AddCertificate(ctx, alice.ID, printB, strings.Repeat("\u0958", 64)) // stored as two characters each
		wantCode(t, err, core.Invalid)

		for name, want := range map[string]core.Code{"": "", "ALICE": "", "bob": core.Forbidden, "nobody": core.Forbidden} {
			m, err := w.AuthCertificate(ctx, printA, name)
			if core.CodeOf(err) != want || want == "" && m.ID != alice.ID {
				t.Errorf("as %q: %v, %v", name, m.Name, err)
			}
		}
		list, err := w.Certificates(ctx, alice.ID)
		want := []Certificate{{Fingerprint: printA, Label: "laptop", AddedAt: w.now, UsedAt: w.now}}
		if diff := cmp.Diff(want, list); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		w.now = w.now.Add(2 * certificateUse)
		if _, err := w.AuthCertificate(ctx, printA, ""); err != nil {
			t.Fatal(err)
		}
		if list, err = w.Certificates(ctx, alice.ID); err != nil || !list[0].UsedAt.Equal(w.now) {
			t.Errorf("used at %v, %v", list, err)
		}

		// A shared certificate lets nobody log in as another member.
		if _, err := w.AddCertificate(ctx, bob.ID, printA, ""); err != nil {
			t.Fatal(err)
		}
		_, err = w.AuthCertificate(ctx, printA, "")
		wantCode(t, err, core.Forbidden)
		if m, err := w.AuthCertificate(ctx, printA, "bob"); err != nil || m.ID != bob.ID {
			t.Errorf("as bob: %v, %v", m.Name, err)
		}
		if err := w.begin(ctx, bob.ID, Disabled, "left"); err != nil {
			t.Fatal(err)
		}
		m, err := w.AuthCertificate(ctx, printA, "bob")
		if core.SafeText(err) != "your account is disabled: left" || m.ID != bob.ID {
			t.Errorf("disabled: %v, %v", m.Name, err)
		}

		for _, name := range []string{"", printA[:7], printB} {
			_, err = w.RemoveCertificate(ctx, alice.ID, name)
			wantCode(t, err, core.NotFound)
		}
		if gone, err := w.RemoveCertificate(ctx, alice.ID, "01:23:45:67"); err != nil || gone.Fingerprint != printA {
			t.Errorf("removed %v, %v", gone, err)
		}
		_, err = w.AuthCertificate(ctx, printA, "alice")
		wantCode(t, err, core.Forbidden)
		for i := range maxCertificates {
			if _, err := w.AddCertificate(ctx, alice.ID, fmt.Sprintf("%064x", i), ""); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.AddCertificate(ctx, alice.ID, printA, "")
		wantCode(t, err, core.Conflict)
	})
}

func TestNicks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member, w.make(t, "bob", "").Member
		w.make(t, "Isolde", "")
		if err := w.AddNick(ctx, alice.ID, "Ally", 2); err != nil {
			t.Fatal(err)
		}
		for nick, want := range map[string]core.Code{
			"": core.Invalid, "7up": core.Invalid, "a b": core.Invalid, "al|ly": core.Invalid, strings.Repeat("a", 33): core.Invalid,
			"H3rmes": core.Invalid, "hermes_bot": core.Invalid, "NickServ": core.Invalid, "Guest": core.Invalid, "guest123456": core.Invalid,
			"ALICE": core.Conflict, "bob": core.Conflict, "B0B": core.Conflict, "bob_": core.Conflict, "bob_x": core.Conflict, "ls0lde": core.Conflict,
			"ally": core.Conflict,
		} {
			if err := w.AddNick(ctx, alice.ID, nick, 5); core.CodeOf(err) != want {
				t.Errorf("alice takes %q: %v", nick, err)
			}
		}
		for _, nick := range []string{"ALLY", "a11y", "ally_x"} {
			wantCode(t, w.AddNick(ctx, bob.ID, nick, 5), core.Conflict)
		}
		if err := w.AddNick(ctx, alice.ID, "alice_x", 2); err != nil {
			t.Errorf("a variation of one's own name: %v", err)
		}
		wantCode(t, w.AddNick(ctx, alice.ID, "third", 2), core.Conflict)
		wantCode(t, w.AddNick(ctx, bob.ID, "third", 0), core.Conflict)
		list, err := w.Nicks(ctx, alice.ID)
		if diff := cmp.Diff([]Nick{{"alice_x", w.now}, {"Ally", w.now}}, list); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}

		for nick, want := range map[string]string{"alice": "alice", "aLLy": "alice", "BOB": "bob"} {
			if m, err := w.ByNick(ctx, nick); err != nil || m.Name != want {
				t.Errorf("%s is %q, %v", nick, m.Name, err)
			}
		}
		_, err = w.ByNick(ctx, "nobody")
		wantCode(t, err, core.NotFound)

		// No account may have a name that is another member's nick.
		_, err = w.Create(ctx, New{Name: "ally"})
		if core.CodeOf(err) != core.Conflict || core.FieldOf(err) != "name" {
			t.Errorf("an account of the name: %v", err)
		}
		wantCode(t, w.RemoveNick(ctx, bob.ID, "ally"), core.NotFound)
		if err := w.RemoveNick(ctx, alice.ID, "ALLY"); err != nil {
			t.Fatal(err)
		}
		w.make(t, "ally", "")
		events, err := w.log.Read(ctx, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var told []eventlog.IRCNickChanged
		for _, e := range events {
			if e.Kind == (eventlog.IRCNickChanged{}).EventKind() {
				body, err := eventlog.Decode[eventlog.IRCNickChanged](e)
				if err != nil {
					t.Fatal(err)
				}
				told = append(told, body)
			}
		}
		want := []eventlog.IRCNickChanged{{Member: alice.ID, Nick: "Ally"}, {Member: alice.ID, Nick: "alice_x"}, {Member: alice.ID, Nick: "ALLY", Removed: true}}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNameAndNickAtOnce makes an account while somebody registers its name as a nick.
func TestNameAndNickAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice := w.make(t, "alice", "").Member
		for i := range 8 {
			name := fmt.Sprintf("quick%c", 'a'+i)
			var made, taken error
			var wg sync.WaitGroup
			wg.Go(func() { _, made = w.Create(t.Context(), New{Name: name}) })
			wg.Go(func() { taken = w.AddNick(t.Context(), alice.ID, name, MaxNicks) })
			wg.Wait()
			if (made == nil) == (taken == nil) {
				t.Errorf("%s: the account %v, the nick %v", name, made, taken)
			}
		}
	})
}
