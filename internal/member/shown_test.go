package member

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// TestSuspects finds what has exactly the shape of a key, and nothing else.
func TestSuspects(t *testing.T) {
	t.Parallel()
	key, announceKey, token := strings.Repeat("Ab3", 8), strings.Repeat("Zz09", 8), strings.Repeat("x", tokenLen)
	torrent := TorrentKey(announceKey, 7, 9)
	for text, want := range map[string][]string{
		"":                                  nil,
		"hello, how are you?":               nil,
		key:                                 {key},
		"my key is " + key + ".":            {key},
		"/msg NickServ IDENTIFY bob " + key: {key},
		"https://bio.example/torrents.php?action=download&id=7&authkey=" + secret.RandomHex(16)[:31] + "&torrent_pass=" + announceKey: {announceKey},
		"http://tracker.example:34000/" + torrent + "/announce":                                                                       {torrent},
		"Authorization: Bearer " + token:                    {token},
		"tobilu-kasemo-rupade-vinohe":                       {"tobilu-kasemo-rupade-vinohe"},
		"(tobilu-kasemo-rupade-vinohe), " + key + " " + key: {key, "tobilu-kasemo-rupade-vinohe"},
		"x" + key:                                  nil,
		key[1:]:                                    nil,
		"é" + key + "é":                            {key},
		"tobilu-kasemo-rupade":                     nil,
		"Tobilu-kasemo-rupade-vinohe":              nil,
		"tobilu-kasemo-rupade-vinohe-tobilu":       nil,
		"0123456789abcdef0123456789abcdef01234567": nil, // an info-hash
		"antidisestablishmentarianism":             nil,
	} {
		if diff := gocmp.Diff(want, Suspects(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	many := ""
	for range 2 * maxSuspects {
		many += secret.Token(ircKeyLen) + " "
	}
	if n := len(Suspects(many)); n != maxSuspects {
		t.Errorf("%d of many are looked up", n)
	}
}

// TestWhoseSecrets looks up every kind of secret of one member, beside what only has the shape.
func TestWhoseSecrets(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", ""), w.make(t, "bob", "")
		id := alice.Member.ID
		token, err := w.NewToken(ctx, id, "script", ScopeRead)
		if err != nil {
			t.Fatal(err)
		}
		cookie, err := w.NewSession(ctx, id, "a browser")
		if err != nil {
			t.Fatal(err)
		}
		botKey := secret.Token(botKeyLen)
		bot, err := w.EnsureBot(ctx, botKey)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(text string, speaker core.MemberID, want ...Shown) {
			t.Helper()
			got, err := w.WhoseSecrets(ctx, Suspects(text), speaker)
			slices.SortFunc(got, func(a, b Shown) int {
				return cmp.Or(strings.Compare(string(a.Kind), string(b.Kind)), int(a.Member-b.Member))
			})
			if diff := gocmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%q: %v %s", text, err, diff)
			}
		}
		of := func(kind SecretKind) Shown { return Shown{id, kind} }
		ask("the key is "+alice.IRCKey, bob.Member.ID, of(SecretIRCKey))
		ask("torrent_pass="+alice.AnnounceKey+"&", id, of(SecretAnnounceKey))
		ask("https://t.example/"+TorrentKey(alice.AnnounceKey, id, 3)+"/announce", id, of(SecretAnnounceKey))
		ask("https://t.example/"+TorrentKey("made up", id, 3)+"/announce", bob.Member.ID, Shown{0, SecretAnnounceKey}) // alice need not change hers
		ask(token, id, of(SecretToken))
		ask("Cookie: session="+cookie, id, of(SecretSession))
		ask(alice.Password, id, of(SecretPassphrase))
		ask(alice.Password, bob.Member.ID) // can't be told, and is no use without the name
		ask(alice.Password, 0, Shown{0, SecretPassphrase})
		ask(botKey, id, Shown{bot.ID, SecretIRCKey})
		ask(alice.IRCKey+" "+token+" "+alice.AnnounceKey, id, of(SecretAnnounceKey), of(SecretIRCKey), of(SecretToken))
		ask(secret.Token(ircKeyLen)+" "+secret.Token(AnnounceKeyLen)+" "+secret.Token(tokenLen)+" "+secret.Passphrase(), id)
		ask("nothing of the kind", id)

		// What an older release has written is found once it has been brought up to date.
		if err := w.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE member SET irc_key_mac = x''")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		ask(alice.IRCKey, id)
		if _, err := w.RefreshAccounts(ctx, 10); err != nil {
			t.Fatal(err)
		}
		ask(alice.IRCKey+" "+bob.IRCKey, id, of(SecretIRCKey), Shown{bob.Member.ID, SecretIRCKey})
		fresh, err := w.NewIRCKey(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		ask(alice.IRCKey+" "+fresh, id, of(SecretIRCKey))

		if err := w.NoteShown(ctx, of(SecretIRCKey), "alice", "#general", false); err != nil {
			t.Fatal(err)
		}
		list, err := w.Security().Page(ctx, id, 0, security.MaxPage)
		if err != nil || !slices.ContainsFunc(list, func(e security.Entry) bool {
			return e.Kind == security.KeyShown && e.Detail == "the IRC key, in #general; it was kept back"
		}) {
			t.Errorf("the security log has %+v, %v", list, err)
		}
	})
}
