package member

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// thief holds everything by which somebody may act as a member.
type thief struct {
	session, token, auth, announceKey, irc string
	verifier                               IRCVerifier
	certificate                            string
}

func (w *world) robbed(t *testing.T, c Created) thief {
	t.Helper()
	ctx, id := t.Context(), c.Member.ID
	th := thief{announceKey: c.AnnounceKey, irc: c.IRCKey, certificate: strings.Repeat("ab", 32)}
	var err error
	steps := []func(){
		func() { th.session, err = w.NewSession(ctx, id, "a browser") },
		func() { th.token, err = w.NewToken(ctx, id, "autobrr", ScopeRead) },
		func() { th.auth, err = w.AuthKey(ctx, id) },
		func() { th.verifier, err = w.IRCVerifier(ctx, c.Member.Name) },
		func() { _, err = w.AddCertificate(ctx, id, th.certificate, "laptop") },
	}
	for _, step := range steps {
		if step(); err != nil {
			t.Fatal(err)
		}
	}
	return th
}

// open lists which of the ways still lead in.
func (w *world) open(t *testing.T, th thief) []string {
	t.Helper()
	ctx := t.Context()
	var out []string
	try := func(way string, err error) {
		switch core.CodeOf(err) {
		case "":
			out = append(out, way)
		case core.Forbidden, core.NotFound:
		default:
			t.Errorf("%s: %v", way, err)
		}
	}
	_, _, err := w.BySession(ctx, th.session)
	try("session", err)
	_, _, err = w.ByToken(ctx, th.token)
	try("token", err)
	_, err = w.CheckDownload(ctx, th.auth, th.announceKey)
	try("link", err)
	_, err = w.ByAnnounceKey(ctx, th.announceKey)
	try("announce key", err)
	_, err = w.AuthIRC(ctx, "carol", th.irc)
	try("IRC key", err)
	_, err = w.AuthIRCVerified(ctx, th.verifier)
	try("SCRAM", err)
	_, err = w.AuthCertificate(ctx, th.certificate, "")
	try("certificate", err)
	return out
}

