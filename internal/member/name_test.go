package member

import (
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// notBob are names that a database could take for bob, or stumble over.
var notBob = []string{"bób", "Böb", "b\u006f\u0301b", "ｂｏｂ", "bo\u200bb", "bob ", " bob", "bob\x00", "bob\n", "b\xffb", "bоb", "", strings.Repeat("bob", 1000)}

// TestNamesOfOthersAreNobodys gives each of them, with Bob's own secrets, wherever a
// name is looked up.
func TestNamesOfOthersAreNobodys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		bob := w.make(t, "bob", "")
		kate := w.make(t, "kate", "")
		id := bob.Member.ID
		const fingerprint = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
		if _, err := w.AddCertificate(ctx, id, fingerprint, ""); err != nil {
			t.Fatal(err)
		}
		if err := w.AddNick(ctx, id, "robert", 5); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(slices.Clone(notBob), "bób", "rob\u0435rt", "röbert", "robert ") {
			_, err := w.Login(ctx, name, bob.Password)
			wantCode(t, err, core.Forbidden)
			_, err = w.AuthIRC(ctx, name, bob.IRCKey)
			wantCode(t, err, core.Forbidden)
			if name != "" { // it asks for whoever has the certificate
				_, err = w.AuthCertificate(ctx, fingerprint, name)
				wantCode(t, err, core.Forbidden)
			}
			v, err := w.IRCVerifier(ctx, name)
			if err != nil || v.box != nil {
				t.Errorf("the verifier of %q has a key, or %v", name, err)
			}
			_, err = w.AuthIRCVerified(ctx, v)
			wantCode(t, err, core.Forbidden)
			_, err = w.ByName(ctx, name)
			wantCode(t, err, core.NotFound)
			_, err = w.ByNick(ctx, name)
			wantCode(t, err, core.NotFound)
			wantCode(t, w.RemoveNick(ctx, id, name), core.NotFound)
			wantCode(t, w.AddNick(ctx, kate.Member.ID, name, 5), core.Invalid)
			_, err = w.Create(ctx, New{Name: name})
			wantCode(t, err, core.Invalid)
		}
		// The sign of Kelvin becomes a k where letters of all scripts are folded.
		_, err := w.AuthIRC(ctx, "\u212aate", kate.IRCKey)
		wantCode(t, err, core.Forbidden)
		// Case alone makes no difference.
		for _, name := range []string{"BOB", "bOb"} {
			if m, err := w.Login(ctx, name, bob.Password); err != nil || m.ID != id {
				t.Errorf("%s: %v", name, err)
			}
			if m, err := w.AuthIRC(ctx, name, bob.IRCKey); err != nil || m.ID != id {
				t.Errorf("%s on IRC: %v", name, err)
			}
		}
		if m, err := w.ByNick(ctx, "ROBERT"); err != nil || m.ID != id {
			t.Errorf("by nick: %v", err)
		}
	})
}

// TestTheDatabaseTellsNamesApart asks it directly.
func TestTheDatabaseTellsNamesApart(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.make(t, "bob", "")
		for _, name := range []string{"bób", "bob ", "ｂｏｂ", "bоb"} {
			n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM member WHERE name = ?", name)
			if err != nil && core.CodeOf(err) != core.Invalid || n != 0 { // MariaDB may refuse to compare them
				t.Errorf("%q is found %d times, %v", name, n, err)
			}
		}
		n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM member WHERE name = ?", "BOB")
		if err != nil || n != 1 {
			t.Errorf("BOB is found %d times, %v", n, err)
		}
	})
}
