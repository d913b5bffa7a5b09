package member

import (
	"bytes"
	"testing"

	"github.com/xdg-go/scram"

	"github.com/caduceus-bio/caduceus/internal/core"
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
		if err := w.SetState(ctx, alice.Member.ID, Disabled, "left"); err != nil {
			t.Fatal(err)
		}
		m, err := w.AuthIRCVerified(ctx, v)
		if core.SafeText(err) != "your account is disabled: left" || m.ID != alice.Member.ID {
			t.Errorf("disabled: %v, %v", m.ID, err)
		}
	})
}