// events lists what was told to other rooms since an id.
func (w *world) events(t *testing.T, since int64) []string {
	t.Helper()
	list, err := w.log.Read(t.Context(), since, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range list {
		out = append(out, e.Kind)
	}
	return out
}

func TestResetEndsWhatAThiefMayHold(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := security.By(t.Context(), security.IRC, 99, "mona")
		carol := w.make(t, "carol", "")
		dave := w.make(t, "dave", "")
		th := w.robbed(t, carol)
		other, err := w.NewSession(ctx, dave.Member.ID, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := w.open(t, th); len(got) != 7 {
			t.Fatalf("before: %q", got)
		}
		since, err := w.log.Last(ctx)
		if err != nil {
			t.Fatal(err)
		}
		drawn, err := w.DrawPassphrase(ctx)
		if err != nil {
			t.Fatal(err)
		}
		held, err := w.ResetPassphrase(ctx, carol.Member.ID, drawn)
		if err != nil {
			t.Fatal(err)
		}
		want := Held{Sessions: 1, Tokens: []string{"autobrr"}, IRCKey: true, Certificates: []string{"abababababab… laptop"}, AnnounceKey: true}
		if diff := cmp.Diff(want, held); diff != "" {
			t.Errorf("ended (-want +got):\n%s", diff)
		}
		if got := w.open(t, th); got != nil {
			t.Errorf("still open: %q", got)
		}
		// What other rooms follow: the member is told, the network ends connections, the tracker takes the new key.
		wantEvents := []string{eventlog.SecretChanged{}.EventKind(), eventlog.IRCCertificateRemoved{}.EventKind(), eventlog.IRCKeyChanged{}.EventKind(), eventlog.MemberChanged{}.EventKind()}
		if diff := cmp.Diff(wantEvents, w.events(t, since)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		// The member is told at the next login, once.
		if _, err := w.Login(ctx, "carol", drawn.Passphrase); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{"autobrr", ""} {
			notice, err := w.TakeNotice(ctx, carol.Member.ID)
			if err != nil || (want == "") != (notice == "") || !strings.Contains(notice, want) {
				t.Errorf("notice %d: %q (%v)", i, notice, err)
			}
		}
		list, err := w.Security().Page(ctx, carol.Member.ID, 0, 30)
		if err != nil {
			t.Fatal(err)
		}
		by := map[security.Kind]string{}
		for _, e := range list {
			by[e.Kind] = e.By
		}
		for _, kind := range []security.Kind{security.PassphraseReset, security.SessionsEnded, security.TokensRevoked, security.CertificateRemoved, security.IRCKeyNew, security.AnnounceKeyNew} {
			if by[kind] != "mona" {
				t.Errorf("%q is by %q in the log", kind, by[kind])
			}
		}
		if _, _, err := w.BySession(ctx, other); err != nil {
			t.Errorf("another member: %v", err)
		}
		_, err = w.ResetPassphrase(ctx, 4711, drawn)
		wantCode(t, err, core.NotFound)
	})
}

func TestOwnNewPassphraseEndsOtherSessions(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		carol := w.make(t, "carol", "")
		th := w.robbed(t, carol)
		token, held, err := w.ChangePassphrase(ctx, carol.Member, "quite another passphrase", "here")
		if err != nil || held.Sessions != 1 {
			t.Fatalf("ended %+v (%v)", held, err)
		}
		if _, _, err := w.BySession(ctx, token); err != nil {
			t.Errorf("the browser that asks: %v", err)
		}
		if got := w.open(t, th); slices.Contains(got, "session") || len(got) != 6 {
			t.Errorf("open: %q", got)
		}
		// The rest is ended at the member's wish, and this browser goes on.
		_, s, err := w.BySession(ctx, token)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.End(ctx, carol.Member.ID, Ways{Tokens: true, Certificates: true}, s.ID); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"link", "announce key", "IRC key", "SCRAM"}, w.open(t, th)); diff != "" {
			t.Errorf("open (-want +got):\n%s", diff)
		}
		if _, err := w.End(ctx, carol.Member.ID, AllWays(), s.ID); err != nil {
			t.Fatal(err)
		}
		if got := w.open(t, th); got != nil {
			t.Errorf("open: %q", got)
		}
		if _, _, err := w.BySession(ctx, token); err != nil {
			t.Errorf("the browser that asks: %v", err)
		}
		_, _, err = w.ChangePassphrase(ctx, carol.Member, "short", "")
		wantCode(t, err, core.Invalid)
	})
}

