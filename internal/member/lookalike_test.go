package member

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

func TestNamesThatNobodyMayHave(t *testing.T) {
	t.Parallel()
	classes := []Class{{Name: "Curator General", Permissions: core.NewPermissions(core.IRCOperate)}, {Name: "Elite"}, {Name: BotClass, Permissions: core.NewPermissions(core.IRCOperate)}}
	for name, want := range map[string][2]bool{ // may an ordinary member be called so, and one of staff?
		"Hermes": {}, "H3rmes": {}, "Herrnes": {}, "Herm3s": {}, "Hermes_bot": {}, "HermesBot": {}, "her_mes9": {}, "NickServ": {}, "N1ckServ": {}, "chan_serv": {}, "MemoServ": {},
		"Guest": {}, "guest7": {}, "Gue5t": {}, "_guest_": {},
		"Staff": {false, true}, "5taff": {false, true}, "St4ff_": {false, true}, "sys0p": {false, true}, "sysop2": {false, true}, "Adm1n": {false, true}, "4dmin": {false, true}, "rnod": {false, true},
		"bob_admin": {false, true}, "Moderator_Bob": {false, true}, "m0derat0r": {false, true}, "curatorgenera1": {false, true}, "helpdesk1": {false, true},
		"alice": {true, true}, "hermione": {true, true}, "thermes": {true, true}, "nick": {true, true}, "server9": {true, true}, "guesthouse": {true, true}, "modern": {true, true},
		"staffan": {true, true}, "elite": {true, true}, "robot": {true, true}, "bot": {true, true},
	} {
		for i, staff := range []bool{false, true} {
			if err := (calling{"name", name, staff}).check(classes); (err == nil) != want[i] {
				t.Errorf("%s, of staff %v: %v", name, staff, err)
			}
		}
	}
}

// TestLookAlikes tries names for accounts and for nicks, which the same rule judges, beside
// what there is: with the marks by which they are found, and as an older release left them.
func TestLookAlikes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, eve := w.make(t, "alice", "").Member, w.make(t, "eve", "").Member
		w.make(t, "user1", "")
		if err := w.AddNick(ctx, alice.ID, "Ravenna", 5); err != nil {
			t.Fatal(err)
		}
		refused := func(when string) {
			t.Helper()
			for name, like := range map[string]string{"al1ce": "alice", "Alice_": "alice", "a11ce": "alice", "ALICEE": "alice", "4lice": "alice", "_a_lice": "alice",
				"Raven_na": "Ravenna", "rav3nna": "Ravenna", "ravena": "Ravenna", "userl": "user1", "3ve": "eve"} {
				_, err := w.Create(ctx, New{Name: name})
				if core.CodeOf(err) != core.Conflict || core.FieldOf(err) != "name" || !strings.HasSuffix(err.Error(), "too much like "+like+", who is somebody else") {
					t.Errorf("%s: an account %s: %v", when, name, err)
				}
				if like == "eve" || name[0] >= '0' && name[0] <= '9' {
					continue // it is her own name, or no nick
				}
				if err := w.AddNick(ctx, eve.ID, name, 5); core.CodeOf(err) != core.Conflict || core.FieldOf(err) != "nick" || !strings.Contains(err.Error(), like) {
					t.Errorf("%s: a nick %s: %v", when, name, err)
				}
			}
			wantCode(t, w.AddNick(ctx, eve.ID, "alice_away", 5), core.Conflict) // so members vary their own names
			wantCode(t, w.AddNick(ctx, eve.ID, "ravenna_x", 5), core.Conflict)
			_, err := w.Create(ctx, New{Name: "ravenna"})
			if core.CodeOf(err) != core.Conflict || !strings.HasSuffix(err.Error(), "is taken") {
				t.Errorf("%s: an account with the name of a nick: %v", when, err)
			}
		}
		refused("marked")
		unmark := func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE member_nick SET skeleton = ''"); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE member SET skeleton = ''")
			return err
		}
		if err := w.db.Tx(ctx, unmark); err != nil {
			t.Fatal(err)
		}
		refused("by an older release")
		for range 2 { // it may be run again
			if _, err := w.RefreshAccounts(ctx, 100); err != nil {
				t.Fatal(err)
			}
		}
		refused("refreshed")
		for _, table := range []string{"member", "member_nick"} {
			if n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM "+table+" WHERE skeleton = ''"); n != 0 || err != nil {
				t.Errorf("%s: %d rows without a mark, %v", table, n, err)
			}
		}
		for _, name := range []string{"alicia", "user11", "user2", "alice_liddell"} {
			if _, err := w.Create(ctx, New{Name: name}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := w.AddNick(ctx, alice.ID, "a1ice", 5); err != nil {
			t.Errorf("what looks like one's own name: %v", err)
		}
	})
}

// TestAccountsAreRefreshedInBatches has names, nicks that look like nothing, and keys, of
// which one can't be opened.
func TestAccountsAreRefreshedInBatches(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice := w.make(t, "alice", "")
		w.make(t, "bob", "")
		for _, nick := range []string{"_", "__", "ally"} {
			if err := w.AddNick(ctx, alice.Member.ID, nick, 5); err != nil {
				t.Fatal(err)
			}
		}
		err := w.db.Tx(ctx, func(tx *db.Tx) error {
			for _, old := range []string{"UPDATE member SET skeleton = '', irc_key_mac = x''", "UPDATE member_nick SET skeleton = ''",
				"UPDATE member SET irc_key_box = x'00' WHERE name = 'bob'"} {
				if _, err := tx.Exec(ctx, old); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []int64{2, 2, 2, 0} {
			n, err := w.RefreshAccounts(ctx, 2)
			if n != want || (err != nil) != (i == 3) {
				t.Errorf("batch %d: %d, %v", i, n, err)
			}
			if i == 3 && !strings.Contains(err.Error(), "member 2") {
				t.Error(err)
			}
		}
		type state struct {
			names, nicks, macs int64
		}
		got, _, err := db.One(ctx, w.db, func(sc db.Scanner) (s state, err error) { return s, sc.Scan(&s.names, &s.nicks, &s.macs) },
			`SELECT (SELECT COUNT(*) FROM member WHERE skeleton = ''), (SELECT COUNT(*) FROM member_nick WHERE skeleton = ''),
			(SELECT COUNT(*) FROM member WHERE irc_key_mac = x'')`)
		if err != nil || got != (state{0, 0, 1}) {
			t.Errorf("%+v are left, %v", got, err)
		}
	})
}
