package member

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ids, people := map[string]int64{}, map[string]core.MemberID{}
		for _, name := range []string{"alice", "alicia", "Bob", "dan_x", "carl"} {
			c := w.make(t, name, map[string]string{"carl": "Elite"}[name])
			ids[name], people[name] = c.Member.Class.ID, c.Member.ID
			if name == "Bob" {
				if err := w.begin(ctx, c.Member.ID, Disabled, "two accounts"); err != nil {
					t.Fatal(err)
				}
			}
			if name == "alicia" {
				if err := w.begin(ctx, c.Member.ID, NoDownload, "traded accounts"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.SetSecondary(ctx, people["alice"], "Donor", true); err != nil {
			t.Fatal(err)
		}
		donor, err := w.ClassNamed(ctx, "donor")
		if err != nil {
			t.Fatal(err)
		}
		announces(t, w, people["Bob"], "Transmission 4.0.6", 1)
		announces(t, w, people["alice"], "Transmission 3.00", 2)
		announces(t, w, people["carl"], "qBittorrent 5.0", 1)
		for _, guest := range []string{"carl", "dan_x"} {
			w.came(t, people[guest], people["Bob"])
		}
		if _, err := w.EnsureBot(ctx, "a key that is long enough for it"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter Filter
			limit  int
			want   string
		}{
			{Filter{}, 10, "alice alicia Bob carl dan_x of 5"},
			{Filter{}, 2, "alice alicia of 5"},
			{Filter{After: "ALICIA"}, 2, "Bob carl of 5"},
			{Filter{Part: "LIC"}, 10, "alice alicia of 2"},
			{Filter{Part: "n_"}, 10, "dan_x of 1"},
			{Filter{Part: "%"}, 10, " of 0"},
			{Filter{Part: strings.Repeat("a", MaxPart+1)}, 10, " of 0"},
			{Filter{State: "disabled"}, 10, "Bob of 1"},
			{Filter{State: "enabled", Part: "a"}, 10, "alice alicia carl dan_x of 4"},
			{Filter{State: "no-download"}, 10, "alicia of 1"},
			{Filter{Part: "#1"}, 10, "alice of 1"},
			{Filter{Part: "#4711"}, 10, " of 0"},
			{Filter{Part: "#one"}, 10, " of 0"},
			{Filter{Part: "#1", State: "disabled"}, 10, " of 0"},
			{Filter{Class: Class{ID: ids["carl"]}}, 10, "carl of 1"},
			{Filter{Class: donor}, 10, "alice of 1"},
			{Filter{Class: donor, State: "disabled"}, 10, " of 0"},
			{Filter{Client: "Transmission"}, 10, "alice Bob of 2"},
			{Filter{Client: "Transmission 4.0"}, 10, "Bob of 1"},
			{Filter{Client: "Transmission", Part: "LIC"}, 10, "alice of 1"},
			{Filter{Client: "mission"}, 10, " of 0"},
			{Filter{Inviter: people["Bob"]}, 10, "carl dan_x of 2"},
			{Filter{Inviter: people["Bob"]}, 1, "carl of 2"},
			{Filter{Inviter: people["Bob"], Client: "qBittorrent"}, 10, "carl of 1"},
			{Filter{Inviter: people["alice"]}, 10, " of 0"},
		} {
			list, count, err := w.Find(ctx, c.filter, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range list {
				names = append(names, m.Name)
				if m.Class.Name == "" {
					t.Errorf("%s has no class", m.Name)
				}
			}
			if got := fmt.Sprint(strings.Join(names, " "), " of ", count); got != c.want {
				t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
			}
		}
	})
}

// recordColumns are those of an announce record behind its key.
var recordColumns = []string{"torrent_id", "at", "announces", "event", "client", "families", "public", "port", "announced_up", "announced_down",
	"credited_up", "credited_down", "bytes_left", "leech", "outcome"}

// announces writes n records of announces with a client.
func announces(t *testing.T, w *world, m core.MemberID, client string, n int) {
	t.Helper()
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{m, 1, i, 1, 0, 1, "", client, 0, false, "", 0, 0, 0, 0, 0, "", ""}
	}
	if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
		for part := range slices.Chunk(rows, 1000) {
			if err := tx.Upsert(t.Context(), db.UpsertSpec{Table: "announce_record", Key: []string{"member_id", "ring", "slot"},
				Keep: recordColumns}, part...); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// came notes who invited somebody.
func (w *world) came(t *testing.T, guest, inviter core.MemberID) {
	t.Helper()
	if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.InsertIgnore(t.Context(), "member_inviter", db.Row{"member_id", guest, "inviter_id", inviter, "via", "invite", "invite_id", 0, "network_mac", []byte{}, "at", 0})
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// TestCommonClient has a client with more announces than are looked through: what is found
// is said to be a part.
func TestCommonClient(t *testing.T) {
	w := openWorld(t, dbtest.SQLite(t)) // the bound is the statement's, the same for both engines
	alice := w.make(t, "alice", "").Member.ID
	announces(t, w, alice, "Transmission 4.0.6", mostRecords)
	for _, want := range []bool{false, true} {
		if common, err := w.ClientIsCommon(t.Context(), "Transmission"); err != nil || common != want {
			t.Errorf("common %t, %v; want %t", common, err, want)
		}
		announces(t, w, w.make(t, fmt.Sprint("bob", want), "").Member.ID, "Transmission 4.0.6", 1)
	}
	if list, _, err := w.Find(t.Context(), Filter{Client: "Transmission"}, 10); err != nil || len(list) == 0 {
		t.Errorf("found %d, %v", len(list), err)
	}
}

func TestMarks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.make(t, "alice", ""), w.make(t, "bob", "")
		first := w.now
		for range 2 {
			if err := w.SetMark(t.Context(), alice.Member.ID, StartDone); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(1 << 32)
		}
		marks, err := w.Marks(t.Context(), alice.Member.ID)
		if err != nil || len(marks) != 1 || !marks[StartDone].Equal(first) {
			t.Errorf("marks %v, %v", marks, err)
		}
		if marks, err := w.Marks(t.Context(), bob.Member.ID); err != nil || len(marks) != 0 {
			t.Errorf("marks of another: %v, %v", marks, err)
		}
	})
}