// TestEveryLoginAndChangeIsInTheSecurityLog goes by every way in, rightly and wrongly.
func TestEveryLoginAndChangeIsInTheSecurityLog(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := security.With(t.Context(), security.Origin{Face: security.IRC, Address: netip.MustParseAddr("192.0.2.7"), Way: "SASL PLAIN"})
		carol := w.make(t, "carol", "")
		id := carol.Member.ID
		th := w.robbed(t, carol)
		counted := func(kind security.Kind) (n int) {
			list, err := w.Security().Page(ctx, id, 0, security.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if e.Kind == kind && e.Address == "192.0.2.7" && e.Face == security.IRC {
					n += e.Tries
				}
			}
			return n
		}
		steps := []struct {
			name string
			do   func() error
			want security.Kind
		}{
			{"passphrase", func() error { _, err := w.Login(ctx, "Carol", "wrong"); return err }, security.Refused},
			{"IRC key", func() error { _, err := w.AuthIRC(ctx, "Carol", "wrong"); return err }, security.Refused},
			{"IRC key", func() error { _, err := w.AuthIRC(ctx, "carol", th.irc); return err }, security.LoggedIn},
			{"SCRAM", func() error { return errors.Join(errIRCLogin(), w.NoteIRC(ctx, "CAROL", false)) }, security.Refused},
			{"SCRAM", func() error { _, err := w.AuthIRCVerified(ctx, th.verifier); return err }, security.LoggedIn},
			{"certificate", func() error { _, err := w.AuthCertificate(ctx, th.certificate, "carol"); return err }, security.LoggedIn},
			{"another's certificate", func() error { _, err := w.AuthCertificate(ctx, strings.Repeat("00", 32), "carol"); return err }, security.Refused},
			{"session", func() error { _, err := w.NewSession(ctx, id, "elsewhere"); return err }, security.LoggedIn},
			{"link", func() error { _, err := w.CheckDownload(ctx, "wrong", th.announceKey); return err }, security.Refused},
			{"link", func() error { _, err := w.CheckDownload(ctx, th.auth, th.announceKey); return err }, security.Used},
			{"token", func() error { _, _, err := w.ByToken(ctx, th.token); return err }, security.Used},
			{"new token", func() error { _, err := w.NewToken(ctx, id, "x", ScopeRead); return err }, security.TokenMade},
			{"token", func() error { return w.RevokeToken(ctx, id, w.tokenIDs(t, id)[0]) }, security.TokensRevoked},
			{"certificate", func() error { _, err := w.AddCertificate(ctx, id, strings.Repeat("cd", 32), ""); return err }, security.CertificateAdded},
			{"certificate", func() error { _, err := w.RemoveCertificate(ctx, id, strings.Repeat("cd", 32)); return err }, security.CertificateRemoved},
			{"announce key", func() error { _, err := w.NewAnnounceKey(ctx, id); return err }, security.AnnounceKeyNew},
			{"IRC key", func() error { _, err := w.NewIRCKey(ctx, id); return err }, security.IRCKeyNew},
			{"sessions", func() error { _, err := w.End(ctx, id, Ways{Sessions: true}, 0); return err }, security.SessionsEnded},
			{"passphrase", func() error {
				_, _, err := w.ChangePassphrase(ctx, carol.Member, "quite another passphrase", "")
				return err
			}, security.PassphraseChanged},
			{"disabled", func() error {
				if err := w.begin(ctx, id, Disabled, "a test"); err != nil {
					return err
				}
				_, err := w.Login(ctx, "carol", "quite another passphrase")
				return err
			}, security.ShutOut},
		}
		for _, s := range steps {
			before, err := counted(s.want), s.do()
			if bad := s.want == security.Refused || s.want == security.ShutOut; bad {
				wantCode(t, err, core.Forbidden)
			} else if err != nil {
				t.Fatalf("%s: %v", s.name, err)
			}
			if n := counted(s.want); n != before+1 {
				t.Errorf("%s: %q is counted %d times more, want 1", s.name, s.want, n-before)
			}
		}
		// Who tries names that nobody has leaves no trace of what they typed.
		if _, err := w.Login(ctx, "my passphrase by mistake", "x"); core.CodeOf(err) != core.Forbidden {
			t.Fatal(err)
		}
		list, err := w.Security().Page(ctx, 0, 0, 10)
		if err != nil || len(list) != 1 || list[0].Kind != security.Refused || list[0].Detail != "SASL PLAIN" {
			t.Errorf("%+v (%v)", list, err)
		}
	})
}

func (w *world) tokenIDs(t *testing.T, id core.MemberID) (out []int64) {
	t.Helper()
	list, err := w.Tokens(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range list {
		out = append(out, token.ID)
	}
	return out
}

// TestChangeAndEntryAreOne lets the log fail: then nothing is changed either.
func TestChangeAndEntryAreOne(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		carol := w.make(t, "carol", "")
		th := w.robbed(t, carol)
		before := w.open(t, th)
		if err := w.exec(ctx, "DROP TABLE security_log"); err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func() error{
			"reset": func() error { _, err := w.ResetPassphrase(ctx, carol.Member.ID, NewSecret{hash: "x"}); return err },
			"passphrase": func() error {
				_, _, err := w.ChangePassphrase(ctx, carol.Member, "quite another passphrase", "")
				return err
			},
			"announce key": func() error { _, err := w.NewAnnounceKey(ctx, carol.Member.ID); return err },
			"IRC key":      func() error { _, err := w.NewIRCKey(ctx, carol.Member.ID); return err },
			"token":        func() error { return w.RevokeToken(ctx, carol.Member.ID, w.tokenIDs(t, carol.Member.ID)[0]) },
			"certificate":  func() error { _, err := w.RemoveCertificate(ctx, carol.Member.ID, th.certificate); return err },
			"session":      func() error { _, err := w.NewSession(ctx, carol.Member.ID, ""); return err },
		} {
			if do() == nil {
				t.Errorf("%s: done without its entry", name)
			}
		}
		if diff := cmp.Diff(before, w.open(t, th)); diff != "" {
			t.Errorf("what failed has changed something (-before +after):\n%s", diff)
		}
		if err := w.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := w.In(tx).Holds(ctx, carol.Member.ID, AllWays(), 0)
			return err
		}); err != nil {
			t.Error(err)
		}
	})
}
